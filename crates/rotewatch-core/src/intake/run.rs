//! One training run, as shared by the trainer's side and the monitor.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use event_listener::Event;

use crate::intake::stop::StopToken;
use crate::record::{PastEpoch, StateRecord, VerdictRecord};
use crate::vocabulary::choices::{Ending, Mode, Task};
use crate::vocabulary::clock::Stopwatch;
use crate::vocabulary::identity::{Attempt, LayerName, RunName};
use crate::vocabulary::newest::Newest;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{MemorizedShare, Verdict};

/// What a trainer declares about its run before the first frame.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The run's name.
    pub run: RunName,
    /// The tapped layers in forward order; frames refer to them by index.
    pub layers: Vec<LayerName>,
    /// Where the rows come from.
    pub source: Mode,
    /// Identifies the probe rows, in words or as a digest: runs with equal values were measured on the same rows. `None` if
    /// unknown.
    pub probe: Option<String>,
    /// Identifies the rows of the training set that pass through the network beside the probe; `None` if there are none.
    pub seen: Option<String>,
    /// What the network's outputs are; `None` if unknown.
    pub task: Option<Task>,
    /// The layer that has the classifier's input; `None` if no such layer is tapped.
    pub features: Option<LayerName>,
    /// The trainer's framework, for display: `tch`.
    pub framework: String,
}

impl Declaration {
    /// A declaration that says nothing of its rows and of its task.
    #[must_use]
    pub fn new(run: RunName, layers: Vec<LayerName>, source: Mode, framework: &str) -> Self {
        let framework = framework.to_owned();
        Declaration { run, layers, source, probe: None, seen: None, task: None, features: None, framework }
    }
}

/// The newest verdict and the epoch it follows.
#[derive(Clone, Debug)]
pub struct NewestVerdict {
    /// The epoch of the newest report; `None` before the first.
    pub epoch: Option<Epoch>,
    /// The verdict after the reports so far.
    pub verdict: Verdict,
    /// Epochs up to now that a present or future alarm may name as the onset. Their weights are worth keeping.
    pub possible_onsets: Vec<Epoch>,
    /// The share of the training rows that the network knows by heart; `None` if that is unknown.
    pub memorized_share: Option<MemorizedShare>,
}

/// The history has not yet reported anything about the run.
const UNKNOWN: i64 = -2;
/// The history has reported which earlier epochs of the run it holds.
const KNOWN: i64 = -1;
/// Maximum number of lost epochs remembered, which is also the most that a client is told.
const LOST_KEPT: usize = 256;

/// A declared run. Its trainer writes counts, the monitor writes the verdict and the stop request, and the history writes which
/// epochs are committed. Everything else reads.
#[derive(Debug)]
pub struct Run {
    declaration: Declaration,
    attempt: Attempt,
    declared: Stopwatch,
    stop: StopToken,
    /// The epochs of this attempt that were judged before a restart. The monitor takes them; locked only briefly.
    past: Mutex<Vec<PastEpoch>>,
    standing: ArcSwap<NewestVerdict>,
    rows_offered: AtomicU64,
    queued_epoch_ends: AtomicUsize,
    finished: AtomicBool,
    ending: OnceLock<Ending>,
    /// The newest epoch that the history has committed; below 0 before the first.
    committed: AtomicI64,
    /// The newest epoch for which the history has reported whether it is committed; see [`KNOWN`] and [`UNKNOWN`].
    settled: AtomicI64,
    /// The newest epochs that were measured but not saved to the history, at most [`LOST_KEPT`]. Locked only briefly.
    lost: Mutex<Newest<LOST_KEPT, Epoch>>,
    /// Something of the above has changed.
    changed: Event,
}

impl Run {
    /// Creates a run with a new random attempt id.
    #[must_use]
    pub fn new(declaration: Declaration) -> Arc<Self> {
        Run::of_attempt(declaration, Attempt::draw())
    }

    /// Creates a run with the attempt id that the trainer drew.
    #[must_use]
    pub fn of_attempt(declaration: Declaration, attempt: Attempt) -> Arc<Self> {
        Run::resumed(declaration, attempt, Vec::new())
    }

