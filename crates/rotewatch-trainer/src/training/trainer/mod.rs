//! The training loop. The caller drives the epochs; losses depend only on the options.
//!
//! Losses are summed as tensors and read once per epoch, so that a step never waits for a number. Observers get detached tensors and
//! use no generator of the training: with or without them, every loss is the same to the last digit.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::nn::{self, OptimizerConfig, VarStore};
use tch::{Device, Kind, TchError, Tensor, no_grad};

use crate::data::seed::{Draw, generator};
use crate::data::split::Split;
use crate::data::task_data::TaskData;
use crate::data::tasks::{self, TaskError};
use crate::networks::{Layer, Network};
use crate::options::{Optimizer, OptionsError, TrainOptions};
use crate::training::losses::{Changes, Losses, Sums};
use rotewatch_tch::diversity_penalty::DiversityPenalty;
use rotewatch_tch::tap::{Observe, Rows};

/// Rows per pass when evaluating. No more than in a training step, so that the allocator reuses the same blocks: with 1,000 rows a
/// convolution took twice as long because of page faults.
const EVALUATION_ROWS: i64 = 128;

/// Observes the steps of a training.
///
/// It can slow the training down, but not change it: its tensors are detached from the training.
pub trait StepObserver {
    /// Whether to observe this step, counted from 0 over the whole training, with `rows` examples. Called before its forward
    /// pass.
    fn wants(&mut self, step: u64, rows: usize) -> bool;

    /// The output of a layer for the step's batch, as in [`Observe`]. Called in forward order.
    fn layer(&mut self, layer: usize, values: &Tensor);

    /// The end of the forward pass: the batch's logits, rows x classes.
    fn logits(&mut self, logits: &Tensor);
}

/// Observes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl StepObserver for Unobserved {
    fn wants(&mut self, _: u64, _: usize) -> bool {
        false
    }

    fn layer(&mut self, _: usize, _: &Tensor) {}

    fn logits(&mut self, _: &Tensor) {}
}

/// The result of a pass over the training examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pass {
    /// The losses on the batches while they were trained on.
    pub losses: Losses,
    /// The share of examples whose prediction changed since the previous pass; `None` for the first pass.
    pub prediction_changes: Option<f64>,
}

/// A network, its examples and its optimizer.
#[derive(Debug)]
pub struct Trainer {
    options: TrainOptions,
    data: TaskData,
    probe: Rows,
    seen: Rows,
    store: VarStore,
    network: Network,
    optimizer: nn::Optimizer,
    /// Added to the loss of every step.
    penalty: Option<DiversityPenalty>,
    batch_draws: ChaCha8Rng,
    shift_draws: ChaCha8Rng,
    /// The last predicted class of each training example; -1 before the first pass.
    predicted: Tensor,
    epoch: u32,
    step: u64,
}

impl Trainer {
    /// Loads the examples and creates an untrained network.
    ///
    /// Sets the number of threads that libtorch uses in one operation, for the whole process. Its other pool, between operations, is
    /// never started, because nothing here runs operations in parallel.
    ///
    /// # Errors
    /// Options that do not fit together, examples that cannot be loaded, an optimizer that libtorch refuses.
    pub fn new(options: TrainOptions) -> Result<Self, TrainError> {
        let data = tasks::load(&options.task, options.seed)?;
        Self::on(data, options)
    }

    /// The same with examples that the caller changed after [`tasks::load`]. Augmentation still shifts the loaded ones.
    ///
    /// # Errors
    /// Options that do not fit together, an optimizer that libtorch refuses.
    pub fn on(data: TaskData, options: TrainOptions) -> Result<Self, TrainError> {
        options.check()?;
        tch::set_num_threads(i32::try_from(options.threads.get()).unwrap_or(i32::MAX));
        let store = VarStore::new(Device::Cpu);
        let network = Network::new(&store, &options, &data.input_shape, data.classes);
        let optimizer = match options.optimizer {
            Optimizer::Adam => nn::adam(0.9, 0.999, options.weight_decay).build(&store, options.learning_rate),
            Optimizer::Sgd => nn::sgd(0.9, 0.0, options.weight_decay, false).build(&store, options.learning_rate),
        };
        let optimizer = optimizer.map_err(TrainError::Optimizer)?;
        let batch_draws = generator(options.seed, Draw::Batches);
        let shift_draws = generator(options.seed, Draw::Shifts);
        let predicted = Tensor::full([data.train.rows() as i64], -1, (Kind::Int64, Device::Cpu));
        let (penalty, epoch, step) = (None, 0, 0);
        let probe = rows(&data.probe.inputs, &data.probe.labels);
        let seen = seen_rows(&data, options.seed);
        Ok(Trainer {
            options,
            data,
            probe,
            seen,
            store,
            network,
            optimizer,
            penalty,
            batch_draws,
            shift_draws,
            predicted,
            epoch,
            step,
        })
    }

    /// Adds a penalty to the loss of every step from now on. Reported losses do not include it.
    #[must_use]
    pub fn penalised(self, penalty: DiversityPenalty) -> Self {
        Trainer { penalty: Some(penalty), ..self }
    }

    /// The options of the training.
    #[must_use]
    pub fn options(&self) -> &TrainOptions {
        &self.options
    }

