//! The options of the built-in trainer: plain values, without libtorch.
//!
//! `check` refuses combinations that would be ignored or make no sense, so that the options of a training always describe it.

mod check;
mod choice;
mod error;

use std::num::NonZeroUsize;
use std::path::PathBuf;

pub use choice::{LrStep, Model, Optimizer, ProbeFrom, Task};
pub use error::OptionsError;

/// The maximum number of rows of a task with rendered examples (MNIST has its own number); 0.8 GB at 14 x 14 floats.
pub const RENDERED_EXAMPLES_MAX: usize = 1_000_000;

/// The share of labels that the coloured task flips before it adds colours, as in Arjovsky et al. (2019), section 5.2.
pub const COLORED_LABEL_NOISE: f64 = 0.25;

/// How often the colour agrees with the label of the coloured task by default.
pub const COLORED_SPURIOUS_DEFAULT: f64 = 0.9;

/// Which examples are learnt, and how their labels are changed.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskOptions {
    /// The task (default `digits`).
    pub task: Task,
    /// The folder of MNIST's IDX files; not used by tasks that render their own examples.
    pub data: Option<PathBuf>,
    /// Number of training examples (default 10,000).
    pub examples: usize,
    /// Share of the training labels redrawn uniformly over all classes, the true one included; 0 to 1 (default 0).
    pub label_noise: f64,
    /// How often the shortcut agrees with the training label, 0 to 1; turns `digits` into the coloured task.
    pub spurious: Option<f64>,
    /// Whether every epoch shifts every training image by up to two pixels of 28 in each direction.
    pub augment: bool,
    /// Rows of the probe, which are not among the training examples, and at most that many seen rows (default 1,000).
    pub probe_rows: usize,
    /// Where they come from (default `training`).
    pub probe_from: ProbeFrom,
}

impl Default for TaskOptions {
    fn default() -> Self {
        TaskOptions {
            task: Task::default(),
            data: None,
            examples: 10_000,
            label_noise: 0.0,
            spurious: None,
            augment: false,
            probe_rows: 1_000,
            probe_from: ProbeFrom::default(),
        }
    }
}

impl TaskOptions {
    /// How often the colour agrees with the label; `None` if the task is not coloured (digits below 5 against the rest).
    #[must_use]
    pub fn color_agreement(&self) -> Option<f64> {
        match self.task {
            Task::Digits => self.spurious,
            Task::ColoredMnist => Some(self.spurious.unwrap_or(COLORED_SPURIOUS_DEFAULT)),
            Task::ShuffledMnist | Task::Circles | Task::Topics => None,
        }
    }
}

impl TaskOptions {
    /// A description of the probe. Runs with the same description were measured on rows of the same distribution.
    #[must_use]
    pub fn probe_in_words(&self) -> String {
        let TaskOptions { task, probe_rows, .. } = self;
        match (self.probe_from, self.color_agreement()) {
            (ProbeFrom::Test, _) => format!("{probe_rows} rows of the test set of {task}"),
            (ProbeFrom::Training, None) => format!("{probe_rows} rows like the training examples of {task}"),
            (ProbeFrom::Training, Some(agreement)) => {
                format!("{probe_rows} rows like the training examples of {task} with a colour that agrees in {agreement}")
            }
        }
    }
}

/// Everything that determines a training; on the same machine, its losses to the last digit.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// The examples.
    pub task: TaskOptions,
    /// The network (default the MLP).
    pub model: Model,
    /// Whether every hidden layer is followed by batch normalisation (default no).
    pub batch_norm: bool,
    /// Share of each hidden layer's outputs dropped in training, 0 to below 1 (default 0).
    pub dropout: f64,
    /// The optimizer (default Adam).
    pub optimizer: Optimizer,
    /// The learning rate (default 0.001).
    pub learning_rate: f64,
    /// A step of the learning rate (default none).
    pub lr_step: Option<LrStep>,
    /// L2 penalty on the weights, added to the gradient (default 0).
    pub weight_decay: f64,
    /// Examples per step; the last batch of an epoch has the remaining examples (default 128).
    pub batch_size: usize,
    /// Passes over the training examples (default 30).
    pub epochs: u32,
    /// Random seed of examples, labels, weights, batches, shifts and dropout (default 1).
    pub seed: u64,
    /// Threads libtorch may use in one operation, for the whole process (default 1).
    pub threads: NonZeroUsize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            task: TaskOptions::default(),
            model: Model::default(),
            batch_norm: false,
            dropout: 0.0,
            optimizer: Optimizer::default(),
            learning_rate: 1e-3,
            lr_step: None,
            weight_decay: 0.0,
            batch_size: 128,
            epochs: 30,
            seed: 1,
            threads: NonZeroUsize::MIN,
        }
    }
}

impl TrainOptions {
    /// The learning rate of an epoch; the first is 1.
    #[must_use]
    pub fn learning_rate_at(&self, epoch: u32) -> f64 {
        match self.lr_step {
            Some(step) if epoch >= step.epoch => self.learning_rate * step.factor,
            _ => self.learning_rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_changes_at_the_given_epoch() {
        let options = TrainOptions { lr_step: Some(LrStep { epoch: 3, factor: 0.5 }), ..TrainOptions::default() };
        let rates: Vec<f64> = (1..=4).map(|epoch| options.learning_rate_at(epoch)).collect();
        assert_eq!(rates, [1e-3, 1e-3, 5e-4, 5e-4]);
    }
}
