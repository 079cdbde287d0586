//! Two concentric circles in the plane, with a third feature that can be made a shortcut.
//!
//! The toy task of Bansal, Pruthi, Belinkov (2022), section 2.2. The class is the circle that a point is near. The third feature is
//! close to one of two values and agrees with the label as often as the options say, by default in half of the examples.

use std::f32::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::seed::{Draw, generator};
use super::split::{Split, label_tensor};
use super::task_data::{TaskData, agreeing, differing, redrawn, row_counts};
use crate::options::TaskOptions;

/// Radii of the circles of class 0 and 1.
const RADII: [f32; 2] = [1.0, 0.5];
/// Where the third feature lies, by its value.
const SHORTCUT_MEANS: [f32; 2] = [-0.5, 0.5];
/// Standard deviation of points across the circle and of the shortcut around its mean.
const SPREAD: f32 = 0.1;
const TEST_ROWS: usize = 5_000;

/// Draws the examples of the task. The options must have been checked.
pub(super) fn load(options: &TaskOptions, seed: u64) -> TaskData {
    let mut points = generator(seed, Draw::Examples);
    let mut label_draws = generator(seed, Draw::Labels);
    let mut shortcut_draws = generator(seed, Draw::Shortcuts);
    let agreement = options.spurious.unwrap_or(0.5);
    let mut spoilt = |rows: usize| {
        let truth = classes(rows, &mut points);
        let labels = redrawn(&truth, options.label_noise, 2, &mut label_draws);
        let shortcut = agreeing(&labels, agreement, &mut shortcut_draws);
        (split(&truth, &labels, &shortcut, &mut points), differing(&truth, &labels))
    };
    let [(train, wrong), (probe, _), (hold_out, _)] = row_counts(options).map(&mut spoilt);
    let mut test_points = generator(seed, Draw::TestExamples);
    let truth = classes(TEST_ROWS, &mut test_points);
    let shortcut = agreeing(&truth, 0.5, &mut shortcut_draws);
    let test = split(&truth, &truth, &shortcut, &mut test_points);
    TaskData::unshifted(2, [train, probe, hold_out, test], &wrong)
}

fn classes(rows: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
    (0..rows).map(|_| random.random_range(0..2)).collect()
}

/// Points near the circles of their true classes: rows x 3 features.
#[expect(clippy::indexing_slicing, reason = "there are two classes, drawn below 2, and a radius and a mean for each")]
fn split(truth: &[u8], labels: &[u8], shortcut: &[u8], random: &mut ChaCha8Rng) -> Split {
    let mut features = Vec::with_capacity(truth.len() * 3);
    for (&class, &shortcut) in truth.iter().zip(shortcut) {
        let radius = RADII[usize::from(class)] + SPREAD * normal(random);
        let (sin, cos) = (TAU * random.random::<f32>()).sin_cos();
        let third = SHORTCUT_MEANS[usize::from(shortcut)] + SPREAD * normal(random);
        features.extend([radius * cos, radius * sin, third]);
    }
    Split { inputs: Tensor::from_slice(&features).view([-1, 3]), labels: label_tensor(labels) }
}

/// A normal number by Box and Muller (1958).
fn normal(random: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
    radius * (TAU * random.random::<f32>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Task;

    fn circles(label_noise: f64, spurious: Option<f64>) -> TaskData {
        let options = TaskOptions { task: Task::Circles, examples: 2_000, label_noise, spurious, ..TaskOptions::default() };
        load(&options, 1)
    }

    #[test]
    fn the_radius_tells_the_class_and_the_third_feature_nothing() {
        let test = circles(0.0, None).test;
        let radius = test.inputs.narrow(1, 0, 2).square().sum_dim_intlist(1, false, tch::Kind::Float).sqrt();
        let by_radius = radius.lt(0.75).eq_tensor(&test.labels.to_kind(tch::Kind::Bool));
        let by_third = test.inputs.select(1, 2).gt(0.0).eq_tensor(&test.labels.to_kind(tch::Kind::Bool));
        let share = |right: Tensor| right.to_kind(tch::Kind::Double).mean(tch::Kind::Double).double_value(&[]);
        assert!(share(by_radius) > 0.98);
        assert!((share(by_third) - 0.5).abs() < 0.01);
    }

    #[test]
    fn a_shortcut_agrees_with_the_labels_as_often_as_requested() {
        let train = circles(0.2, Some(0.9)).train;
        let agree = train.inputs.select(1, 2).gt(0.0).eq_tensor(&train.labels.to_kind(tch::Kind::Bool));
        let share = agree.to_kind(tch::Kind::Double).mean(tch::Kind::Double).double_value(&[]);
        assert!((share - 0.9).abs() < 1e-9, "{share}");
    }

    #[test]
    fn redrawn_labels_are_wrong_half_of_the_time() {
        let wrong = circles(0.4, None).mislabelled.unwrap();
        assert!((350..=450).contains(&wrong.size()[0]), "{} of 2,000", wrong.size()[0]);
        assert!(circles(0.0, None).mislabelled.is_none());
    }
}
