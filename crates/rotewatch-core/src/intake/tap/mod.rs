//! The trainer's handle: offers frames, ends epochs, reads the newest verdict, and never holds the trainer up.
//!
//! ```text
//! offer an epoch's frame -> is there room?  no: counted and dropped (or waited for), nothing was copied
//!                                           yes: a Permit
//! copy the activations   -> FrameBuilder    claims their bytes first
//! send                   -> channel         always has room for a frame that holds a Permit
//! end the epoch          -> channel         has room of its own: an end never waits for frames
//! ```

mod sample;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

pub use sample::{chosen, derived_seed};

use crate::intake::event::{EpochEnd, EpochMetrics, Event, Frame, LayerActivations};
use crate::intake::gate::{Capacity, DropReason, Gate, Permit};
use crate::intake::run::{Run, Standing};
pub use crate::vocabulary::choices::{OnFull, Reduce};
use crate::vocabulary::clock::Stopwatch;
use crate::vocabulary::units::Epoch;

/// How long a tap that waits for the place of an epoch end sleeps before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What a tap looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplingParams {
    /// The most rows of one frame.
    pub rows: usize,
    /// A stream looks at every so many training steps; at least 1.
    pub every_steps: u64,
    /// The most neurons of one layer; a wider one is sampled by seed.
    pub neurons_per_layer: usize,
    /// How maps and sequences are reduced.
    pub reduce: Reduce,
    /// The seed of every choice.
    pub seed: u64,
}

impl SamplingParams {
    /// The neurons of the layer at `place` that are measured, ascending: the same ones in every epoch; `None` for all of
    /// them.
    #[must_use]
    pub fn neurons(&self, place: usize, offered: usize) -> Option<Vec<usize>> {
        let seed = derived_seed(self.seed, &[place as u64]);
        (offered > self.neurons_per_layer).then(|| chosen(seed, offered, self.neurons_per_layer))
    }
}

/// Why the end of an epoch was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndRefused {
    /// As many ends of this run are queued as may be: the monitor is behind.
    NoPlace,
    /// The monitor has ended.
    MonitorGone,
}

/// The way into the monitor that all taps share: the channel and its doorkeeper.
#[derive(Clone, Debug)]
pub struct Intake {
    gate: Arc<Gate>,
    events: Sender<Event>,
    epoch_ends_per_run: usize,
}

impl Intake {
    /// A channel for the frames that `capacity` admits and, apart from them, for the declarations, ends of epochs and
    /// ends of `runs` runs. Each run may have one epoch end queued for every frame and one more.
    #[must_use]
    pub fn new(capacity: Capacity, runs: usize) -> (Self, Receiver<Event>) {
        let epoch_ends_per_run = capacity.frames + 1;
        let declared_and_finished = 2;
        let (events, receiver) = bounded(capacity.frames + runs * (epoch_ends_per_run + declared_and_finished));
        (Intake { gate: Gate::new(capacity), events, epoch_ends_per_run }, receiver)
    }

    /// The doorkeeper, for its counts.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Announces a run and hands out its tap.
    #[must_use]
    pub fn open(&self, run: Arc<Run>, on_full: OnFull) -> Tap {
        // A run that could not be announced is known from its first frame on.
        let _ = self.events.try_send(Event::Declared(Arc::clone(&run)));
        Tap { run, intake: self.clone(), on_full }
    }
}

/// One run's way into the monitor. Dropping it finishes the run.
#[derive(Debug)]
pub struct Tap {
    run: Arc<Run>,
    intake: Intake,
    on_full: OnFull,
}

