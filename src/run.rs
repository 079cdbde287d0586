//! One training under one name, as the trainer's side and the monitor's side share it.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;
use thiserror::Error;

use crate::choices::{Ending, Mode};
use crate::clock::Stopwatch;
use crate::identity::{LayerName, RunName};
use crate::newest::Newest;
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
    /// What the rows are recognised by, in words or as a digest: runs that say the same were looked at with the same rows. `None` where
    /// nobody says.
    pub probe: Option<String>,
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

/// The history has said nothing of a run yet.
const UNKNOWN: i64 = -2;
/// The history has said what it knows of a run from before.
const KNOWN: i64 = -1;
/// Lost epochs that are remembered: as many as anybody is told of.
const LOST_KEPT: usize = 256;

/// A declared run: written to by its trainer (counts), by the monitor (standing, stop) and by the history (what is committed), read by
/// all.
#[derive(Debug)]
pub struct Run {
    declaration: Declaration,
    attempt: Attempt,
    declared: Stopwatch,
    stop: StopToken,
    standing: ArcSwap<Standing>,
    rows_offered: AtomicU64,
    queued_epoch_ends: AtomicUsize,
    finished: AtomicBool,
    ending: OnceLock<Ending>,
    /// The newest epoch that the history has committed; below 0 before the first.
    committed: AtomicI64,
    /// The newest epoch of which the history has said whether it is committed; see [`KNOWN`] and [`UNKNOWN`].
    settled: AtomicI64,
    /// Epochs that were measured and found no way into the history: the newest ones, at most [`LOST_KEPT`]. Held for a moment.
    lost: Mutex<Newest<LOST_KEPT, Epoch>>,
    /// Held for a moment.
    awaiting: Mutex<Awaiting>,
}

/// Who is to be woken when something about a run changes.
#[derive(Debug, Default)]
struct Awaiting {
    tickets: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// Waits for an answer; it is asked for again whenever something about the run has changed. Dropping this leaves nothing behind.
struct Until<'run, A> {
    run: &'run Run,
    answer: A,
    /// Its place among those that wait.
    ticket: Option<u64>,
}

impl<T, A: Fn() -> Option<T> + Unpin> Future for Until<'_, A> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(answer) = (self.answer)() {
            return Poll::Ready(answer);
        }
        let mut awaiting = self.run.awaiting();
        let ticket = self.ticket.unwrap_or(awaiting.tickets);
        awaiting.tickets = awaiting.tickets.max(ticket + 1);
        awaiting.wakers.insert(ticket, context.waker().clone());
        drop(awaiting);
        self.ticket = Some(ticket);
        // It may have changed before the waker was in its place.
        (self.answer)().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<A> Drop for Until<'_, A> {
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
            declared: Stopwatch::start(),
            stop: StopToken::default(),
            standing: ArcSwap::from_pointee(standing),
            rows_offered: AtomicU64::new(0),
            queued_epoch_ends: AtomicUsize::new(0),
            finished: AtomicBool::new(false),
            ending: OnceLock::new(),
            committed: AtomicI64::new(UNKNOWN),
            settled: AtomicI64::new(UNKNOWN),
            lost: Mutex::default(),
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

    /// How long ago it was declared to this process.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.declared.elapsed()
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
    pub fn judged(&self, epoch: Epoch) -> impl Future<Output = Arc<Standing>> {
        self.until(move || {
            let standing = self.standing();
            let over = standing.epoch.is_some_and(|newest| newest >= epoch) || !self.is_open();
            over.then_some(standing)
        })
    }

    /// Completes once the history has said of `epoch`, which was judged, whether it is committed.
    pub fn settled(&self, epoch: Epoch) -> impl Future<Output = ()> {
        self.until(move || (self.settled.load(Ordering::Acquire) >= i64::from(epoch.0)).then_some(()))
    }

    /// Completes once the history has said what it knows of this attempt from before.
    pub fn known(&self) -> impl Future<Output = ()> {
        self.until(|| (self.settled.load(Ordering::Acquire) >= KNOWN).then_some(()))
    }

    fn until<'run, T, A: Fn() -> Option<T> + Unpin + 'run>(&'run self, answer: A) -> Until<'run, A> {
        Until { run: self, answer, ticket: None }
    }

    /// The newest epoch of this attempt that the history has committed: it survives whatever ends this process.
    #[must_use]
    pub fn committed_epoch(&self) -> Option<Epoch> {
        u32::try_from(self.committed.load(Ordering::Acquire)).ok().map(Epoch)
    }

    /// Whether the history has committed an epoch.
    #[must_use]
    pub fn is_committed(&self, epoch: Epoch) -> bool {
        self.committed_epoch().is_some_and(|newest| newest >= epoch) && !self.lost().contains(&epoch)
    }

    /// Notes that the history has said what it knows of this attempt from before.
    pub(crate) fn note_known(&self) {
        self.settle(KNOWN);
    }

    /// Notes that an epoch is committed.
    pub(crate) fn note_committed(&self, epoch: Epoch) {
        self.committed.fetch_max(i64::from(epoch.0), Ordering::AcqRel);
        self.settle(i64::from(epoch.0));
    }

    /// Notes that an epoch will never be committed.
    pub(crate) fn note_lost(&self, epoch: Epoch) {
        self.lost().note(epoch, ());
        self.note_settled(epoch);
    }

    /// Notes that nobody need wait for an epoch's commit: it is put off, or there is no history.
    pub(crate) fn note_settled(&self, epoch: Epoch) {
        self.settle(i64::from(epoch.0));
    }

    fn settle(&self, settled: i64) {
        self.settled.fetch_max(settled, Ordering::AcqRel);
        self.wake();
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

    fn lost(&self) -> MutexGuard<'_, Newest<LOST_KEPT, Epoch>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
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
        let run = Run::new(Declaration { run, layers, source: Mode::Probe, probe: None, framework: "test".into() });
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
