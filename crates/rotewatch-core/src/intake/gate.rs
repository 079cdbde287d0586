//! Admission to the channel: room is asked for before anything is copied, and every loss is counted by its reason.
//!
//! A [`Permit`] is a frame's place in the channel from the moment the trainer asks until the monitor has measured the
//! frame. It is settled exactly once, by value or by being dropped, so that at rest
//! `offered = measured + dropped + queued` holds by construction.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

// Not `crate::`: `tests/it/interleavings` compiles this file as well, with a model of these in its place.
use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Bell, Ordering};
use crate::vocabulary::choices::OnFull;
use crate::vocabulary::clock::Stopwatch;

/// Why a frame was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// As many frames as the channel holds were queued.
    ChannelFull,
    /// The queued frames held as many bytes as they may.
    ByteBudget,
    /// The monitor has ended.
    MonitorGone,
    /// The trainer began the frame and never sent it.
    Abandoned,
    /// The monitor could not use the frame: no layer of it was as declared.
    Rejected,
    /// The frame came after its epoch had been reported.
    Late,
}

impl DropReason {
    /// Every reason, in the order of [`FlowCounts::dropped`].
    pub const ALL: [DropReason; 6] = [
        DropReason::ChannelFull,
        DropReason::ByteBudget,
        DropReason::MonitorGone,
        DropReason::Abandoned,
        DropReason::Rejected,
        DropReason::Late,
    ];

    /// The spelling of the label `reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::ChannelFull => "channel_full",
            DropReason::ByteBudget => "byte_budget",
            DropReason::MonitorGone => "monitor_gone",
            DropReason::Abandoned => "abandoned",
            DropReason::Rejected => "rejected",
            DropReason::Late => "late",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The most that may be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// In frames.
    pub frames: usize,
    /// In bytes of activations.
    pub bytes: u64,
}

/// The counts of all frames since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowCounts {
    /// Frames that a trainer asked room for.
    pub offered: u64,
    /// Frames that the monitor took into a window.
    pub measured: u64,
    /// Frames that were lost, by reason, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Frames that hold a place now.
    pub queued: u64,
    /// Rows of the frames taken into a window.
    pub rows_received: u64,
    /// Activations that were NaN or infinite.
    pub nonfinite_values: u64,
    /// How long trainers have waited for room.
    pub tap_wait: Duration,
}

/// The channel's doorkeeper, shared by all taps and the monitor.
#[derive(Debug)]
pub struct Gate {
    capacity: Capacity,
    closed: AtomicBool,
    queued_frames: AtomicUsize,
    queued_bytes: AtomicU64,
    offered: AtomicU64,
    measured: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
    rows_received: AtomicU64,
    nonfinite_values: AtomicU64,
    tap_wait_nanoseconds: AtomicU64,
    /// Rung for whoever waits: a place became free, or the gate closed.
    freed: Bell,
}

