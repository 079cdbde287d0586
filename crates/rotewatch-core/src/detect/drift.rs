//! Networks that learn nothing: their weights take a random walk. Nothing that the detectors may say of them is a finding.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rotewatch_info::measures::class::ClassGroups;
use rotewatch_info::measures::{Columns, LayerSamples, MeasureParams, measure_layers};

use super::{DetectParams, Judge, Observation};
use crate::record::{LayerFigures, LayerRecord};
use crate::vocabulary::choices::Mode;
use crate::vocabulary::rows::{EpochRows, RowNumbers};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Alarm, Harm};

const ROWS: usize = 300;
const INPUTS: usize = 10;
const NEURONS: usize = 16;
const CLASSES: usize = 10;
const EPOCHS: u32 = 30;
const SEEDS: u64 = 30;

fn normal(random: &mut ChaCha8Rng) -> f64 {
    // The sum of twelve uniform numbers has a variance of 1.
    (0..12).map(|_| random.random_range(-0.5..0.5)).sum()
}

fn matrix(random: &mut ChaCha8Rng, rows: usize, columns: usize, scale: f64) -> Vec<f64> {
    (0..rows * columns).map(|_| scale * normal(random)).collect()
}

/// The product of a matrix with `inner` columns and one with `columns` columns.
fn product(left: &[f64], right: &[f64], inner: usize, columns: usize) -> Vec<f64> {
    left.chunks(inner)
        .flat_map(|row| {
            (0..columns).map(|column| row.iter().zip(right.iter().skip(column).step_by(columns)).map(|(a, b)| a * b).sum())
        })
        .collect()
}

fn observation(epoch: u32, hidden: &[f64], predictions: Vec<i64>, pool: &rayon::ThreadPool) -> Observation {
    let values: Vec<f32> = hidden.iter().map(|value| *value as f32).collect();
    let columns = Columns::from_row_major(ROWS, NEURONS, &values);
    let samples = [LayerSamples { name: "hidden", columns: &columns }];
    let measures = measure_layers(&samples, Some(&predictions), &MeasureParams::default(), pool).swap_remove(0);
    let record = LayerRecord {
        reliable: measures.reliable,
        figures: LayerFigures::of(&measures).expect("300 rows are measured"),
        ..LayerRecord::unmeasured("hidden".parse().expect("a good name"))
    };
    let entropy = ClassGroups::of(&predictions).entropy_nats();
    let rows = EpochRows { unseen: Some(RowNumbers::of_predictions(predictions).into()), seen: None };
    Observation::of(Epoch(epoch), (Mode::Probe, None), (Some(entropy), None), &[record], rows)
}

/// The alarms of a network of which every weight moves by about `step` times its size in each epoch.
fn alarms(seed: u64, step: f64, pool: &rayon::ThreadPool) -> Vec<Alarm> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let inputs = matrix(&mut random, ROWS, INPUTS, 1.0);
    let scales = [(INPUTS as f64).sqrt().recip(), (NEURONS as f64).sqrt().recip()];
    let mut weights = [matrix(&mut random, INPUTS, NEURONS, scales[0]), matrix(&mut random, NEURONS, CLASSES, scales[1])];
    let mut judge = Judge::new(None);
    let mut raised = Vec::new();
    for epoch in 0..=EPOCHS {
        let hidden: Vec<f64> = product(&inputs, &weights[0], INPUTS, NEURONS).into_iter().map(|value| value.max(0.0)).collect();
        let scores = product(&hidden, &weights[1], NEURONS, CLASSES);
        let best =
            |row: &[f64]| row.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(class, _)| class as i64);
        let predictions = scores.chunks(CLASSES).map(best).collect();
        let judgement = judge.judge(&observation(epoch, &hidden, predictions, pool), &DetectParams::default());
        raised.extend(judgement.raised);
        for (weights, scale) in weights.iter_mut().zip(scales) {
            for weight in weights {
                *weight += step * scale * normal(&mut random);
            }
        }
    }
    raised
}

#[test]
fn weights_that_drift_raise_no_alarm_that_stops_and_hardly_one_that_warns() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    let steps = [0.05, 0.1, 0.2];
    let runs: Vec<Vec<Alarm>> = steps
        .into_iter()
        .flat_map(|step| (0..SEEDS).map(move |seed| (seed, step)))
        .map(|(seed, step)| alarms(seed, step, &pool))
        .collect();
    assert!(runs.iter().flatten().all(|alarm| alarm.finding.harm == Harm::Suspected), "{runs:?}");
    // 1 when this was written, of which 4 is the upper limit at 95 %; 82 before a decline had to follow a rise.
    let warned = runs.iter().filter(|alarms| !alarms.is_empty()).count();
    assert!(warned <= 4, "{warned} of {}: {runs:?}", runs.len());
}
