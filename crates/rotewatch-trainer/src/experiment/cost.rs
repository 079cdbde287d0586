//! Estimates how long a run takes, for the estimate at the start and the remaining time.

use std::time::Duration;

use crate::options::{Model, TrainOptions};

/// Seconds to start, to read or render the examples, and to close.
const START_SECONDS: f64 = 1.0;
/// Seconds per epoch that do not depend on the number of examples: evaluation, the probe and its measures.
const EPOCH_SECONDS: f64 = 0.08;

/// The time of a monitored run on one core of the machine below.
///
/// # Source
/// Measured on two cores of a cloud machine with AVX2: 30 epochs of 10,000 examples, monitored, take 6 s with the MLP, 7 s with
/// batch normalisation and 30 s with the CNN; 30 epochs of 4,000 texts took 38 s with the transformer, next to another run. Other machines
/// differ by a factor that follows from the first finished runs.
#[must_use]
pub fn estimate(training: &TrainOptions) -> Duration {
    let per_ten_thousand = match (training.model, training.batch_norm) {
        (Model::Cnn, _) => 0.95,
        (Model::Transformer, _) => 3.0,
        (Model::Mlp, true) => 0.16,
        (Model::Mlp, false) => 0.12,
    };
    let shifted = if training.task.augment { 1.3 } else { 1.0 };
    let epoch = EPOCH_SECONDS + per_ten_thousand * shifted * training.task.examples as f64 / 10_000.0;
    Duration::from_secs_f64(START_SECONDS + epoch * f64::from(training.epochs))
}
