//! Settings of the intake and the detectors that are one of a few words.

pub use rotewatch_info::choice::{Choice, UnknownChoice};
use strum::{Display, EnumMessage, EnumString, VariantArray, VariantNames};

/// Where an epoch's rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Mode>)]
pub enum Mode {
    /// A fixed, unlabelled set of examples, passed through the network at the end of each epoch.
    Probe,
    /// Rows sampled from the training batches themselves.
    Stream,
}

/// How a map or a sequence of a neuron becomes one number a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Reduce>)]
pub enum Reduce {
    /// The mean over all positions.
    Mean,
    /// The largest value over all positions.
    Max,
    /// Positions sampled by seed, each a row of its own.
    Sample,
    /// The last position, as in a causal language model.
    Last,
}

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Ending>)]
pub enum Ending {
    /// It did all that it was to do.
    Finished,
    /// Something went wrong.
    Failed,
    /// It was asked to stop, and did.
    Stopped,
}

/// What the trainer's side does when the channel to the monitor is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<OnFull>)]
pub enum OnFull {
    /// Drop the frame and count it: training never waits.
    Drop,
    /// Wait for room and count the time: no frame is lost.
    Wait,
}

/// The two ways in which a network memorizes (Bansal, Pruthi, Belinkov, 2022, section 1), and what looks like either.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Kind>)]
pub enum Kind {
    /// Single examples are learnt by heart, wrong labels for instance: high entropy, low mutual information.
    ExampleLevel,
    /// A shortcut is learnt in place of the task: low entropy, high mutual information.
    Heuristic,
    /// The run departs from a reference run as memorizing networks do.
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
