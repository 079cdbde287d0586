//! One training under one name, as the trainer's side and the monitor's side share it.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use arc_swap::ArcSwap;
use thiserror::Error;

use crate::choices::{Ending, Mode};
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

/// A text that is no attempt's id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{text:?} is no attempt: draw 16 lowercase hexadecimal digits when training starts")]
pub struct AttemptError {
    /// The text as given.
    text: String,
}

impl FromStr for Attempt {
    type Err = AttemptError;

    fn from_str(text: &str) -> Result<Self, AttemptError> {
        let well_formed = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = u64::from_str_radix(text, 16).ok().filter(|_| well_formed);
        id.map(Attempt).ok_or_else(|| AttemptError { text: text.to_owned() })
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
    /// The epochs up to now that an alarm may name as the onset, if it comes now or later: their weights are worth keeping.
    pub possible_onsets: Vec<Epoch>,
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
    ending: OnceLock<Ending>,
    /// Held for a moment.
    awaiting: Mutex<Awaiting>,
}

/// Who is to be woken when the standing changes.
#[derive(Debug, Default)]
struct Awaiting {
    tickets: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// The future of [`Run::judged`]. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Judged<'run> {
    run: &'run Run,
    epoch: Epoch,
    /// Its place among those that wait.
    ticket: Option<u64>,
}

impl Judged<'_> {
    fn standing(&self) -> Option<Arc<Standing>> {
        let standing = self.run.standing();
        let over = standing.epoch.is_some_and(|newest| newest >= self.epoch) || !self.run.is_open();
        over.then_some(standing)
    }
}

impl Future for Judged<'_> {
    type Output = Arc<Standing>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Arc<Standing>> {
        if let Some(standing) = self.standing() {
            return Poll::Ready(standing);
        }
        let mut awaiting = self.run.awaiting();
        let ticket = self.ticket.unwrap_or(awaiting.tickets);
        awaiting.tickets = awaiting.tickets.max(ticket + 1);
        awaiting.wakers.insert(ticket, context.waker().clone());
        drop(awaiting);
        self.ticket = Some(ticket);
        // It may have changed before the waker was in its place.
        self.standing().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Judged<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.run.awaiting().wakers.remove(&ticket);
        }
    }
}

impl Run {
    /// A run that nothing has been heard from yet.
    #[must_use]
    pub fn new(declaration: Declaration) -> Arc<Self> {
        Run::of_attempt(declaration, Attempt::draw())
    }

    /// The same for a trainer that drew the id of its attempt itself.
    #[must_use]
    pub fn of_attempt(declaration: Declaration, attempt: Attempt) -> Arc<Self> {
        let verdict = Verdict::TooEarly { reason: "no epoch was reported yet".into() };
        let standing = Standing { epoch: None, verdict, possible_onsets: Vec::new() };
        Arc::new(Run {
            declaration,
            attempt,
            stop: StopToken::default(),
            standing: ArcSwap::from_pointee(standing),
            rows_offered: AtomicU64::new(0),
            queued_epoch_ends: AtomicUsize::new(0),
            finished: AtomicBool::new(false),
            ending: OnceLock::new(),
            awaiting: Mutex::default(),
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

    /// How it ended, once it has; a trainer that did not say is taken to have finished.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        (!self.is_open()).then(|| self.ending.get().copied().unwrap_or(Ending::Finished))
    }

    /// Notes how it is about to end; the first word stays.
    pub(crate) fn will_end(&self, ending: Ending) {
        let _ = self.ending.set(ending);
    }

    /// Completes once `epoch` or a later one was judged, or the run is finished: whichever standing there is then.
    pub fn judged(&self, epoch: Epoch) -> Judged<'_> {
        Judged { run: self, epoch, ticket: None }
    }

    /// Marks the run as finished; its name is free again. Whether it was not before.
    pub(crate) fn finish(&self) -> bool {
        let first = !self.finished.swap(true, Ordering::AcqRel);
        self.wake();
        first
    }

    /// Publishes a verdict; the monitor alone calls this.
    pub(crate) fn set_standing(&self, standing: Standing) {
        self.standing.store(Arc::new(standing));
        self.wake();
    }

    fn wake(&self) {
        let awaiting = std::mem::take(&mut self.awaiting().wakers);
        awaiting.into_values().for_each(Waker::wake);
    }

    fn awaiting(&self) -> MutexGuard<'_, Awaiting> {
        self.awaiting.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[test]
    fn who_waits_for_a_verdict_gets_it_or_leaves_nothing_behind() {
        let layers = vec!["a".parse().expect("a good name")];
        let run = "waited-for".parse().expect("a good name");
        let run = Run::new(Declaration { run, layers, source: Mode::Probe, framework: "test".into() });
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(run.judged(Epoch(0)));
        assert!(first.as_mut().poll(&mut context).is_pending());
        {
            let mut later = pin!(run.judged(Epoch(1)));
            assert!(later.as_mut().poll(&mut context).is_pending());
            assert!(later.as_mut().poll(&mut context).is_pending());
            assert_eq!(run.awaiting().wakers.len(), 2);
        }
        assert_eq!(run.awaiting().wakers.len(), 1);
        let standing = Standing { epoch: Some(Epoch(0)), ..(*run.standing()).clone() };
        run.set_standing(standing);
        assert!(run.awaiting().wakers.is_empty());
        assert!(first.as_mut().poll(&mut context).is_ready());
        run.finish();
        assert!(pin!(run.judged(Epoch(9))).poll(&mut context).is_ready(), "of a run that is over nothing more is to come");
    }

    #[test]
    fn an_attempt_reads_back_what_it_writes_and_nothing_else() {
        let attempt = Attempt::draw();
        assert_eq!(attempt.to_string().parse(), Ok(attempt));
        assert!("000000000000000a".parse::<Attempt>().is_ok());
        for bad in ["", "a", "000000000000000A", "00000000000000000a", "+00000000000000a", "000000000000000g", " 00000000000000a"]
        {
            assert!(bad.parse::<Attempt>().is_err(), "{bad:?}");
        }
    }
}