impl Tap {
    /// The run this tap belongs to.
    #[must_use]
    pub fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Asks for room for a frame of `rows` rows. `None` means that there is none: the frame is counted as dropped, and
    /// nothing needs to be computed for it.
    #[must_use]
    pub fn offer(&self, epoch: Epoch, rows: usize) -> Option<FrameBuilder<'_>> {
        self.run.count_rows_offered(rows);
        self.offer_again(epoch, rows)
    }

    /// The same for a frame that was refused before: its rows were counted then, so that they do not lower the epoch's
    /// coverage once they are measured after all.
    #[must_use]
    pub fn offer_again(&self, epoch: Epoch, rows: usize) -> Option<FrameBuilder<'_>> {
        let permit = self.intake.gate.admit(self.on_full).ok()?;
        let layers = vec![None; self.run.declaration().layers.len()];
        Some(FrameBuilder { tap: self, epoch, rows, layers, predictions: None, permit })
    }

    /// Ends an epoch and returns the newest verdict without waiting: that of an earlier epoch, as a rule. Where the
    /// monitor is so far behind that the end finds no place, it is left out, and inferred from the next epoch's first frame.
    pub fn end_epoch(&self, epoch: Epoch, metrics: EpochMetrics) -> Arc<Standing> {
        // Either way the newest verdict is all there is to tell.
        let _ = self.try_end_epoch(epoch, metrics);
        self.run.standing()
    }

    /// Ends an epoch, unless there is no place for its end.
    ///
    /// # Errors
    /// Why the end is not queued.
    pub fn try_end_epoch(&self, epoch: Epoch, metrics: EpochMetrics) -> Result<(), EndRefused> {
        self.take_end_place()?;
        self.send_epoch_end(epoch, metrics, None)
    }

    /// Ends an epoch and waits until the monitor has judged it, at most `patience`; then the newest verdict is
    /// returned, whichever epoch it follows. Where the end finds no place, that is waited for as well.
    pub fn end_epoch_and_await(&self, epoch: Epoch, metrics: EpochMetrics, patience: Duration) -> Arc<Standing> {
        let waiting = Stopwatch::start();
        while self.take_end_place().is_err() {
            let left = waiting.left_of(patience);
            if left.is_zero() || self.intake.gate.is_closed() {
                return self.run.standing();
            }
            std::thread::sleep(LOOK_AGAIN.min(left));
        }
        let (reply, verdict) = bounded(1);
        // A monitor that has ended drops the reply, which ends the waiting.
        let _ = self.send_epoch_end(epoch, metrics, Some(reply));
        verdict.recv_timeout(waiting.left_of(patience)).unwrap_or_else(|_| self.run.standing())
    }

    fn take_end_place(&self) -> Result<(), EndRefused> {
        let taken = self.run.take_epoch_end_place(self.intake.epoch_ends_per_run);
        if taken { Ok(()) } else { Err(EndRefused::NoPlace) }
    }

    /// Sends the end of an epoch that has its place.
    fn send_epoch_end(
        &self,
        epoch: Epoch,
        metrics: EpochMetrics,
        reply: Option<Sender<Arc<Standing>>>,
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
        // The monitor may have finished the run itself, for its silence.
        if self.run.finish() {
            // A run whose end is lost retires by its silence.
            let _ = self.intake.events.try_send(Event::Finished(Arc::clone(&self.run)));
        }
    }
}

/// A frame that has a place in the channel and is being filled.
#[derive(Debug)]
pub struct FrameBuilder<'tap> {
    tap: &'tap Tap,
    epoch: Epoch,
    rows: usize,
    layers: Vec<Option<LayerActivations>>,
    predictions: Option<Vec<i64>>,
    permit: Permit,
}

impl FrameBuilder<'_> {
    /// Asks for room for all bytes that the layers will take. On failure the frame is counted as dropped.
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

    /// Puts in a layer by its place in the declaration.
    ///
    /// # Panics
    /// If the run declared no such layer, or the values are not rows x neurons.
    #[expect(
        clippy::indexing_slicing,
        reason = "a layer that was not declared is the caller's mistake, and documented as a panic"
    )]
    pub fn layer(&mut self, place: usize, activations: LayerActivations) {
        assert_eq!(activations.values.len(), self.rows * activations.neurons, "layer {place} is rows x neurons");
        self.layers[place] = Some(activations);
    }

    /// Puts in the class that the network predicts for each row.
    ///
    /// # Panics
    /// If there is not one per row.
    pub fn predictions(&mut self, predictions: Vec<i64>) {
        assert_eq!(predictions.len(), self.rows, "one prediction per row");
        self.predictions = Some(predictions);
    }

    /// Sends the frame.
    pub fn send(self) {
        let FrameBuilder { tap, epoch, rows, layers, predictions, permit } = self;
        let frame = Frame { run: Arc::clone(&tap.run), epoch, rows, layers, predictions, permit };
        // Only a monitor that has ended refuses a frame that holds a permit.
        if let Err(refused) = tap.intake.events.try_send(Event::Frame(frame))
            && let Event::Frame(frame) = refused.into_inner()
        {
            frame.permit.dropped(DropReason::MonitorGone);
        }
    }
}
