//! Turns tensors into frames. Rows and neurons are selected, and maps reduced, on the tensor's own device; only the result is
//! copied.

use std::sync::Arc;
use std::time::Duration;

use tch::{Kind, Tensor};

use crate::scores::{self, floats};

use rotewatch_core::intake::event::LayerActivations;
use rotewatch_core::intake::run::{NewestVerdict, Run};
use rotewatch_core::intake::tap::{FrameBuilder, Reduce, SamplingParams, Tap, chosen, derived_seed};
use rotewatch_core::vocabulary::choices::Task;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::rows::{RowNumbers, RowSet};
use rotewatch_core::vocabulary::units::Epoch;

/// What a forward pass calls with the index of a layer (as the run declared it) and that layer's output.
///
/// Linear layers give rows x neurons (rows x positions x neurons where they read sequences), convolutions the raw map: rows x channels x
/// height x width. The tensor belongs to the forward pass; a caller that keeps it copies it.
pub type Observe<'a> = &'a mut dyn FnMut(usize, &Tensor);

/// A [`Tap`] for networks written with tch.
///
/// The caller's forward pass passes the output of every declared layer to the given [`Observe`]. Outputs may be `[rows, neurons]`,
/// sequences `[rows, positions, neurons]`, or maps `[rows, channels, height, width]`; [`Reduce`] says how they become rows x neurons.
#[derive(Debug)]
pub struct TensorTap {
    tap: Tap,
    sampling: SamplingParams,
}

/// Rows that pass through the network after each epoch.
#[derive(Debug)]
pub struct Rows {
    /// The network's inputs.
    pub inputs: Tensor,
    /// Their labels, which may be as wrong as those of the training set; `None` if there are none.
    pub labels: Option<Tensor>,
}

/// The outputs of a forward pass so far: views and small selections, still on their device.
struct Capture {
    sampling: SamplingParams,
    layers: Vec<Option<Captured>>,
    /// The chosen rows of the batch; `None` for all.
    rows: Option<Tensor>,
}

struct Captured {
    activations: Tensor,
    neurons_offered: usize,
}

impl TensorTap {
    /// Wraps a run's tap.
    #[must_use]
    pub fn new(tap: Tap, sampling: SamplingParams) -> Self {
        TensorTap { tap, sampling }
    }

    /// The run: its newest verdict and its stop token.
    #[must_use]
    pub fn run(&self) -> &Arc<Run> {
        self.tap.run()
    }

    /// Passes the probe, rows that are not trained on, through the network, without gradients, and sends the outputs of its layers and the
    /// numbers of its rows. Skips the pass if the channel has no room. The caller's closure must put the network into evaluation mode, and
    /// returns the network's outputs.
    pub fn probe(&self, epoch: Epoch, rows: &Rows, forward: impl FnOnce(&Tensor, Observe<'_>) -> Tensor) {
        let Some(frame) = self.tap.offer(epoch, RowSet::Unseen, length(&rows.inputs, 0)) else { return };
        tch::no_grad(|| {
            let mut capture = self.capture(None);
            let outputs = forward(&rows.inputs, &mut |place, output| capture.take(place, output));
            capture.send(frame, self.numbers(&outputs, rows.labels.as_ref()));
        });
    }

    /// Does the same with fixed rows of the training set, of which the numbers alone are sent.
    pub fn seen(&self, epoch: Epoch, rows: &Rows, forward: impl FnOnce(&Tensor) -> Tensor) {
        let Some(frame) = self.tap.offer(epoch, RowSet::Seen, length(&rows.inputs, 0)) else { return };
        tch::no_grad(|| {
            let capture = self.capture(None);
            let outputs = forward(&rows.inputs);
            capture.send(frame, self.numbers(&outputs, rows.labels.as_ref()));
        });
    }

    /// What the outputs say of each row. Outputs are taken for scores of classes unless the run was declared with another task.
    fn numbers(&self, outputs: &Tensor, labels: Option<&Tensor>) -> RowNumbers {
        match (self.run().declaration().task.unwrap_or(Task::Classes), labels) {
            (Task::Classes, labels) if outputs.dim() == 2 => scores::of_classes(outputs, labels),
            (Task::Values, Some(targets)) => scores::of_values(outputs, targets),
            _ => RowNumbers::default(),
        }
    }

    /// On every `every_steps`-th training step, reserves room for some of the batch's rows. Returns `None` on all other steps, and if
    /// there is no room; then the step need not pass on its outputs.
    #[must_use]
    pub fn stream_step(&self, epoch: Epoch, step: u64, rows_in_batch: usize) -> Option<StreamStep<'_>> {
        if !step.is_multiple_of(self.sampling.every_steps) {
            return None;
        }
        let rows = rows_in_batch.min(self.sampling.rows);
        let frame = self.tap.offer(epoch, RowSet::Unseen, rows)?;
        let seed = derived_seed(self.sampling.seed, &[u64::from(epoch.0), step]);
        let places = (rows < rows_in_batch).then(|| index(&chosen(seed, rows_in_batch, rows)));
        Some(StreamStep { capture: self.capture(places), frame })
    }

    /// Ends an epoch and returns the newest verdict without waiting; see [`Tap::end_epoch`].
    pub fn end_epoch(&self, epoch: Epoch, metrics: EpochMetrics) -> Arc<NewestVerdict> {
        self.tap.end_epoch(epoch, metrics)
    }

    /// Ends an epoch and waits for its verdict; see [`Tap::end_epoch_and_await`].
    pub fn end_epoch_and_await(&self, epoch: Epoch, metrics: EpochMetrics, patience: Duration) -> Arc<NewestVerdict> {
        self.tap.end_epoch_and_await(epoch, metrics, patience)
    }

