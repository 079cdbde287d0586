//! The trainer's handle: offers frames, ends epochs and returns the newest verdict without delaying the trainer.
//!
//! ```text
//! offer an epoch's frame -> is there space? no: counted as dropped (or waited for), nothing was copied
//!                                           yes: a Permit
//! copy the activations   -> FrameBuilder    reserves their bytes first
//! send                   -> channel         always has space for a frame with a Permit
//! end the epoch          -> channel         has reserved space: an epoch end never waits for frames
//! ```

mod sample;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

pub use sample::{chosen, derived_seed};

use crate::intake::event::{EpochEnd, Event, Frame, LayerActivations};
use crate::intake::gate::{Capacity, DropReason, Gate, Permit};
use crate::intake::run::{NewestVerdict, Run};
use crate::intake::widths::{LayerWidth, LayerWidths, WidthChanged};
pub use crate::vocabulary::choices::{OnFull, Reduce};
use crate::vocabulary::clock::Stopwatch;
use crate::vocabulary::metrics::EpochMetrics;
use crate::vocabulary::rows::{RowNumbers, RowSet};
use crate::vocabulary::units::Epoch;

/// Time between two checks of a tap that waits for space for an epoch end.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What a tap samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplingParams {
    /// Maximum number of rows per frame.
    pub rows: usize,
    /// In stream mode, a frame is taken every this many training steps; at least 1.
    pub every_steps: u64,
    /// Maximum number of neurons per layer; a wider layer is sampled with the seed.
    pub neurons_per_layer: usize,
    /// How feature maps and sequences are reduced.
    pub reduce: Reduce,
    /// Seed of the random choices.
    pub seed: u64,
}

impl SamplingParams {
    /// Returns the indices of the neurons measured in the layer at `place`, ascending and the same in every epoch; `None` means
    /// all neurons.
    #[must_use]
    pub fn neurons(&self, place: usize, offered: usize) -> Option<Vec<usize>> {
        let seed = derived_seed(self.seed, &[place as u64]);
        (offered > self.neurons_per_layer).then(|| chosen(seed, offered, self.neurons_per_layer))
    }
}

/// Why the end of an epoch was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndRefused {
    /// The maximum number of epoch ends of this run is queued: the monitor is behind.
    NoPlace,
    /// The monitor has ended.
    MonitorGone,
}

/// The way into the monitor, shared by all taps: the channel and its gate.
#[derive(Clone, Debug)]
pub struct Intake {
    gate: Arc<Gate>,
    events: Sender<Event>,
    epoch_ends_per_run: usize,
}

impl Intake {
    /// Creates a channel for the frames that `capacity` admits, with separate space for the declarations, epoch ends and ends of
    /// `runs` runs. Each run may have one more queued epoch end than there are frames.
    #[must_use]
    pub fn new(capacity: Capacity, runs: usize) -> (Self, Receiver<Event>) {
        let epoch_ends_per_run = capacity.frames + 1;
        let declared_and_finished = 2;
        let (events, receiver) = bounded(capacity.frames + runs * (epoch_ends_per_run + declared_and_finished));
        (Intake { gate: Gate::new(capacity), events, epoch_ends_per_run }, receiver)
    }

    /// Returns the gate, for its counts.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Announces a run and returns its tap.
    #[must_use]
    pub fn open(&self, run: Arc<Run>, on_full: OnFull) -> Tap {
        // If the announcement fails, the monitor learns of the run with its first frame.
        let _ = self.events.try_send(Event::Declared(Arc::clone(&run)));
        let widths = Mutex::new(LayerWidths::new(run.declaration().layers.len()));
        Tap { run, intake: self.clone(), on_full, widths }
    }
}

/// The way of one run into the monitor. Dropping it finishes the run.
#[derive(Debug)]
pub struct Tap {
    run: Arc<Run>,
    intake: Intake,
    on_full: OnFull,
    /// Locked only briefly.
    widths: Mutex<LayerWidths>,
}

impl Tap {
    /// Returns the run that this tap belongs to.
    #[must_use]
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Returns the widths of the layers, as the frames that were sent have them.
    #[must_use]
    pub fn widths(&self) -> LayerWidths {
        self.widths.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reserves space for a frame of `rows` rows of a set. `None` means that the frame was counted as dropped, so the caller need not
    /// compute anything for it.
    #[must_use]
    pub fn offer(&self, epoch: Epoch, set: RowSet, rows: usize) -> Option<FrameBuilder<'_>> {
        self.run.count_rows_offered(rows);
        self.offer_again(epoch, set, rows)
    }