    /// Creates a run that continues after `past`: the epochs of this attempt that were judged before, in order.
    #[must_use]
    pub fn resumed(declaration: Declaration, attempt: Attempt, past: Vec<PastEpoch>) -> Arc<Self> {
        let verdict = Verdict::TooEarly { reason: "no epoch was reported yet".into() };
        let standing = NewestVerdict { epoch: None, verdict, possible_onsets: Vec::new(), memorized_share: None };
        Arc::new(Run {
            declaration,
            attempt,
            declared: Stopwatch::start(),
            stop: StopToken::default(),
            past: Mutex::new(past),
            standing: ArcSwap::from_pointee(standing),
            rows_offered: AtomicU64::new(0),
            queued_epoch_ends: AtomicUsize::new(0),
            finished: AtomicBool::new(false),
            ending: OnceLock::new(),
            committed: AtomicI64::new(UNKNOWN),
            settled: AtomicI64::new(UNKNOWN),
            lost: Mutex::default(),
            changed: Event::new(),
        })
    }

    /// Returns the run's name.
    #[must_use]
    pub fn name(&self) -> &RunName {
        &self.declaration.run
    }

    /// Returns what the trainer declared.
    #[must_use]
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// Returns the attempt id of this training.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Returns the time since the run was declared to this process.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.declared.elapsed()
    }

    /// Returns the token that asks this run to stop.
    #[must_use]
    pub fn stop(&self) -> &StopToken {
        &self.stop
    }

    /// Returns the newest verdict.
    #[must_use]
    pub fn newest_verdict(&self) -> Arc<NewestVerdict> {
        self.standing.load_full()
    }

    /// Returns whether the trainer may still send something.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.finished.load(Ordering::Acquire)
    }

    /// Returns how the run ended, or `None` while it is open. If the trainer did not say, the run counts as finished.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        (!self.is_open()).then(|| self.ending.get().copied().unwrap_or(Ending::Finished))
    }

    /// Records how the run is about to end; only the first call has an effect.
    pub fn will_end(&self, ending: Ending) {
        let _ = self.ending.set(ending);
    }

    /// Completes once `epoch` or a later one has a verdict, or the run is finished. Returns the newest verdict.
    pub fn judged(&self, epoch: Epoch) -> impl Future<Output = Arc<NewestVerdict>> {
        self.until(move || {
            let standing = self.newest_verdict();
            let over = standing.epoch.is_some_and(|newest| newest >= epoch) || !self.is_open();
            over.then_some(standing)
        })
    }

    /// Completes once the history has reported whether `epoch`, which has a verdict, is committed.
    pub fn settled(&self, epoch: Epoch) -> impl Future<Output = ()> {
        self.until(move || (self.settled.load(Ordering::Acquire) >= i64::from(epoch.0)).then_some(()))
    }

    /// Completes once the history has reported which earlier epochs of this attempt it holds.
    pub fn known(&self) -> impl Future<Output = ()> {
        self.until(|| (self.settled.load(Ordering::Acquire) >= KNOWN).then_some(()))
    }

    /// Completes once there is an answer; it is asked for again whenever something about the run has changed.
    async fn until<T>(&self, answer: impl Fn() -> Option<T>) -> T {
        loop {
            // Before the answer is asked for, so that no change falls in between.
            let change = self.changed.listen();
            if let Some(answer) = answer() {
                return answer;
            }
            change.await;
        }
    }

    /// Returns the newest epoch of this attempt that the history has committed. It survives a crash of this process.
    #[must_use]
    pub fn committed_epoch(&self) -> Option<Epoch> {
        u32::try_from(self.committed.load(Ordering::Acquire)).ok().map(Epoch)
    }

    /// Returns whether the history has committed an epoch.
    #[must_use]
    pub fn is_committed(&self, epoch: Epoch) -> bool {
        self.committed_epoch().is_some_and(|newest| newest >= epoch) && !self.lost().contains(&epoch)
    }

    /// Records that the history has reported which earlier epochs of this attempt it holds.
    pub fn note_known(&self) {
        self.settle(KNOWN);
    }

    /// Records that an epoch is committed.
    pub fn note_committed(&self, epoch: Epoch) {
        self.committed.fetch_max(i64::from(epoch.0), Ordering::AcqRel);
        self.settle(i64::from(epoch.0));
    }

    /// Records that an epoch will never be committed.
    pub fn note_lost(&self, epoch: Epoch) {
        self.lost().note(epoch, ());
        self.note_settled(epoch);
    }

    /// Records that waiting for an epoch's commit is pointless: the commit is postponed, or there is no history.
    pub fn note_settled(&self, epoch: Epoch) {
        self.settle(i64::from(epoch.0));
    }

    fn settle(&self, settled: i64) {
        self.settled.fetch_max(settled, Ordering::AcqRel);
        self.wake();
    }

    /// Marks the run as finished, which frees its name. Returns whether it was open before.
    pub fn finish(&self) -> bool {
        let first = !self.finished.swap(true, Ordering::AcqRel);
        self.wake();
        first
    }

    /// Publishes a verdict. Only the monitor calls this.
    pub(crate) fn set_newest_verdict(&self, standing: NewestVerdict) {
        self.standing.store(Arc::new(standing));
        self.wake();
    }

    fn wake(&self) {
        self.changed.notify(usize::MAX);
    }

    /// Returns the run's state as every surface writes it.
    #[must_use]
    pub fn state(&self) -> StateRecord {
        let standing = self.newest_verdict();
        let reason = self.stop.reason();
        StateRecord {
            run: self.name().clone(),
            attempt: self.attempt,
            epoch: standing.epoch,
            committed_epoch: self.committed_epoch(),
            verdict: VerdictRecord::from(&standing.verdict).with_share(standing.memorized_share),
            stop: reason.is_some(),
            reason: reason.map(ToString::to_string),
        }
    }

    /// Takes the epochs that were judged before a restart; the monitor alone calls this.
    pub(crate) fn take_past(&self) -> Vec<PastEpoch> {
        std::mem::take(&mut self.past.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lost(&self) -> MutexGuard<'_, Newest<LOST_KEPT, Epoch>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts rows that the trainer meant to send, whatever becomes of them.
    pub(crate) fn count_rows_offered(&self, rows: usize) {
        self.rows_offered.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Returns the number of rows offered so far.
    pub(crate) fn rows_offered(&self) -> u64 {
        self.rows_offered.load(Ordering::Relaxed)
    }

    /// Takes one of the run's `limit` places for epoch ends in the channel, if one is free.
    pub(crate) fn take_epoch_end_place(&self, limit: usize) -> bool {
        self.queued_epoch_ends
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |queued| (queued < limit).then_some(queued + 1))
            .is_ok()
    }

    /// Frees the place once the monitor has received the epoch end.
    pub(crate) fn free_epoch_end_place(&self) {
        self.queued_epoch_ends.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    #[test]
    fn who_waits_for_a_verdict_gets_it_or_leaves_nothing_behind() {
        let layers = vec!["a".parse().expect("a good name")];
        let run = "waited-for".parse().expect("a good name");
        let run = Run::new(Declaration::new(run, layers, Mode::Probe, "test"));
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(run.judged(Epoch(0)));
        assert!(first.as_mut().poll(&mut context).is_pending());
        {
            let mut later = pin!(run.judged(Epoch(1)));
            assert!(later.as_mut().poll(&mut context).is_pending());
            assert!(later.as_mut().poll(&mut context).is_pending());
            assert_eq!(run.changed.total_listeners(), 2);
        }
        assert_eq!(run.changed.total_listeners(), 1);
        let standing = NewestVerdict { epoch: Some(Epoch(0)), ..(*run.newest_verdict()).clone() };
        run.set_newest_verdict(standing);
        assert!(first.as_mut().poll(&mut context).is_ready());
        assert_eq!(run.changed.total_listeners(), 0);
        run.finish();
        assert!(
            pin!(run.judged(Epoch(9))).poll(&mut context).is_ready(),
            "a finished run gets no further verdicts, so the wait ends"
        );
    }
}
