//! The queue of pending firings, each with the time until it is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Hook, Notice};
use rotewatch_core::vocabulary::clock::Stopwatch;

/// The wait doubles with each retry, up to this limit.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The firing of one hook for one alarm.
pub(super) struct Firing {
    pub(super) hook: Arc<dyn Hook>,
    pub(super) notice: Arc<Notice>,
    /// Tries so far.
    pub(super) tries: u32,
    waiting: Stopwatch,
    wait: Duration,
}

impl Firing {
    /// A firing that is due at once.
    pub(super) fn new(hook: Arc<dyn Hook>, notice: Arc<Notice>) -> Self {
        Firing { hook, notice, tries: 0, waiting: Stopwatch::start(), wait: Duration::ZERO }
    }

    /// The time until it is due.
    pub(super) fn due_in(&self) -> Duration {
        self.waiting.left_of(self.wait)
    }

    /// Whether the hook has a retry left.
    pub(super) fn may_be_repeated(&self) -> bool {
        self.tries <= self.hook.retries()
    }

    /// Schedules the next try: twice as long as before, of which a random half is jitter, so that receivers that failed together
    /// do not get their retries together.
    pub(super) fn put_off(&mut self) {
        let doubled = 1_u32.checked_shl(self.tries.saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = self.hook.first_wait().saturating_mul(doubled).min(LONGEST_WAIT);
        self.wait = wait.mul_f64(rand::random_range(0.5..=1.0));
        self.waiting = Stopwatch::start();
    }

    /// The firing in words, for the log.
    pub(super) fn in_words(&self) -> String {
        let alarm = self.notice.alarm();
        format!("hook {} for run {}, alarm of epoch {}", self.hook.name(), self.notice.run(), alarm.alarm_epoch)
    }
}

/// Pending firings, in the order of their alarms.
#[derive(Default)]
pub(super) struct Queue(VecDeque<Firing>);

impl Queue {
    /// The number of firings.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a firing.
    pub(super) fn push(&mut self, firing: Firing) {
        self.0.push_back(firing);
    }

    /// The time until the next one is due; `None` if the queue is empty.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.0.iter().map(Firing::due_in).min()
    }

    /// Removes the firing that is due first; if there are several, the oldest.
    pub(super) fn take_first_due(&mut self) -> Option<Firing> {
        let (place, _) = self.0.iter().enumerate().min_by_key(|(_, firing)| firing.due_in())?;
        self.0.remove(place)
    }

    /// Removes the firings that are due only after this time.
    pub(super) fn take_not_due_within(&mut self, time: Duration) -> Vec<Firing> {
        let (late, in_time): (VecDeque<_>, _) = self.0.drain(..).partition(|firing| firing.due_in() >= time);
        self.0 = in_time;
        late.into()
    }

    /// All firings in words.
    pub(super) fn in_words(&self) -> Vec<String> {
        self.0.iter().map(Firing::in_words).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::notice;
    use super::super::{Attempted, Closing, HookName, HookResult};
    use super::*;
    use rotewatch_core::vocabulary::identity::Attempt;
    use rotewatch_core::vocabulary::verdict::Kind;

    struct Patient(HookName);

    impl Hook for Patient {
        fn name(&self) -> &HookName {
            &self.0
        }
        fn listens_to(&self, _: Kind) -> bool {
            true
        }
        fn fire(&self, _: &Notice, _: &Closing) -> Attempted {
            Attempted::again(HookResult::Failed, "")
        }
        fn retries(&self) -> u32 {
            2
        }
        fn first_wait(&self) -> Duration {
            Duration::from_secs(8)
        }
    }

    fn firing() -> Firing {
        let hook = Arc::new(Patient("patient".parse().expect("a good name")));
        Firing::new(hook, Arc::new(notice(Attempt::draw(), Kind::Heuristic, 1)))
    }

    #[test]
    fn waits_double_up_to_a_limit_and_attempts_are_counted() {
        let mut firing = firing();
        assert_eq!(firing.due_in(), Duration::ZERO);
        for (tries, longest, repeated) in [(1, 8, true), (2, 16, true), (3, 30, false), (40, 30, false)] {
            firing.tries = tries;
            firing.put_off();
            let longest = Duration::from_secs(longest);
            assert!(firing.wait >= longest / 2 && firing.wait <= longest, "{tries}: {:?}", firing.wait);
            assert_eq!(firing.may_be_repeated(), repeated, "{tries}");
        }
    }

    #[test]
    fn what_is_due_goes_before_what_was_put_off() {
        let mut queue = Queue::default();
        assert!(queue.due_in().is_none() && queue.take_first_due().is_none());
        let mut put_off = firing();
        put_off.tries = 1;
        put_off.put_off();
        queue.push(put_off);
        assert!(queue.due_in().is_some_and(|wait| wait > Duration::ZERO));
        queue.push(firing());
        assert_eq!(queue.due_in(), Some(Duration::ZERO));
        assert_eq!(queue.take_first_due().map(|firing| firing.tries), Some(0));
        assert_eq!(queue.take_first_due().map(|firing| firing.tries), Some(1));
    }
}
