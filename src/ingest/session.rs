//! One attempt of a run that a client trains: its tap, and the state that is needed to accept no frame twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bodies::DeclaredRun;
use super::frame::ReceivedFrame;
use super::keys::{Digest, FrameKey, ReceivedKeys};
use super::refusal::Refusal;
use crate::activations::Tensor;
use crate::state::OwnedName;
use rotewatch_core::intake::event::LayerActivations;
use rotewatch_core::intake::gate::Capacity;
use rotewatch_core::intake::run::{NewestVerdict, Run};
use rotewatch_core::intake::tap::{EndRefused, FrameBuilder, SamplingParams, Tap};
use rotewatch_core::intake::widths::LayerWidth;
use rotewatch_core::vocabulary::choices::Ending;
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::units::Epoch;

/// The layers of a frame that were left out, with the reason.
pub type Rejected = BTreeMap<LayerName, String>;

/// The result of sending activations that were accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They are queued.
    Queued {
        /// Layers that were left out because their width changed.
        rejected: Rejected,
    },
    /// They were already queued.
    Duplicate,
}

/// How a run reaches the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Over HTTP, from a client that gets an error when there is no room.
    Http,
    /// From a folder of files, which can wait for room.
    Inbox,
}

/// An attempt that was declared.
#[derive(Debug)]
pub(super) struct Session {
    run: Arc<Run>,
    declared: DeclaredRun,
    origin: Origin,
    /// The time since the last request. Locked only briefly.
    heard: Mutex<Stopwatch>,
    /// Locked while a frame is checked and copied, so the frames of a run are processed one after the other.
    live: Mutex<Live>,
}

/// The state of an open run.
#[derive(Debug)]
struct Live {
    /// `None` after the run has ended.
    tap: Option<Tap>,
    /// Locked until then.
    name: Option<OwnedName>,
    keys: ReceivedKeys,
    ended: Option<Epoch>,
}

/// A layer of a frame that has the width it had before.
struct TakenLayer<'a, 'bytes> {
    index: usize,
    width: LayerWidth,
    /// The neurons that are measured; `None` for all.
    chosen: Option<Vec<usize>>,
    tensor: &'a Tensor<'bytes>,
}

