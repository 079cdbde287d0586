//! Checks the options of a training, alone and in combination.

use super::{Model, OptionsError, RENDERED_EXAMPLES_MAX, Task, TaskOptions, TrainOptions};

impl TaskOptions {
    /// Refuses numbers out of range and combinations that make no sense.
    ///
    /// # Errors
    /// The first mistake found, with what to write instead.
    pub fn check(&self) -> Result<(), OptionsError> {
        share("label-noise", self.label_noise)?;
        if let Some(alpha) = self.spurious {
            share("spurious", alpha)?;
        }
        at_least_one("examples", self.examples)?;
        at_least_one("probe-rows", self.probe_rows)?;
        let rendered = matches!(self.task, Task::Digits | Task::Circles | Task::Topics);
        for (option, got) in [("examples", self.examples), ("probe-rows", self.probe_rows)] {
            if rendered && got > RENDERED_EXAMPLES_MAX {
                return Err(OptionsError::TooMany { option, got, most: RENDERED_EXAMPLES_MAX });
            }
        }
        if self.task == Task::ShuffledMnist && self.spurious.is_some() {
            return Err(OptionsError::Meaningless {
                options: "--spurious with --task shuffled-mnist",
                reason: "its images have no colour",
                instead: "use --task colored-mnist, or remove --spurious",
            });
        }
        if self.label_noise > 0.0 && self.color_agreement().is_some() {
            return Err(OptionsError::Meaningless {
                options: "--label-noise with a coloured task",
                reason: "a quarter of its labels are wrong already, and the colour agrees with those labels",
                instead: "remove --label-noise, or use an uncoloured task without --spurious",
            });
        }
        if self.task == Task::Topics && self.spurious.is_some() {
            return Err(OptionsError::Meaningless {
                options: "--spurious with --task topics",
                reason: "its texts have no shortcut",
                instead: "use --task digits or circles, or remove --spurious",
            });
        }
        if self.task == Task::Topics && self.augment {
            return Err(OptionsError::Meaningless {
                options: "--augment with --task topics",
                reason: "texts have no pixels to shift",
                instead: "remove --augment",
            });
        }
        if self.task == Task::Circles && self.augment {
            return Err(OptionsError::Meaningless {
                options: "--augment with --task circles",
                reason: "points have no pixels to shift",
                instead: "remove --augment",
            });
        }
        Ok(())
    }
}

impl TrainOptions {
    /// Refuses numbers out of range and combinations that make no sense, including those of the task.
    ///
    /// # Errors
    /// The first mistake found, with what to write instead.
    pub fn check(&self) -> Result<(), OptionsError> {
        self.task.check()?;
        if self.task.task == Task::Circles && self.model == Model::Cnn {
            return Err(OptionsError::Meaningless {
                options: "--model cnn with --task circles",
                reason: "points have no pixels to convolve",
                instead: "use --model mlp",
            });
        }
        match (self.task.task, self.model) {
            (Task::Topics, Model::Mlp | Model::Cnn) => {
                return Err(OptionsError::Meaningless {
                    options: "--task topics with --model mlp or cnn",
                    reason: "texts are tokens, and only the transformer reads tokens",
                    instead: "add --model transformer",
                });
            }
            (Task::Digits | Task::ShuffledMnist | Task::ColoredMnist | Task::Circles, Model::Transformer) => {
                return Err(OptionsError::Meaningless {
                    options: "--model transformer with a task of images or points",
                    reason: "the transformer only reads tokens",
                    instead: "use --task topics, or --model mlp",
                });
            }
            _ => {}
        }
        if self.model == Model::Transformer && self.batch_norm {
            return Err(OptionsError::Meaningless {
                options: "--batch-norm with --model transformer",
                reason: "its layers are normalised already, row by row",
                instead: "remove --batch-norm",
            });
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(OptionsError::OutOfRange { option: "dropout", got: self.dropout, range: "0 to below 1" });
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(OptionsError::OutOfRange { option: "lr", got: self.learning_rate, range: "above 0" });
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Err(OptionsError::OutOfRange { option: "weight-decay", got: self.weight_decay, range: "0 or more" });
        }
        if let Some(step) = self.lr_step
            && step.epoch > self.epochs
        {
            return Err(OptionsError::LrStepTooLate { epoch: step.epoch, epochs: self.epochs });
        }
        at_least_one("batch-size", self.batch_size)?;
        at_least_one("epochs", self.epochs as usize)?;
        let lone_row = self.task.examples % self.batch_size == 1 || self.batch_size == 1;
        if self.batch_norm && lone_row {
            return Err(OptionsError::Meaningless {
                options: "--batch-norm with a batch of one example",
                reason: "one example has no variance to normalise by (the last batch of an epoch has the remaining examples)",
                instead: "change --batch-size or --examples by one",
            });
        }
        Ok(())
    }
}