    /// Epochs trained so far; 0 is the untrained network.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Steps taken so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The layers that can be observed, in forward order.
    #[must_use]
    pub fn layers(&self) -> &'static [Layer] {
        self.network.layers()
    }

    /// The probe: rows that are not trained on.
    #[must_use]
    pub fn probe(&self) -> &Rows {
        &self.probe
    }

    /// Fixed rows of the training set, with the labels that they are trained with; as many as the probe has, if there are as many.
    #[must_use]
    pub fn seen(&self) -> &Rows {
        &self.seen
    }

    /// Passes rows through the network in evaluation mode and without gradients; returns the logits, rows x classes.
    ///
    /// This does not change the training.
    pub fn observe(&self, input: &Tensor, observe: Observe) -> Tensor {
        no_grad(|| self.network.forward(input, false, observe))
    }

    /// Trains one pass over the examples, in random order, and returns the losses during its steps.
    ///
    /// The accuracy is that on the training labels, wrong ones included, with dropout active.
    pub fn train_epoch(&mut self, observer: &mut dyn StepObserver) -> Pass {
        self.epoch += 1;
        self.optimizer.set_lr(self.options.learning_rate_at(self.epoch));
        let shifted = self.data.shifted(&mut self.shift_draws);
        let mut order: Vec<i64> = (0_i64..).take(self.data.train.rows()).collect();
        order.shuffle(&mut self.batch_draws);
        let order = Tensor::from_slice(&order);
        let mut sums = Sums::new();
        let mut changes = Changes::new(&self.predicted);
        for rows in order.split(i64::try_from(self.options.batch_size).unwrap_or(i64::MAX), 0) {
            let inputs = shifted.as_ref().unwrap_or(&self.data.train.inputs).index_select(0, &rows);
            let labels = self.data.train.labels.index_select(0, &rows);
            let (logits, penalty) = self.step_forward(&inputs, observer);
            let loss = logits.cross_entropy_for_logits(&labels);
            self.optimizer.backward_step(&penalty.map_or_else(|| loss.shallow_clone(), |penalty| &loss + penalty));
            sums.add(&loss, &logits, &labels);
            changes.add(&rows, &logits);
            self.step += 1;
        }
        let prediction_changes = (self.epoch > 1).then(|| changes.share());
        Pass { losses: sums.losses(), prediction_changes }
    }

    /// The logits of a step, and the penalty if there is one.
    fn step_forward(&self, inputs: &Tensor, observer: &mut dyn StepObserver) -> (Tensor, Option<Tensor>) {
        let observed = observer.wants(self.step, batch_rows(inputs));
        let mut shown = Vec::new();
        let logits = self.network.forward(inputs, true, &mut |layer, values| {
            if observed {
                no_grad(|| observer.layer(layer, &values.detach()));
            }
            if self.penalty.is_some() {
                shown.push(values.shallow_clone());
            }
        });
        if observed {
            no_grad(|| observer.logits(&logits.detach()));
        }
        (logits, self.penalty.map(|penalty| penalty.of(&shown)))
    }

    /// The losses on the clean test set.
    #[must_use]
    pub fn evaluate(&self) -> Losses {
        self.losses_on(&self.data.test)
    }

    /// The losses on the hold-out: examples like the training examples, with equally noisy labels, that are not trained on.
    #[must_use]
    pub fn evaluate_hold_out(&self) -> Losses {
        self.losses_on(&self.data.hold_out)
    }

    /// Share of the mislabelled training examples whose wrong label the network predicts; `None` if there are none.
    #[must_use]
    pub fn wrong_labels_fitted(&self) -> Option<f64> {
        let rows = self.data.mislabelled.as_ref()?;
        let train = &self.data.train;
        let wrong = Split { inputs: train.inputs.index_select(0, rows), labels: train.labels.index_select(0, rows) };
        Some(self.losses_on(&wrong).accuracy)
    }

    fn losses_on(&self, split: &Split) -> Losses {
        let mut sums = Sums::new();
        no_grad(|| {
            for (inputs, labels) in split.inputs.split(EVALUATION_ROWS, 0).iter().zip(split.labels.split(EVALUATION_ROWS, 0)) {
                let logits = self.network.forward(inputs, false, &mut |_, _| ());
                sums.add(&logits.cross_entropy_for_logits(&labels), &logits, &labels);
            }
        });
        sums.losses()
    }

    /// The weights and running statistics, for saving.
    #[must_use]
    pub fn variables(&self) -> &VarStore {
        &self.store
    }

    /// The same, for restoring. The optimizer's moments stay as they are, so restore weights at the end of a training, not to continue it.
    pub fn variables_mut(&mut self) -> &mut VarStore {
        &mut self.store
    }
}

fn rows(inputs: &Tensor, labels: &Tensor) -> Rows {
    Rows { inputs: inputs.shallow_clone(), labels: Some(labels.shallow_clone()) }
}

/// As many training rows as the probe has, chosen by the seed.
fn seen_rows(data: &TaskData, seed: u64) -> Rows {
    let mut order: Vec<i64> = (0_i64..).take(data.train.rows()).collect();
    order.shuffle(&mut generator(seed, Draw::Seen));
    order.truncate(data.probe.rows());
    order.sort_unstable();
    let chosen = Tensor::from_slice(&order);
    rows(&data.train.inputs.index_select(0, &chosen), &data.train.labels.index_select(0, &chosen))
}

fn batch_rows(inputs: &Tensor) -> usize {
    inputs.size().first().and_then(|rows| usize::try_from(*rows).ok()).unwrap_or(0)
}

/// Why a training could not start.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Options that do not fit together.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The examples could not be loaded.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// libtorch refused to create the optimizer.
    #[error("libtorch cannot create the optimizer: {0}")]
    Optimizer(#[source] TchError),
}

#[cfg(test)]
mod tests;
