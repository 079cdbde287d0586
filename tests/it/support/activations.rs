//! Seeded activations with known results.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rotewatch::Monitor;
use rotewatch_core::intake::event::LayerActivations;
use rotewatch_core::intake::run::{Declaration, NewestVerdict};
use rotewatch_core::intake::tap::Tap;
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::rows::{RowNumbers, RowSet};
use rotewatch_core::vocabulary::units::Epoch;
use std::sync::Arc;

use super::until::DEADLINE;

/// Number of classes; the rows cycle through them.
const CLASSES: usize = 10;

/// Declares a run with these layers.
///
/// # Panics
/// If a name is malformed.
pub(crate) fn declaration(run: &str, layers: &[&str]) -> Declaration {
    let layers = layers.iter().map(|layer| layer.parse().expect("a good name")).collect();
    Declaration::new(run.parse().expect("a good name"), layers, Mode::Probe, "test")
}

/// A layer in which every neuron depends on the class as strongly as `signal`, plus noise that is the same for every call.
/// A stronger signal means more class information and more mutual information.
pub(crate) fn layer(rows: usize, neurons: usize, signal: f32) -> LayerActivations {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let value = |place: usize| {
        let (row, neuron) = (place / neurons, place % neurons);
        let of_class = ((row % CLASSES) * (2 * neuron + 1) % CLASSES) as f32 / CLASSES as f32;
        signal * of_class + random.random_range(-1.0..1.0_f32)
    };
    LayerActivations { neurons, neurons_offered: neurons, values: (0..rows * neurons).map(value).collect() }
}

/// The class of each row.
pub(crate) fn predictions(rows: usize) -> Vec<i64> {
    (0..rows).map(|row| i64::try_from(row % CLASSES).expect("a small number")).collect()
}

/// Offers a frame with these layers; returns whether there was space.
pub(crate) fn send(tap: &Tap, epoch: u32, rows: usize, layers: &[LayerActivations]) -> bool {
    let Some(frame) = tap.offer(Epoch(epoch), RowSet::Unseen, rows) else { return false };
    let bytes: usize = layers.iter().map(|layer| size_of_val(layer.values.as_slice())).sum();
    let Some(mut frame) = frame.claim_bytes(bytes as u64) else { return false };
    for (place, layer) in layers.iter().enumerate() {
        // A layer whose width changed is left out and counted.
        let _ = frame.layer(place, layer.clone());
    }
    // Without seen rows to compare with, they raise no alarm.
    let [losses, confidence] = [0.5, 0.75].map(|value| Some(vec![value; rows]));
    let errors = Some((0..rows).map(|row| if row % 4 == 0 { 1.0 } else { 0.0 }).collect());
    frame.numbers(RowNumbers { losses, errors, confidence, ..RowNumbers::of_predictions(predictions(rows)) });
    frame.send();
    true
}

/// Trains a run that knows a fifth of its training rows by heart, to no harm.
///
/// # Panics
/// If the run's name is taken.
pub(crate) fn by_heart(monitor: &Monitor) -> Tap {
    const ROWS: usize = 600;
    let tap = monitor.declare(declaration("by_heart", &["hidden1"])).expect("the name is free");
    for (epoch, signal) in (0..).zip([0.2, 3.0, 4.0]) {
        assert!(send(&tap, epoch, ROWS, &[layer(ROWS, 12, signal)]));
        let frame = tap.offer(Epoch(epoch), RowSet::Seen, ROWS).expect("space for a frame");
        let mut frame = frame.claim_bytes(0).expect("space for numbers");
        // A quarter of the unseen rows are wrong.
        let errors = (0..ROWS).map(|row| if row % 20 == 0 { 1.0 } else { 0.0 }).collect();
        frame.numbers(RowNumbers { losses: Some(vec![0.25; ROWS]), errors: Some(errors), ..RowNumbers::default() });
        frame.send();
        tap.end_epoch_and_await(Epoch(epoch), EpochMetrics::default(), DEADLINE);
    }
    tap
}

/// Ends an epoch and returns its verdict.
///
/// # Panics
/// If the monitor gives no verdict.
pub(crate) fn judged(tap: &Tap, epoch: u32) -> Arc<NewestVerdict> {
    let standing = tap.end_epoch_and_await(Epoch(epoch), EpochMetrics::default(), DEADLINE);
    assert_eq!(standing.epoch, Some(Epoch(epoch)), "the verdict must be that of this epoch");
    standing
}

/// Trains a run in which memorization is found: both signals were high at epoch 2 and have fallen since.
///
/// # Panics
/// If the run's name is taken.
pub(crate) fn alarmed(monitor: &Monitor) -> Tap {
    const ROWS: usize = 600;
    let tap = monitor.declare(declaration("alarmed", &["hidden1", "hidden2"])).expect("the name is free");
    for (epoch, signal) in (0..).zip([0.2, 3.0, 4.0, 4.0, 1.5, 1.0]) {
        assert!(send(&tap, epoch, ROWS, &[layer(ROWS, 12, 2.0), layer(ROWS, 12, signal)]));
        let losses = EpochMetrics::new([("train_loss", 0.5)]).expect("a good name");
        tap.end_epoch_and_await(Epoch(epoch), losses, DEADLINE);
    }
    tap
}