fn share(option: &'static str, got: f64) -> Result<(), OptionsError> {
    if (0.0..=1.0).contains(&got) { Ok(()) } else { Err(OptionsError::OutOfRange { option, got, range: "0 to 1" }) }
}

fn at_least_one(option: &'static str, got: usize) -> Result<(), OptionsError> {
    if got >= 1 { Ok(()) } else { Err(OptionsError::None { option }) }
}

#[cfg(test)]
mod tests {
    use super::super::LrStep;
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(TrainOptions::default().check(), Ok(()));
    }

    #[test]
    fn meaningless_combinations_say_why() {
        let task = |task| TaskOptions { task, ..TaskOptions::default() };
        let cases = [
            (TaskOptions { spurious: Some(0.9), ..task(Task::ShuffledMnist) }, "no colour"),
            (TaskOptions { label_noise: 0.4, ..task(Task::ColoredMnist) }, "a quarter"),
            (TaskOptions { label_noise: 0.4, spurious: Some(0.9), ..task(Task::Digits) }, "a quarter"),
            (TaskOptions { augment: true, ..task(Task::Circles) }, "no pixels"),
            (TaskOptions { augment: true, ..task(Task::Topics) }, "no pixels"),
            (TaskOptions { spurious: Some(0.9), ..task(Task::Topics) }, "no shortcut"),
            (TaskOptions { label_noise: 1.5, ..task(Task::Digits) }, "0 to 1"),
            (TaskOptions { spurious: Some(f64::NAN), ..task(Task::Digits) }, "0 to 1"),
            (TaskOptions { examples: 0, ..task(Task::Digits) }, "at least 1"),
            (TaskOptions { examples: 2_000_000, ..task(Task::Digits) }, "at most 1000000"),
        ];
        for (options, reason) in cases {
            let message = options.check().unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
        let sound = TaskOptions { label_noise: 0.2, spurious: Some(0.9), ..task(Task::Circles) };
        assert_eq!(sound.check(), Ok(()));
    }

    #[test]
    fn a_training_refuses_what_would_be_ignored_or_break() {
        let circles = TaskOptions { task: Task::Circles, ..TaskOptions::default() };
        let topics = TaskOptions { task: Task::Topics, ..TaskOptions::default() };
        let cases = [
            (TrainOptions { model: Model::Cnn, task: circles, ..TrainOptions::default() }, "convolve"),
            (TrainOptions { task: topics.clone(), ..TrainOptions::default() }, "add --model transformer"),
            (TrainOptions { model: Model::Transformer, ..TrainOptions::default() }, "only reads tokens"),
            (TrainOptions { model: Model::Transformer, task: topics, batch_norm: true, ..TrainOptions::default() }, "already"),
            (TrainOptions { dropout: 1.0, ..TrainOptions::default() }, "below 1"),
            (TrainOptions { learning_rate: 0.0, ..TrainOptions::default() }, "above 0"),
            (TrainOptions { weight_decay: -1.0, ..TrainOptions::default() }, "0 or more"),
            (TrainOptions { batch_size: 0, ..TrainOptions::default() }, "batch-size"),
            (TrainOptions { batch_size: 9_999, batch_norm: true, ..TrainOptions::default() }, "no variance"),
            (
                TrainOptions { lr_step: Some(LrStep { epoch: 31, factor: 0.1 }), ..TrainOptions::default() },
                "after the last epoch 30",
            ),
        ];
        for (options, reason) in cases {
            let message = options.check().unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }
}