impl Session {
    pub(super) fn new(tap: Tap, name: Option<OwnedName>, declared: DeclaredRun, origin: Origin) -> Self {
        let run = Arc::clone(tap.run());
        let live = Live { tap: Some(tap), name, keys: ReceivedKeys::default(), ended: None };
        Session { run, declared, origin, heard: Mutex::new(Stopwatch::start()), live: Mutex::new(live) }
    }

    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    pub(super) fn declared(&self) -> &DeclaredRun {
        &self.declared
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// Returns how long its client has been silent.
    pub(super) fn silence(&self) -> Duration {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    pub(super) fn note_sign_of_life(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
    }

    /// Processes a frame; `capacity` is the capacity of the queue.
    pub(super) fn frame(
        &self,
        key: FrameKey,
        bytes: &[u8],
        sampling: &SamplingParams,
        capacity: Capacity,
    ) -> Result<Taken, Refusal> {
        let digest = Digest::of(bytes);
        let mut live = self.live();
        let Live { tap, keys, .. } = &mut *live;
        let tap = self.open(tap.as_ref())?;
        if let Some(before) = keys.queued(key) {
            return if before == digest { Ok(Taken::Duplicate) } else { Err(Refusal::OtherBytes { frame: key }) };
        }
        let received = ReceivedFrame::read(bytes, &self.declared.layers, key.set)?;
        let (mut widths, mut rejected, mut taken) = (tap.widths(), Rejected::new(), Vec::new());
        for (index, (layer, name)) in received.layers.iter().zip(&self.declared.layers).enumerate() {
            let Some((neurons, tensor)) = layer else { continue };
            let chosen = sampling.neurons(index, *neurons);
            let width = LayerWidth { offered: *neurons, sampled: chosen.as_ref().map_or(*neurons, Vec::len) };
            match widths.check(index, width) {
                Ok(()) => taken.push(TakenLayer { index, width, chosen, tensor }),
                Err(changed) => {
                    rejected.insert(name.clone(), changed.to_string());
                }
            }
        }
        let bytes_needed = bytes_needed(received.rows, &taken).saturating_add(received.number_bytes());
        if bytes_needed > capacity.bytes {
            let what = "a frame (limits.channel_bytes)";
            return Err(Refusal::TooLarge { what, bytes: bytes_needed, limit: capacity.bytes });
        }
        let offer = if keys.was_refused(key) { Tap::offer_again } else { Tap::offer };
        let frame = offer(tap, key.epoch, key.set, received.rows).and_then(|frame| frame.claim_bytes(bytes_needed));
        fill(frame.ok_or(Refusal::Behind)?, &received, taken)?;
        keys.remember(key, digest);
        Ok(Taken::Queued { rejected })
    }

    /// Ends an epoch, unless it was already ended.
    pub(super) fn end_epoch(&self, epoch: Epoch, metrics: EpochMetrics) -> Result<(), Refusal> {
        let mut live = self.live();
        let tap = self.open(live.tap.as_ref())?;
        if live.ended.is_some_and(|ended| epoch <= ended) {
            return Ok(());
        }
        tap.try_end_epoch(epoch, metrics).map_err(|refused| match refused {
            EndRefused::NoPlace => Refusal::Behind,
            EndRefused::MonitorGone => Refusal::Closing,
        })?;
        live.ended = Some(epoch);
        Ok(())
    }

    /// Ends an epoch and waits for its verdict, as long as it takes.
    pub(super) fn end_epoch_and_await(&self, epoch: Epoch, metrics: EpochMetrics) -> Result<Arc<NewestVerdict>, Refusal> {
        let live = self.live();
        Ok(self.open(live.tap.as_ref())?.end_epoch_and_await(epoch, metrics, Duration::MAX))
    }

    /// Ends the run. If it was already ended, its ending does not change.
    pub(super) fn finish(&self, ending: Ending) {
        let mut live = self.live();
        self.run.will_end(ending);
        live.tap = None;
        live.name = None;
    }

    /// Returns whether its client has ended it. False for a run that was retired because it was silent.
    pub(super) fn is_over(&self) -> bool {
        self.live().tap.is_none()
    }

    /// Returns the tap, while the run is open.
    fn open<'live>(&self, tap: Option<&'live Tap>) -> Result<&'live Tap, Refusal> {
        let (run, attempt) = (self.run.name(), self.run.attempt());
        match tap {
            None => Err(Refusal::Over { run: run.clone(), attempt }),
            Some(_) if !self.run.is_open() => Err(Refusal::NotDeclared { run: run.clone(), attempt }),
            Some(tap) => Ok(tap),
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // A panic while a frame is processed leaves a usable tap and the keys of complete frames.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that the layers of a frame take in the channel, in single precision.
fn bytes_needed(rows: usize, layers: &[TakenLayer<'_, '_>]) -> u64 {
    let neurons: u64 = layers.iter().map(|layer| layer.width.sampled as u64).sum();
    neurons.saturating_mul(rows as u64).saturating_mul(size_of::<f32>() as u64)
}

fn fill(mut frame: FrameBuilder<'_>, received: &ReceivedFrame<'_>, layers: Vec<TakenLayer<'_, '_>>) -> Result<(), Refusal> {
    let refused = |fault| Refusal::Frame(super::FrameError::Tensor(fault));
    for TakenLayer { index, width, chosen, tensor } in layers {
        let values = tensor.rows_f32(chosen.as_deref()).map_err(refused)?;
        let activations = LayerActivations { neurons: width.sampled, neurons_offered: width.offered, values };
        // The width was checked before there was room for the frame.
        let _ = frame.layer(index, activations);
    }
    frame.numbers(received.numbers());
    frame.send();
    Ok(())
}