/// How long a waiting tap sleeps at most before it looks again: two taps may wait, and the bell wakes one.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Gate {
    /// An open gate with nothing queued.
    #[must_use]
    pub fn new(capacity: Capacity) -> Arc<Self> {
        Arc::new(Gate {
            capacity,
            closed: AtomicBool::new(false),
            queued_frames: AtomicUsize::new(0),
            queued_bytes: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            dropped: std::array::from_fn(|_| AtomicU64::new(0)),
            rows_received: AtomicU64::new(0),
            nonfinite_values: AtomicU64::new(0),
            tap_wait_nanoseconds: AtomicU64::new(0),
            freed: Bell::new(),
        })
    }

    /// The most that may be queued.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Counts an offered frame and takes a place for it, or counts it as dropped.
    ///
    /// # Errors
    /// The reason why there is no place.
    pub fn admit(self: &Arc<Self>, on_full: OnFull) -> Result<Permit, DropReason> {
        self.offered.fetch_add(1, Ordering::Relaxed);
        match self.take(on_full, || self.take_place()) {
            Ok(()) => Ok(Permit { gate: Arc::clone(self), on_full, bytes: 0, settled: false }),
            Err(reason) => {
                self.count_dropped(reason);
                Err(reason)
            }
        }
    }

    /// Whether nobody is let in any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Lets nobody in any more, and wakes who waits.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.freed.ring();
    }

    /// Counts activations that were NaN or infinite.
    pub fn count_nonfinite(&self, values: u64) {
        self.nonfinite_values.fetch_add(values, Ordering::Relaxed);
    }

    /// The counts as they stand. While frames move the parts are read one after the other, `offered` last, so that
    /// their sum never exceeds it.
    #[must_use]
    pub fn counts(&self) -> FlowCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Acquire);
        FlowCounts {
            measured: read(&self.measured),
            dropped: self.dropped.each_ref().map(read),
            queued: self.queued_frames.load(Ordering::Acquire) as u64,
            rows_received: read(&self.rows_received),
            nonfinite_values: read(&self.nonfinite_values),
            tap_wait: Duration::from_nanos(read(&self.tap_wait_nanoseconds)),
            offered: read(&self.offered),
        }
    }

    fn take_place(&self) -> Result<(), DropReason> {
        let room_for_one = |queued: usize| (queued < self.capacity.frames).then_some(queued + 1);
        self.queued_frames
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, room_for_one)
            .map(|_| ())
            .map_err(|_| DropReason::ChannelFull)
    }

    fn take_bytes(&self, bytes: u64) -> Result<(), DropReason> {
        let room = |queued: u64| queued.checked_add(bytes).filter(|sum| *sum <= self.capacity.bytes);
        self.queued_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).map(|_| ()).map_err(|_| DropReason::ByteBudget)
    }

    fn take(&self, on_full: OnFull, take: impl Fn() -> Result<(), DropReason>) -> Result<(), DropReason> {
        let take_if_open = || if self.closed.load(Ordering::Acquire) { Err(DropReason::MonitorGone) } else { take() };
        let is_full = |taken: &Result<(), DropReason>| matches!(taken, Err(DropReason::ChannelFull | DropReason::ByteBudget));
        let mut taken = take_if_open();
        if on_full == OnFull::Wait && is_full(&taken) {
            let waited = Stopwatch::start();
            while is_full(&taken) {
                self.freed.wait(LOOK_AGAIN);
                taken = take_if_open();
            }
            let nanoseconds = u64::try_from(waited.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.tap_wait_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        }
        taken
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "there is a count for each of `DropReason::ALL`, which has every reason in its order"
    )]
    fn count_dropped(&self, reason: DropReason) {
        self.dropped[reason as usize].fetch_add(1, Ordering::Release);
    }

    fn leave(&self, bytes: u64) {
        self.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.queued_frames.fetch_sub(1, Ordering::AcqRel);
        self.freed.ring();
    }
}

/// A frame's place in the channel. Dropping it unsettled counts the frame as [`DropReason::Abandoned`].
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    on_full: OnFull,
    bytes: u64,
    settled: bool,
}

impl Permit {
    /// Asks for room for the frame's `bytes`, all of them and before they are copied: two frames that wait while each
    /// holds a part of the budget would wait for each other.
    ///
    /// # Errors
    /// [`DropReason::ByteBudget`] or [`DropReason::MonitorGone`]; the permit should then be settled with it. A frame
    /// larger than the whole budget never waits.
    pub fn claim_bytes(&mut self, bytes: u64) -> Result<(), DropReason> {
        let fits_at_all = bytes <= self.gate.capacity.bytes;
        let on_full = if fits_at_all { self.on_full } else { OnFull::Drop };
        self.gate.take(on_full, || self.gate.take_bytes(bytes))?;
        self.bytes += bytes;
        Ok(())
    }

    /// The frame's rows are in a window.
    pub fn measured(mut self, rows: usize) {
        self.gate.rows_received.fetch_add(rows as u64, Ordering::Relaxed);
        self.gate.leave(self.bytes);
        self.gate.measured.fetch_add(1, Ordering::Release);
        self.settled = true;
    }

    /// The frame is lost.
    pub fn dropped(mut self, reason: DropReason) {
        self.settle_as_dropped(reason);
    }

    fn settle_as_dropped(&mut self, reason: DropReason) {
        self.gate.leave(self.bytes);
        self.gate.count_dropped(reason);
        self.settled = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            self.settle_as_dropped(DropReason::Abandoned);
        }
    }
}
