//! The four sets of a task, and what spoils their labels: what every task shares.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use super::images::Images;
use super::split::{self, Split};
use crate::options::TaskOptions;

/// The hold-out has one example for this many training examples.
pub(super) const TRAINED_PER_HELD_OUT: usize = 10;

/// The examples of one training, ready for a network.
#[derive(Debug)]
pub struct TaskData {
    /// The number of classes.
    pub classes: i64,
    /// The shape of one input: channels x 14 x 14, or the number of features.
    pub input_shape: Vec<i64>,
    /// The training examples, wrong labels included.
    pub train: Split,
    /// Training rows whose label is wrong, i64; `None` if there are none.
    pub mislabelled: Option<Tensor>,
    /// Examples that are not trained on: like the training examples, wrong labels included, or from the test set, as the options say.
    pub probe: Split,
    /// Examples like the training examples, with equally noisy labels, that are not trained on.
    pub hold_out: Split,
    /// Clean examples: true labels, and shortcuts that are random.
    pub test: Split,
    /// The images that augmentation shifts in every epoch; `None` without augmentation.
    pub(super) source: Option<Pictures>,
}

/// Training images before they become inputs.
#[derive(Debug)]
pub(super) struct Pictures {
    pub(super) images: Images,
    pub(super) colors: Option<Vec<u8>>,
}

impl TaskData {
    /// The training inputs with new random shifts, one per row; `None` without augmentation.
    pub(crate) fn shifted(&self, random: &mut ChaCha8Rng) -> Option<Tensor> {
        let source = self.source.as_ref()?;
        let shifts = split::random_shifts(source.images.rows(), random);
        Some(split::pictures(&source.images, source.colors.as_deref(), Some(&shifts)))
    }

    /// A task from its splits, without augmentation.
    pub(super) fn unshifted(classes: i64, [train, probe, hold_out, test]: [Split; 4], wrong: &[i64]) -> Self {
        let input_shape = train.inputs.size().into_iter().skip(1).collect();
        let mislabelled = (!wrong.is_empty()).then(|| Tensor::from_slice(wrong));
        TaskData { classes, input_shape, train, mislabelled, probe, hold_out, test, source: None }
    }
}

/// The numbers of rows for training, the probe and the hold-out.
pub(super) fn row_counts(options: &TaskOptions) -> [usize; 3] {
    [options.examples, options.probe_rows, options.examples.div_ceil(TRAINED_PER_HELD_OUT)]
}

/// Labels of which this share, to the nearest row, is redrawn uniformly over all classes; one in `classes` of them stays right.
#[expect(clippy::indexing_slicing, reason = "rows are chosen among as many as there are labels")]
pub(super) fn redrawn(truth: &[u8], share: f64, classes: u8, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut labels = truth.to_vec();
    for row in chosen(truth.len(), share, random) {
        labels[row] = random.random_range(0..classes);
    }
    labels
}

/// Two-class labels of which this share, to the nearest row, is flipped.
#[expect(clippy::indexing_slicing, reason = "rows are chosen among as many as there are labels")]
pub(super) fn flipped(truth: &[u8], share: f64, random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut labels = truth.to_vec();
    for row in chosen(truth.len(), share, random) {
        labels[row] = 1 - labels[row];
    }
    labels
}

/// A two-valued shortcut that agrees with this share of the two-class labels, to the nearest row.
pub(super) fn agreeing(labels: &[u8], share: f64, random: &mut ChaCha8Rng) -> Vec<u8> {
    flipped(labels, 1.0 - share, random)
}

/// This share of the rows, to the nearest one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is a length")]
fn chosen(rows: usize, share: f64, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(random);
    order.truncate((share * rows as f64).round() as usize);
    order
}

pub(super) fn differing(truth: &[u8], labels: &[u8]) -> Vec<i64> {
    let rows = truth.iter().zip(labels).zip(0_i64..);
    rows.filter(|((truth, label), _)| truth != label).map(|(_, row)| row).collect()
}