    fn capture(&self, rows: Option<Tensor>) -> Capture {
        let layers = (0..self.run().declaration().layers.len()).map(|_| None).collect();
        Capture { sampling: self.sampling.clone(), layers, rows }
    }
}

/// The activations of one training step, for stream mode.
pub struct StreamStep<'tap> {
    capture: Capture,
    frame: FrameBuilder<'tap>,
}

impl StreamStep<'_> {
    /// Adds the output of the layer at index `place` of the declaration, for the whole batch.
    pub fn layer(&mut self, place: usize, output: &Tensor) {
        tch::no_grad(|| self.capture.take(place, output));
    }

    /// Adds the logits, `[rows, classes]`, for the whole batch, and sends everything.
    pub fn finish(self, logits: &Tensor) {
        tch::no_grad(|| {
            let logits = self.capture.of_rows(&logits.detach());
            // The labels of training batches would say nothing of rows that are never seen again.
            let numbers = if logits.dim() == 2 { scores::of_classes(&logits, None) } else { RowNumbers::default() };
            self.capture.send(self.frame, numbers);
        });
    }
}

impl Capture {
    /// Keeps the output of a layer, reduced to the selected rows and neurons. Ignores layers that were not declared, and outputs without
    /// values, such as those of an empty sequence.
    #[expect(clippy::indexing_slicing, reason = "an index beyond the layers has returned before")]
    fn take(&mut self, place: usize, output: &Tensor) {
        if place >= self.layers.len() || output.dim() < 2 || output.numel() == 0 {
            return;
        }
        let by_row = self.reduced(place, &self.of_rows(&output.detach()));
        let neurons_offered = length(&by_row, 1);
        let activations = if neurons_offered > self.sampling.neurons_per_layer {
            let seed = derived_seed(self.sampling.seed, &[place as u64]);
            let neurons = chosen(seed, neurons_offered, self.sampling.neurons_per_layer);
            by_row.index_select(1, &index(&neurons).to_device(by_row.device()))
        } else {
            by_row
        };
        self.layers[place] = Some(Captured { activations, neurons_offered });
    }

    fn of_rows(&self, output: &Tensor) -> Tensor {
        match &self.rows {
            Some(rows) => output.index_select(0, &rows.to_device(output.device())),
            None => output.shallow_clone(),
        }
    }

    /// The output of a layer as `[rows, neurons]`.
    fn reduced(&self, place: usize, output: &Tensor) -> Tensor {
        let by_position = match output.dim() {
            2 => return output.shallow_clone(),
            3 => output.shallow_clone(),
            _ => output.flatten(2, -1).transpose(1, 2),
        };
        match self.sampling.reduce {
            Reduce::Mean => by_position.mean_dim(1, false, None::<Kind>),
            Reduce::Max => by_position.amax(1, false),
            Reduce::Last => by_position.select(1, -1),
            Reduce::Sample => {
                // One position per row, so that rows stay aligned with those of the other layers.
                let (rows, positions, neurons) = (length(&by_position, 0), length(&by_position, 1), length(&by_position, 2));
                let seed = |row: usize| derived_seed(self.sampling.seed, &[place as u64, row as u64]);
                let of_row: Vec<usize> = (0..rows).flat_map(|row| chosen(seed(row), positions, 1)).collect();
                let of_row = index(&of_row).to_device(by_position.device());
                let width = neurons as i64;
                by_position.gather(1, &of_row.view([-1, 1, 1]).expand([-1, 1, width], false), false).squeeze_dim(1)
            }
        }
    }

    /// Reserves the bytes for everything at once, then copies.
    fn send(self, frame: FrameBuilder<'_>, numbers: RowNumbers) {
        let layers: usize = self.layers.iter().flatten().map(|captured| captured.activations.numel() * size_of::<f32>()).sum();
        let Some(mut frame) = frame.claim_bytes((layers + numbers.bytes()) as u64) else { return };
        for (place, captured) in self.layers.into_iter().enumerate() {
            let Some(Captured { activations, neurons_offered }) = captured else { continue };
            let neurons = length(&activations, 1);
            // A layer whose width changed is left out, and named in the log.
            let _ = frame.layer(place, LayerActivations { neurons, neurons_offered, values: floats(&activations) });
        }
        frame.numbers(numbers);
        frame.send();
    }
}

fn length(tensor: &Tensor, dimension: usize) -> usize {
    tensor.size().get(dimension).and_then(|length| usize::try_from(*length).ok()).unwrap_or(0)
}

fn index(places: &[usize]) -> Tensor {
    let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
    Tensor::from_slice(&places)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn an_output_without_a_value_is_left_out_however_positions_are_reduced() {
        for reduce in [Reduce::Mean, Reduce::Max, Reduce::Last, Reduce::Sample] {
            let sampling = SamplingParams { rows: 4, every_steps: 1, neurons_per_layer: 8, reduce, seed: 1 };
            let mut capture = Capture { sampling, layers: vec![None, None], rows: None };
            capture.take(0, &Tensor::zeros([4, 0, 3], (Kind::Float, Device::Cpu)));
            capture.take(1, &Tensor::zeros([4, 5, 3], (Kind::Float, Device::Cpu)));
            assert!(capture.layers[0].is_none(), "{reduce:?}");
            let kept = capture.layers[1].as_ref().expect("it has values");
            assert_eq!(kept.activations.size(), [4, 3], "{reduce:?}");
        }
    }
}
