//! Admission to the channel: space is reserved before anything is copied, and every dropped frame is counted by its reason.
//!
//! A [`Permit`] is a frame's place in the channel, from the moment the trainer asks for it until the monitor has measured the
//! frame. Each permit is settled exactly once, by a method or by being dropped. Hence, when nothing is in flight,
//! `offered = measured + dropped + queued`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

// Not `crate::`: `tests/interleavings` includes this file too, with a model of these types in its own `sync` module.
use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Bell, Ordering};
use crate::vocabulary::choices::OnFull;
use crate::vocabulary::clock::Stopwatch;

/// Why a frame was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The channel held its maximum number of frames.
    ChannelFull,
    /// The queued frames held the maximum number of bytes.
    ByteBudget,
    /// The monitor has ended.
    MonitorGone,
    /// The trainer began the frame and never sent it.
    Abandoned,
    /// The monitor could not use the frame: none of its layers matched the declaration.
    Rejected,
    /// The frame arrived after its epoch had been reported.
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

    /// Returns the value of the label `reason`.
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

/// The maximum that may be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Number of frames.
    pub frames: usize,
    /// Bytes of activations.
    pub bytes: u64,
}

/// Counts of all frames since the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowCounts {
    /// Frames for which a trainer asked for space.
    pub offered: u64,
    /// Frames that were added to a window.
    pub measured: u64,
    /// Dropped frames by reason, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
    /// Frames that are in the channel now.
    pub queued: u64,
    /// Rows of the frames that were added to a window.
    pub rows_received: u64,
    /// NaN or infinite activations.
    pub nonfinite_values: u64,
    /// Total time that trainers have waited for space.
    pub tap_wait: Duration,
}

/// Controls admission to the channel. Shared by all taps and the monitor.
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
    /// Rung when a place becomes free or the gate closes.
    freed: Bell,
}

/// Maximum time between two checks of a waiting tap. Several taps may wait, and the bell wakes only one.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Gate {
    /// Creates an open gate with nothing queued.
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

    /// Returns the maximum that may be queued.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Counts an offered frame and takes a place for it, or counts it as dropped.
    ///
    /// # Errors
    /// The reason why the frame was not admitted.
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

    /// Returns whether the gate is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Closes the gate: nothing more is admitted, and a waiting tap wakes up.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.freed.ring();
    }

    /// Counts NaN or infinite activations.
    pub fn count_nonfinite(&self, values: u64) {
        self.nonfinite_values.fetch_add(values, Ordering::Relaxed);
    }

    /// Returns the current counts. While frames move, the counts are read one after the other, `offered` last, so that
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

    #[expect(clippy::indexing_slicing, reason = "`dropped` has one entry per reason, in declaration order")]
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
    /// Reserves space for all of the frame's `bytes` before they are copied. Two frames that each held a part of the budget
    /// could otherwise wait for each other forever.
    ///
    /// # Errors
    /// [`DropReason::ByteBudget`] or [`DropReason::MonitorGone`]; the caller then settles the permit with this reason. A frame
    /// larger than the whole budget never waits.
    pub fn claim_bytes(&mut self, bytes: u64) -> Result<(), DropReason> {
        let fits_at_all = bytes <= self.gate.capacity.bytes;
        let on_full = if fits_at_all { self.on_full } else { OnFull::Drop };
        self.gate.take(on_full, || self.gate.take_bytes(bytes))?;
        self.bytes += bytes;
        Ok(())
    }

    /// Settles the frame as measured: its rows are in a window.
    pub fn measured(mut self, rows: usize) {
        self.gate.rows_received.fetch_add(rows as u64, Ordering::Relaxed);
        self.gate.leave(self.bytes);
        self.gate.measured.fetch_add(1, Ordering::Release);
        self.settled = true;
    }

    /// Settles the frame as dropped.
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
