//! The tasks of the paper (Bansal, Pruthi, Belinkov 2022): examples are read or rendered, split, and given wrong labels or shortcuts.
//!
//! Every task has the same four sets: training examples, a probe and a hold-out that follow the training distribution but are not
//! trained on, and a clean test set. Wrong labels and shortcuts are drawn after the examples and from their own generators, so that a
//! noisy and a clean run of the same seed see the same images.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::idx::{self, IdxError, Part};
use super::images::Images;
use super::seed::{Draw, generator};
use super::split::{self, Split};
use super::task_data::{Pictures, TRAINED_PER_HELD_OUT, TaskData, agreeing, differing, flipped, redrawn, row_counts};
use super::{circles, digits, topics};
use crate::options::{COLORED_LABEL_NOISE, OptionsError, ProbeFrom, Task, TaskOptions};

/// Number of test examples of a task that renders them; MNIST has 10,000.
const RENDERED_TEST_ROWS: usize = 5_000;

/// Reads or renders the examples of a task, and adds wrong labels and shortcuts.
///
/// # Errors
/// Options that do not fit together, a task on MNIST without its folder, files that cannot be read, more examples than
/// exist.
pub fn load(options: &TaskOptions, seed: u64) -> Result<TaskData, TaskError> {
    options.check()?;
    let mut data = load_as_trained(options, seed)?;
    if options.probe_from == ProbeFrom::Test {
        let test_rows = data.test.rows();
        if options.probe_rows > test_rows {
            return Err(TaskError::TooManyProbeRows { task: options.task, wanted: options.probe_rows, has: test_rows });
        }
        data.probe = data.test.first(options.probe_rows);
    }
    Ok(data)
}

/// The examples, with a probe like the training examples.
fn load_as_trained(options: &TaskOptions, seed: u64) -> Result<TaskData, TaskError> {
    match options.task {
        Task::Circles => Ok(circles::load(options, seed)),
        Task::Topics => Ok(topics::load(options, seed)),
        Task::Digits => {
            let rows = row_counts(options).iter().sum();
            let pool = digits::render(rows, &mut generator(seed, Draw::Examples));
            let test = digits::render(RENDERED_TEST_ROWS, &mut generator(seed, Draw::TestExamples));
            Ok(from_pictures(options, seed, &pool, test, &(0..rows).collect::<Vec<_>>()))
        }
        Task::ShuffledMnist | Task::ColoredMnist => {
            let folder = options.data.as_deref().ok_or(TaskError::NoData { task: options.task })?;
            let pool = idx::read(folder, Part::Train)?;
            let wanted: usize = row_counts(options).iter().sum();
            if wanted > pool.rows() {
                return Err(too_many(options, wanted, pool.rows()));
            }
            let mut order: Vec<usize> = (0..pool.rows()).collect();
            order.shuffle(&mut generator(seed, Draw::Examples));
            order.truncate(wanted);
            let test = idx::read(folder, Part::Test)?;
            Ok(from_pictures(options, seed, &pool, test, &order))
        }
    }
}

fn too_many(options: &TaskOptions, wanted: usize, has: usize) -> TaskError {
    let left = has.saturating_sub(options.probe_rows);
    // The maximum number of examples that leaves room for their hold-out.
    let most = left * TRAINED_PER_HELD_OUT / (TRAINED_PER_HELD_OUT + 1);
    TaskError::TooManyExamples { task: options.task, wanted, examples: options.examples, has, most }
}

/// Splits a pool of images in the order of `rows`, and adds wrong labels and colours to all but the test set, as the options say.
fn from_pictures(options: &TaskOptions, seed: u64, pool: &Images, test: Images, rows: &[usize]) -> TaskData {
    let [train_rows, probe_rows, _] = row_counts(options);
    let (train_part, rest) = rows.split_at(train_rows);
    let (probe_part, hold_out_part) = rest.split_at(probe_rows);
    let mut label_draws = generator(seed, Draw::Labels);
    let mut color_draws = generator(seed, Draw::Shortcuts);
    let mut spoilt = |images: Images, noise: f64, agreement: f64| {
        Spoilt::draw(options, images, noise, agreement, &mut label_draws, &mut color_draws)
    };
    let noise = if options.color_agreement().is_some() { COLORED_LABEL_NOISE } else { options.label_noise };
    let agreement = options.color_agreement().unwrap_or(0.5);
    let train = spoilt(pool.select(train_part), noise, agreement);
    let probe = spoilt(pool.select(probe_part), noise, agreement).split();
    let hold_out = spoilt(pool.select(hold_out_part), noise, agreement).split();
    let test = spoilt(test, 0.0, 0.5).split();
    let classes = if options.color_agreement().is_some() { 2 } else { 10 };
    let mut task = TaskData::unshifted(classes, [train.split(), probe, hold_out, test], &train.wrong);
    task.source = options.augment.then_some(Pictures { images: train.images, colors: train.colors });
    task
}

/// Images with the labels and colours of a task.
struct Spoilt {
    images: Images,
    labels: Vec<u8>,
    colors: Option<Vec<u8>>,
    wrong: Vec<i64>,
}

impl Spoilt {
    fn draw(
        options: &TaskOptions,
        images: Images,
        noise: f64,
        agreement: f64,
        label_draws: &mut ChaCha8Rng,
        color_draws: &mut ChaCha8Rng,
    ) -> Self {
        if options.color_agreement().is_none() {
            let labels = redrawn(&images.labels, noise, 10, label_draws);
            let wrong = differing(&images.labels, &labels);
            return Spoilt { images, labels, colors: None, wrong };
        }
        let truth: Vec<u8> = images.labels.iter().map(|&digit| u8::from(digit < 5)).collect();
        let labels = flipped(&truth, noise, label_draws);
        let colors = agreeing(&labels, agreement, color_draws);
        let wrong = differing(&truth, &labels);
        Spoilt { images, labels, colors: Some(colors), wrong }
    }

    fn split(&self) -> Split {
        let inputs = split::pictures(&self.images, self.colors.as_deref(), None);
        Split { inputs, labels: split::label_tensor(&self.labels) }
    }
}

/// Why the examples of a task could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Options that do not fit together.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// MNIST could not be read.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// A task on MNIST without its folder.
    #[error(
        "--task {task} needs MNIST's files: set --data DIR or ROTEWATCH_DATA to their folder, or use --task digits, which needs none"
    )]
    NoData {
        /// The task.
        task: Task,
    },
    /// The probe is larger than the test set that it comes from.
    #[error(
        "--probe-from test with --probe-rows {wanted}, but the test set of --task {task} has {has} rows; use --probe-rows {has} or fewer"
    )]
    TooManyProbeRows {
        /// The task.
        task: Task,
        /// The requested rows.
        wanted: usize,
        /// The rows that exist.
        has: usize,
    },
    /// The source is too small.
    #[error(
        "--task {task} with {examples} examples needs {wanted} rows, probe and hold-out included, but has {has}; \
         use --examples {most} or fewer"
    )]
    TooManyExamples {
        /// The task.
        task: Task,
        /// Rows needed in total.
        wanted: usize,
        /// The requested training examples.
        examples: usize,
        /// The rows that exist.
        has: usize,
        /// The maximum number of examples.
        most: usize,
    },
}

#[cfg(test)]
mod tests;