    /// Reserves space for a frame that was refused before. Its rows were counted then; counting them again would lower the
    /// epoch's coverage.
    #[must_use]
    pub fn offer_again(&self, epoch: Epoch, set: RowSet, rows: usize) -> Option<FrameBuilder<'_>> {
        let permit = self.intake.gate.admit(self.on_full).ok()?;
        let layers = vec![None; self.run.declaration().layers.len()];
        Some(FrameBuilder { tap: self, epoch, set, rows, layers, widths: self.widths(), numbers: RowNumbers::default(), permit })
    }

    /// Ends an epoch and returns the newest verdict without waiting, usually that of an earlier epoch. If there is no space for
    /// the epoch end, it is left out, and the monitor infers it from the first frame of the next epoch.
    pub fn end_epoch(&self, epoch: Epoch, metrics: EpochMetrics) -> Arc<NewestVerdict> {
        // The newest verdict is returned in either case.
        let _ = self.try_end_epoch(epoch, metrics);
        self.run.newest_verdict()
    }

    /// Ends an epoch, unless there is no space for the epoch end.
    ///
    /// # Errors
    /// Why the end was not queued.
    pub fn try_end_epoch(&self, epoch: Epoch, metrics: EpochMetrics) -> Result<(), EndRefused> {
        self.take_end_place()?;
        self.send_epoch_end(epoch, metrics, None)
    }

    /// Ends an epoch, waits at most `patience` for its verdict, and returns the newest verdict, whichever epoch it follows. If
    /// there is no space for the epoch end, the wait for space counts too.
    pub fn end_epoch_and_await(&self, epoch: Epoch, metrics: EpochMetrics, patience: Duration) -> Arc<NewestVerdict> {
        let waiting = Stopwatch::start();
        while self.take_end_place().is_err() {
            let left = waiting.left_of(patience);
            if left.is_zero() || self.intake.gate.is_closed() {
                return self.run.newest_verdict();
            }
            std::thread::sleep(LOOK_AGAIN.min(left));
        }
        let (reply, verdict) = bounded(1);
        // A monitor that has ended drops the reply, which ends the wait.
        let _ = self.send_epoch_end(epoch, metrics, Some(reply));
        verdict.recv_timeout(waiting.left_of(patience)).unwrap_or_else(|_| self.run.newest_verdict())
    }

    fn take_end_place(&self) -> Result<(), EndRefused> {
        let taken = self.run.take_epoch_end_place(self.intake.epoch_ends_per_run);
        if taken { Ok(()) } else { Err(EndRefused::NoPlace) }
    }

    /// Sends an epoch end for which space is reserved.
    fn send_epoch_end(
        &self,
        epoch: Epoch,
        metrics: EpochMetrics,
        reply: Option<Sender<Arc<NewestVerdict>>>,
    ) -> Result<(), EndRefused> {
        let rows_offered = self.run.rows_offered();
        let end = EpochEnd { run: Arc::clone(&self.run), epoch, metrics, rows_offered, reply };
        if self.intake.gate.is_closed() || self.intake.events.try_send(Event::EpochEnd(end)).is_err() {
            self.run.free_epoch_end_place();
            return Err(EndRefused::MonitorGone);
        }
        Ok(())
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // The monitor may already have finished the run because it was silent.
        if self.run.finish() {
            // A run whose end is lost is removed later because it is silent.
            let _ = self.intake.events.try_send(Event::Finished(Arc::clone(&self.run)));
        }
    }
}

/// A frame that has space in the channel and is being filled.
#[derive(Debug)]
pub struct FrameBuilder<'tap> {
    tap: &'tap Tap,
    epoch: Epoch,
    set: RowSet,
    rows: usize,
    layers: Vec<Option<LayerActivations>>,
    /// What the tap knows, and what this frame adds once it is sent.
    widths: LayerWidths,
    numbers: RowNumbers,
    permit: Permit,
}

impl FrameBuilder<'_> {
    /// Reserves the bytes that all layers need. On failure the frame is counted as dropped.
    #[must_use]
    pub fn claim_bytes(mut self, bytes: u64) -> Option<Self> {
        match self.permit.claim_bytes(bytes) {
            Ok(()) => Some(self),
            Err(reason) => {
                self.permit.dropped(reason);
                None
            }
        }
    }

    /// Adds a layer, given by its index in the declaration. A layer whose width differs from its first frame's is left out, with a
    /// warning in the log.
    ///
    /// # Errors
    /// If the width differs.
    ///
    /// # Panics
    /// If the run declared no such layer, or the values are not rows x neurons.
    #[expect(clippy::indexing_slicing, reason = "an undeclared layer is a bug of the caller; the panic is documented")]
    pub fn layer(&mut self, index: usize, activations: LayerActivations) -> Result<(), WidthChanged> {
        assert_eq!(activations.values.len(), self.rows * activations.neurons, "layer {index} needs rows x neurons values");
        let width = LayerWidth { offered: activations.neurons_offered, sampled: activations.neurons };
        self.widths.check(index, width).inspect_err(|changed| {
            let (run, layer) = (self.tap.run.name(), &self.tap.run.declaration().layers[index]);
            tracing::warn!(%run, %layer, epoch = %self.epoch, "a layer is left out of a frame: {changed}");
        })?;
        self.layers[index] = Some(activations);
        Ok(())
    }

    /// Adds what the network says of each row.
    ///
    /// # Panics
    /// If there is not one value per row.
    pub fn numbers(&mut self, numbers: RowNumbers) {
        for (name, values) in numbers.reals() {
            let count = values.as_ref().map_or(self.rows, Vec::len);
            assert_eq!(count, self.rows, "there must be one value per row in the {name}");
        }
        let count = numbers.predictions.as_ref().map_or(self.rows, Vec::len);
        assert_eq!(count, self.rows, "there must be one prediction per row");
        self.numbers = numbers;
    }

    /// Sends the frame.
    pub fn send(self) {
        let FrameBuilder { tap, epoch, set, rows, layers, widths, numbers, permit } = self;
        tap.widths.lock().unwrap_or_else(PoisonError::into_inner).learn(&widths);
        let frame = Frame { run: Arc::clone(&tap.run), epoch, set, rows, layers, numbers, permit };
        // Only a monitor that has ended refuses a frame with a permit.
        if let Err(refused) = tap.intake.events.try_send(Event::Frame(frame))
            && let Event::Frame(frame) = refused.into_inner()
        {
            frame.permit.dropped(DropReason::MonitorGone);
        }
    }
}
