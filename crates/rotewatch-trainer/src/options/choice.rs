//! The choices of the command line: task, network, optimizer and source of the probe.

use std::fmt;
use std::str::FromStr;

use rotewatch_core::vocabulary::choices::UnknownChoice;
use strum::{Display, EnumMessage, EnumString, VariantArray, VariantNames};

use super::OptionsError;

/// The task to learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Task>)]
pub enum Task {
    /// Ten classes of digits that look handwritten, rendered by the program; no download.
    #[default]
    Digits,
    /// MNIST with ten classes; `label-noise` redraws a share of the labels at random.
    ShuffledMnist,
    /// MNIST with two classes, digits below 5 and the rest, and a colour that agrees with the label as often as `spurious` says.
    ColoredMnist,
    /// Two concentric circles in the plane, and a third feature that `spurious` makes a shortcut.
    Circles,
    /// Short generated texts about one of ten topics; no download.
    Topics,
}

/// The network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Model>)]
pub enum Model {
    /// Three hidden layers of 256 neurons.
    #[default]
    Mlp,
    /// Two convolutions and a hidden linear layer.
    Cnn,
    /// Three blocks of self-attention and feed-forward layers of width 64; reads tokens.
    Transformer,
}

/// Where the rows of the probe come from. Their labels, wrong ones included, are compared with the predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<ProbeFrom>)]
pub enum ProbeFrom {
    /// Like the training examples, shortcuts included, but not among them.
    #[default]
    Training,
    /// From the test set, where a shortcut is random; used by the paper's sweeps.
    Test,
}

/// The optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Optimizer>)]
pub enum Optimizer {
    /// Adam with the usual moments, 0.9 and 0.999.
    #[default]
    Adam,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

/// One step of the learning rate: from epoch `epoch` on (the first is 1) it is multiplied by `factor`. Written `EPOCH:FACTOR`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrStep {
    /// The first epoch trained at the new rate.
    pub epoch: u32,
    /// What the rate is multiplied by; above 0.
    pub factor: f64,
}

impl FromStr for LrStep {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let unreadable = || OptionsError::LrStep { got: text.to_owned() };
        let (epoch, factor) = text.split_once(':').ok_or_else(unreadable)?;
        let step = LrStep {
            epoch: epoch.trim().parse().map_err(|_| unreadable())?,
            factor: factor.trim().parse().map_err(|_| unreadable())?,
        };
        if step.epoch == 0 || !step.factor.is_finite() || step.factor <= 0.0 {
            return Err(unreadable());
        }
        Ok(step)
    }
}

impl fmt::Display for LrStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rotewatch_core::vocabulary::choices::Choice;

    #[test]
    fn names_are_read_as_they_are_written() {
        for task in Task::all() {
            assert_eq!(task.to_string().parse::<Task>(), Ok(*task));
        }
        assert_eq!("shuffled-mnist".parse(), Ok(Task::ShuffledMnist));
        assert_eq!("sgd".parse(), Ok(Optimizer::Sgd));
        let error = "resnet".parse::<Model>().unwrap_err();
        assert_eq!(error.to_string(), "`resnet` is not one of mlp, cnn, transformer");
    }

    #[test]
    fn a_learning_rate_step_is_an_epoch_and_a_factor() {
        let step: LrStep = "20:0.1".parse().unwrap();
        assert_eq!(step, LrStep { epoch: 20, factor: 0.1 });
        assert_eq!(step.to_string(), "20:0.1");
        for wrong in ["20", "0:0.1", "20:0", "20:-1", "20:nan", "x:0.1", "20:", "1.5:0.1"] {
            assert!(wrong.parse::<LrStep>().is_err(), "{wrong} was accepted");
        }
    }
}
