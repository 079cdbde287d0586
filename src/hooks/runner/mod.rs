//! The hooks' thread and its handle.
//!
//! ```text
//! an alarm arrives     -> one firing per hook that listens to its kind, unless the onset is known already
//! a firing is due      -> one try; then its outcome, or a wait for the retry while other firings run
//! all feeds are gone   -> pending firings get the time that is left; the rest are logged and abandoned
//! ```

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, never};

use super::feed::{HookFeed, HookSwitch, Raised, Shared};
use super::notified_onsets::{NotifiedOnsets, OnsetMemory};
use super::queue::{Firing, Queue};
use super::{Attempted, HookCounts, HookOutcome, HookParams, HookResult};
use rotewatch_core::intake::stop::ServiceThread;
use rotewatch_core::vocabulary::clock::Stopwatch;

/// The most alarms that wait for the hooks' thread.
const ALARMS_QUEUED: usize = 64;
/// The most pending firings. Above this, alarms stay in the channel.
const FIRINGS_PENDING: usize = 256;

/// The running hooks' thread.
pub struct Hooks {
    part: ServiceThread,
    shared: Arc<Shared>,
    switch: HookSwitch,
}

impl Hooks {
    /// Starts the thread `rotewatch-hooks`. Commands run in `state` if that folder exists. A subscriber whose channel is full misses
    /// outcomes; one that is gone is removed. Hooks do not fire for onsets that `memory` contains.
    ///
    /// # Errors
    /// If the system cannot start the thread.
    pub fn start(
        params: &[HookParams],
        state: Option<&Path>,
        subscribers: Vec<Sender<HookOutcome>>,
        memory: Option<Box<dyn OnsetMemory>>,
    ) -> io::Result<(Hooks, HookFeed)> {
        let shared = Arc::<Shared>::default();
        let switch = HookSwitch::new(&shared, state);
        switch.set(params);
        let (alarms, raised) = bounded(ALARMS_QUEUED);
        let runner =
            Runner { shared: Arc::clone(&shared), queue: Queue::default(), told: NotifiedOnsets::before(memory), subscribers };
        let part = ServiceThread::spawn("hooks", move || runner.run(raised))?;
        Ok((Hooks { part, shared: Arc::clone(&shared), switch }, HookFeed::new(alarms, shared)))
    }

    /// A handle that replaces the hooks while the program runs. It takes effect with the next alarm.
    #[must_use]
    pub fn switch(&self) -> HookSwitch {
        self.switch.clone()
    }

    /// The attempts of each hook by result.
    #[must_use]
    pub fn counts(&self) -> Arc<HookCounts> {
        Arc::clone(&self.shared.counts)
    }

    /// Sets the deadline for the hooks.
    pub fn announce_end(&self, since: Stopwatch, patience: Duration) {
        self.shared.closing.announce(since, patience);
    }

    /// The name of the thread.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.part.name()
    }

    /// Waits for the thread to end, which it does after the last feed is dropped, and logs what is left undone. Returns whether it
    /// ended in time.
    #[must_use]
    pub fn wait(self, since: Stopwatch, patience: Duration) -> bool {
        let ended = self.part.wait(since, patience);
        for firing in self.unfinished().iter().filter(|_| !ended) {
            tracing::warn!("not finished in time: {firing}");
        }
        ended
    }

    /// The pending firings in words, without alarms that the thread has not received yet.
    #[must_use]
    pub fn unfinished(&self) -> Vec<String> {
        self.shared.unfinished.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the thread owns.
struct Runner {
    shared: Arc<Shared>,
    queue: Queue,
    told: NotifiedOnsets,
    subscribers: Vec<Sender<HookOutcome>>,
}

impl Runner {
    fn run(mut self, mut alarms: Receiver<Raised>) {
        let mut fed = true;
        loop {
            if self.queue.len() < FIRINGS_PENDING
                && let Ok(raised) = alarms.try_recv()
            {
                self.take_in(raised);
                continue;
            }
            let waited = match self.queue.due_in() {
                Some(Duration::ZERO) => {
                    self.fire_next();
                    continue;
                }
                Some(wait) if self.queue.len() >= FIRINGS_PENDING => never().recv_timeout(self.shared.closing.cap(wait)),
                Some(wait) => alarms.recv_timeout(self.shared.closing.cap(wait)),
                None if fed => alarms.recv().map_err(|_| RecvTimeoutError::Disconnected),
                None => return,
            };
            match waited {
                Ok(raised) => self.take_in(raised),
                Err(RecvTimeoutError::Disconnected) => (fed, alarms) = (false, never()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.give_up_what_comes_too_late();
        }
    }

    fn take_in(&mut self, raised: Raised) {
        let Raised { notice, hooks } = raised;
        let is_new = self.told.note(&notice.onset());
        for hook in hooks {
            let firing = Firing::new(hook, Arc::clone(&notice));
            if is_new {
                self.queue.push(firing);
            } else {
                self.shared.counts.count(firing.hook.name(), HookResult::Suppressed);
                self.end(&firing, Attempted::last(HookResult::Suppressed, "hooks already fired for this onset"));
            }
        }
        self.show_unfinished(None);
    }

    fn fire_next(&mut self) {
        let Some(mut firing) = self.queue.take_first_due() else { return };
        if self.shared.closing.left() == Some(Duration::ZERO) {
            return self.abandon(&firing);
        }
        self.show_unfinished(Some(&firing));
        let attempt = catch_unwind(AssertUnwindSafe(|| firing.hook.fire(&firing.notice, &self.shared.closing)));
        let attempted = attempt.unwrap_or_else(|_| Attempted::last(HookResult::Panicked, "the code of the hook panicked"));
        firing.tries += 1;
        self.shared.counts.count(firing.hook.name(), attempted.result);
        if attempted.again && firing.may_be_repeated() {
            firing.put_off();
            let wait = firing.due_in().as_secs_f64();
            tracing::warn!("{}: {}; retrying in {wait:.1} s", firing.in_words(), attempted.detail);
            self.queue.push(firing);
        } else {
            self.end(&firing, attempted);
        }
        self.show_unfinished(None);
    }

    /// During shutdown, abandons at once the firings that are due after the deadline.
    fn give_up_what_comes_too_late(&mut self) {
        let Some(left) = self.shared.closing.left() else { return };
        for firing in self.queue.take_not_due_within(left) {
            self.abandon(&firing);
        }
        self.show_unfinished(None);
    }

    fn abandon(&mut self, firing: &Firing) {
        self.shared.counts.count(firing.hook.name(), HookResult::Abandoned);
        self.end(firing, Attempted::last(HookResult::Abandoned, "abandoned because the program is shutting down"));
    }

    fn end(&mut self, firing: &Firing, last: Attempted) {
        match last.result {
            HookResult::Ok => tracing::info!("{}: {}", firing.in_words(), last.detail),
            HookResult::Suppressed => tracing::debug!("{}: {}", firing.in_words(), last.detail),
            _ => tracing::warn!("{}: {} after {} tries: {}", firing.in_words(), last.result, firing.tries, last.detail),
        }
        let outcome = HookOutcome::new(firing.hook.name(), &firing.notice, firing.tries, last);
        self.subscribers.retain(|subscriber| match subscriber.try_send(outcome.clone()) {
            Ok(()) => true,
            Err(refused) => refused.is_full(),
        });
    }

    fn show_unfinished(&self, firing: Option<&Firing>) {
        let names = firing.map(Firing::in_words).into_iter().chain(self.queue.in_words()).collect();
        *self.shared.unfinished.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }
}

#[cfg(test)]
mod tests;
