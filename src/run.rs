//! One training under one name, as the trainer's side and the monitor's side share it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use crate::choices::Mode;
use crate::identity::{LayerName, RunName};
use crate::stop::StopToken;
use crate::units::Epoch;
use crate::verdict::Verdict;

/// A random id drawn when training starts: training again under the same name is a new attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt(u64);

impl Attempt {
    /// Draws a new id.
    #[must_use]
    pub fn draw() -> Self {
        Attempt(rand::random())
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a trainer says of its run before the first frame.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The run's name.
    pub run: RunName,
    /// The tapped layers in forward order; a frame names them by their place in this list.
    pub layers: Vec<LayerName>,
    /// Where the rows come from.
    pub source: Mode,
    /// The trainer's framework, for people: `tch`.
    pub framework: String,
}

/// The newest verdict and the epoch it follows.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The epoch of the newest report; `None` before the first.
    pub epoch: Option<Epoch>,
    /// What the reports so far add up to.
    pub verdict: Verdict,
    /// The epochs that an alarm would name as the onset if it came now: their weights are worth keeping.
    pub onset_if_now: Vec<Epoch>,
}

/// A declared run: written to by its trainer (counts) and by the monitor (standing, stop), read by both.
#[derive(Debug)]
pub struct Run {
    declaration: Declaration,
    attempt: Attempt,
    stop: StopToken,
    standing: ArcSwap<Standing>,
    rows_offered: AtomicU64,
    queued_epoch_ends: AtomicUsize,
    finished: AtomicBool,
}

impl Run {
    /// A run that nothing has been heard from yet.
    #[must_use]
    pub fn new(declaration: Declaration) -> Arc<Self> {
        let verdict = Verdict::TooEarly { reason: "no epoch was reported yet".into() };
        let standing = Standing { epoch: None, verdict, onset_if_now: Vec::new() };
        Arc::new(Run {
            declaration,
            attempt: Attempt::draw(),
            stop: StopToken::default(),
            standing: ArcSwap::from_pointee(standing),
            rows_offered: AtomicU64::new(0),
            queued_epoch_ends: AtomicUsize::new(0),
            finished: AtomicBool::new(false),
        })
    }

    /// The run's name.
    #[must_use]
    pub fn name(&self) -> &RunName {
        &self.declaration.run
    }

    /// What the trainer said of the run.
    #[must_use]
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The id of this training under the run's name.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// The token that asks this run to stop.
    #[must_use]
    pub fn stop(&self) -> &StopToken {
        &self.stop
    }

    /// The newest verdict.
    #[must_use]
    pub fn standing(&self) -> Arc<Standing> {
        self.standing.load_full()
    }

    /// Whether its trainer may still send something.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.finished.load(Ordering::Acquire)
    }

    /// Marks the run as finished; its name is free again.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
    }

    /// Publishes a verdict; the monitor alone calls this.
    pub(crate) fn set_standing(&self, standing: Standing) {
        self.standing.store(Arc::new(standing));
    }

    /// Counts rows that the trainer meant to send, whatever becomes of them.
    pub(crate) fn count_rows_offered(&self, rows: usize) {
        self.rows_offered.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// All rows that the trainer meant to send so far.
    pub(crate) fn rows_offered(&self) -> u64 {
        self.rows_offered.load(Ordering::Relaxed)
    }

    /// Takes one of the run's `limit` places for epoch ends in the channel, if one is free.
    pub(crate) fn take_epoch_end_place(&self, limit: usize) -> bool {
        self.queued_epoch_ends
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |queued| (queued < limit).then_some(queued + 1))
            .is_ok()
    }

    /// Gives the place back, once the monitor has received the epoch end.
    pub(crate) fn free_epoch_end_place(&self) {
        self.queued_epoch_ends.fetch_sub(1, Ordering::AcqRel);
    }
}
