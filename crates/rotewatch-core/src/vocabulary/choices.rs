//! Settings of the intake and the detectors that are one of a few words.

pub use rotewatch_info::choice::{Choice, UnknownChoice};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray, VariantNames};

/// Where the rows of an epoch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Mode>)]
pub enum Mode {
    /// A fixed set of examples that are not trained on, passed through the network at the end of each epoch.
    Probe,
    /// Rows sampled from the training batches.
    Stream,
}

/// How a feature map or a sequence becomes one number per row and neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Reduce>)]
pub enum Reduce {
    /// The mean over all positions.
    Mean,
    /// The maximum over all positions.
    Max,
    /// Seeded random positions, each as a row of its own.
    Sample,
    /// The last position, as in a causal language model.
    Last,
}

/// An alarm that may ask the trainer to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<StopOn>)]
pub enum StopOn {
    /// Memorizing wrong labels or single examples, with harm that is shown.
    Shown,
    /// The same, and harm that is only suspected.
    Suspected,
    /// Memorizing a shortcut.
    Heuristic,
    /// Departing from the baseline run.
    Baseline,
    /// The old name of `shown`, for one release.
    ExampleLevel,
}

/// What a network's outputs are, which decides what is said of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Task>)]
pub enum Task {
    /// Scores of classes, one class per row.
    Classes,
    /// One score per row, of two classes.
    Binary,
    /// Scores of labels, any number of which may apply to a row.
    Labels,
    /// Scores of classes at each position of a row: language models, segmentation.
    Tokens,
    /// Numbers: regression, reconstruction, embeddings.
    Values,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Ending>)]
pub enum Ending {
    /// The training is complete.
    Finished,
    /// The training failed.
    Failed,
    /// The training stopped because it was asked to.
    Stopped,
}

/// What the trainer does when the channel to the monitor is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<OnFull>)]
pub enum OnFull {
    /// Drop the frame and count it: training never waits.
    Drop,
    /// Wait for space and count the time: no frame is lost.
    Wait,
}

/// The two ways in which a network memorizes (Bansal, Pruthi, Belinkov, 2022, section 1), and a departure from a baseline run.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumMessage,
    EnumString,
    VariantArray,
    VariantNames,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Kind>)]
pub enum Kind {
    /// The network memorizes wrong labels or single examples: high entropy, low mutual information.
    ExampleLevel,
    /// The network memorizes a shortcut: low entropy, high mutual information.
    Heuristic,
    /// The run departs from the baseline run in the way that memorizing networks do.
    Baseline,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_choice_reads_back<T: Choice + PartialEq + std::fmt::Debug>() {
        for choice in T::all() {
            assert_eq!(choice.to_string().parse::<T>().as_ref(), Ok(choice));
        }
    }

    #[test]
    fn what_display_writes_from_str_reads() {
        every_choice_reads_back::<Mode>();
        every_choice_reads_back::<Reduce>();
        every_choice_reads_back::<Ending>();
        every_choice_reads_back::<Task>();
        every_choice_reads_back::<StopOn>();
        every_choice_reads_back::<OnFull>();
        every_choice_reads_back::<Kind>();
    }

    #[test]
    fn spellings_are_those_of_files_and_labels() {
        assert_eq!(Kind::ExampleLevel.to_string(), "example_level");
        assert_eq!(OnFull::Drop.to_string(), "drop");
    }

    #[test]
    fn an_unknown_word_lists_the_known_ones() {
        let refused: UnknownChoice = "Probe".parse::<Mode>().unwrap_err();
        assert_eq!(refused.to_string(), "`Probe` is not one of probe, stream");
    }
}
