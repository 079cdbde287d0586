use std::collections::VecDeque;
use std::sync::Mutex;

use super::super::notice::tests::notice;
use super::super::{Closing, Hook, HookName, Notice, ResultCounts};
use super::*;
use rotewatch_core::vocabulary::identity::Attempt;
use rotewatch_core::vocabulary::verdict::Kind;

const DEADLINE: Duration = Duration::from_mins(1);

/// A hook that gives prepared answers and reports each call.
struct Scripted {
    name: HookName,
    answers: Mutex<VecDeque<Attempted>>,
    asked: Sender<u32>,
    /// The hook blocks until this is disconnected.
    held: Option<Receiver<()>>,
    first_wait: Duration,
}

impl Hook for Scripted {
    fn name(&self) -> &HookName {
        &self.name
    }

    fn listens_to(&self, kind: Kind) -> bool {
        kind == Kind::ExampleLevel
    }

    fn fire(&self, notice: &Notice, _: &Closing) -> Attempted {
        let _ = self.asked.try_send(notice.alarm().finding.onset_epoch.0);
        if let Some(held) = &self.held {
            let _ = held.recv();
        }
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| Attempted::last(HookResult::Ok, "heard"))
    }

    fn retries(&self) -> u32 {
        2
    }

    fn first_wait(&self) -> Duration {
        self.first_wait
    }
}

fn failed() -> Attempted {
    Attempted::again(HookResult::Failed, "not now")
}

/// A running hooks' thread with test hooks.
struct Scene {
    hooks: Hooks,
    feed: HookFeed,
    outcomes: Receiver<HookOutcome>,
    attempt: Attempt,
}

impl Scene {
    fn new(armed: Vec<Scripted>) -> Self {
        let (subscriber, outcomes) = bounded(1000);
        let (hooks, feed) = Hooks::start(&[], None, vec![subscriber], None).unwrap();
        hooks.switch().arm(armed.into_iter().map(|hook| Arc::new(hook) as Arc<dyn Hook>).collect());
        Scene { hooks, feed, outcomes, attempt: Attempt::draw() }
    }

    fn raise(&self, onset: u32) {
        self.feed.offer_notice(notice(self.attempt, Kind::ExampleLevel, onset));
    }

    /// The next outcome: hook, result, tries.
    fn outcome(&self) -> (String, HookResult, u32) {
        let outcome = self.outcomes.recv_timeout(DEADLINE).unwrap();
        (outcome.hook.to_string(), outcome.result, outcome.tries)
    }

    fn count(&self, hook: &str, result: HookResult) -> u64 {
        let counts: ResultCounts = self.hooks.counts().snapshot()[&hook.parse::<HookName>().unwrap()];
        counts[result as usize]
    }

    fn close(self, patience: Duration) -> bool {
        let since = Stopwatch::start();
        self.hooks.announce_end(since, patience);
        drop(self.feed);
        self.hooks.wait(since, DEADLINE)
    }
}

fn scripted(name: &str, answers: Vec<Attempted>) -> (Scripted, Receiver<u32>) {
    let (asked, asking) = bounded(1000);
    let first_wait = Duration::from_millis(1);
    let hook = Scripted { name: name.parse().unwrap(), answers: Mutex::new(answers.into()), asked, held: None, first_wait };
    (hook, asking)
}

#[test]
fn an_onset_is_told_once_and_repetitions_are_counted() {
    let (hook, asking) = scripted("once", vec![]);
    let scene = Scene::new(vec![hook]);
    for onset in [3, 3, 5, 3] {
        scene.raise(onset);
    }
    let results: Vec<_> = (0..4).map(|_| scene.outcome().1).collect();
    assert_eq!(results.iter().filter(|result| **result == HookResult::Ok).count(), 2, "{results:?}");
    assert_eq!((scene.count("once", HookResult::Ok), scene.count("once", HookResult::Suppressed)), (2, 2));
    scene.feed.offer_notice(notice(scene.attempt, Kind::Heuristic, 9));
    scene.feed.offer_notice(notice(Attempt::draw(), Kind::ExampleLevel, 3));
    assert_eq!(scene.outcome().1, HookResult::Ok, "another attempt of the run");
    assert!(scene.close(DEADLINE));
    assert_eq!(asking.try_iter().collect::<Vec<_>>(), [3, 5, 3], "it does not fire for a kind that it does not listen to");
}

#[test]
fn what_fails_is_tried_again_until_it_works_or_the_retries_are_used_up() {
    let (recovers, _r) = scripted("recovers", vec![failed(), failed()]);
    let (fails, _f) = scripted("fails", vec![failed(); 9]);
    let (final_word, _w) = scripted("final", vec![Attempted::last(HookResult::Refused, "no")]);
    let scene = Scene::new(vec![recovers, fails, final_word]);
    scene.raise(1);
    let mut outcomes: Vec<_> = (0..3).map(|_| scene.outcome()).collect();
    outcomes.sort();
    let expected = [("fails", HookResult::Failed, 3), ("final", HookResult::Refused, 1), ("recovers", HookResult::Ok, 3)]
        .map(|(a, b, c)| (a.to_owned(), b, c));
    assert_eq!(outcomes, expected);
    assert_eq!((scene.count("recovers", HookResult::Failed), scene.count("recovers", HookResult::Ok)), (2, 1));
    assert_eq!(scene.count("fails", HookResult::Failed), 3);
    assert!(scene.close(DEADLINE));
}

#[test]
fn a_hook_that_panics_ends_only_that_firing() {
    struct Panics(HookName);
    impl Hook for Panics {
        fn name(&self) -> &HookName {
            &self.0
        }
        fn listens_to(&self, _: Kind) -> bool {
            true
        }
        fn fire(&self, _: &Notice, _: &Closing) -> Attempted {
            panic!("as it is meant to")
        }
    }
    let (sound, _asking) = scripted("sound", vec![]);
    let scene = Scene::new(vec![]);
    scene.hooks.switch().arm(vec![Arc::new(Panics("panics".parse().unwrap())), Arc::new(sound)]);
    for onset in 0..2 {
        scene.raise(onset);
        assert_eq!(scene.outcome(), ("panics".to_owned(), HookResult::Panicked, 1));
        assert_eq!(scene.outcome(), ("sound".to_owned(), HookResult::Ok, 1));
    }
    assert_eq!(scene.count("panics", HookResult::Panicked), 2);
    assert!(scene.close(DEADLINE));
}

#[test]
fn the_wait_before_a_retry_holds_up_no_other_hook() {
    let (mut patient, _p) = scripted("patient", vec![failed()]);
    patient.first_wait = DEADLINE;
    let (prompt, _q) = scripted("prompt", vec![]);
    let scene = Scene::new(vec![patient, prompt]);
    scene.raise(1);
    assert_eq!(scene.outcome(), ("prompt".to_owned(), HookResult::Ok, 1));
    scene.raise(2);
    let next = [scene.outcome(), scene.outcome()].map(|(hook, result, _)| (hook, result));
    assert!(next.contains(&("prompt".to_owned(), HookResult::Ok)), "{next:?}");
}

#[test]
fn without_room_an_alarm_is_dropped_and_counted_and_nobody_waits() {
    let (mut slow, asking) = scripted("slow", vec![]);
    let (release, held) = bounded::<()>(0);
    slow.held = Some(held);
    let scene = Scene::new(vec![slow]);
    scene.raise(0);
    assert_eq!(asking.recv_timeout(DEADLINE), Ok(0), "the thread is busy from here on");
    for onset in 1..=100 {
        scene.raise(onset);
    }
    let queued = u64::try_from(ALARMS_QUEUED).unwrap();
    assert_eq!(scene.count("slow", HookResult::Dropped), 100 - queued);
    drop(release);
    for _ in 0..=queued {
        assert_eq!(scene.outcome().1, HookResult::Ok);
    }
    assert!(scene.close(DEADLINE));
}

#[test]
fn at_the_end_what_is_due_is_told_and_what_comes_too_late_is_given_up() {
    let (mut patient, _p) = scripted("patient", vec![failed()]);
    patient.first_wait = 8 * DEADLINE;
    let (prompt, _q) = scripted("prompt", vec![]);
    let scene = Scene::new(vec![patient, prompt]);
    let outcomes = scene.outcomes.clone();
    scene.raise(1);
    scene.raise(2);
    assert!(scene.close(Duration::from_secs(10)), "it does not wait for a retry that is due too late");
    let mut results: Vec<_> = outcomes.try_iter().map(|outcome| (outcome.hook.to_string(), outcome.result)).collect();
    results.sort();
    let expected =
        [("patient", HookResult::Ok), ("patient", HookResult::Abandoned), ("prompt", HookResult::Ok), ("prompt", HookResult::Ok)];
    assert_eq!(results, expected.map(|(hook, result)| (hook.to_owned(), result)));
}

#[test]
fn a_hook_that_never_returns_is_left_behind_by_name() {
    let (mut stuck, asking) = scripted("stuck", vec![]);
    let (release, held) = bounded::<()>(0);
    stuck.held = Some(held);
    let scene = Scene::new(vec![stuck]);
    scene.raise(7);
    assert_eq!(asking.recv_timeout(DEADLINE), Ok(7));
    let since = Stopwatch::start();
    scene.hooks.announce_end(since, Duration::ZERO);
    drop(scene.feed);
    let unfinished = scene.hooks.unfinished();
    assert_eq!(unfinished, ["hook stuck for run digits, alarm of epoch 8"]);
    assert_eq!(scene.hooks.name(), "hooks");
    assert!(!scene.hooks.wait(since, Duration::ZERO));
    drop(release);
}

#[test]
fn an_alarm_is_told_to_the_hooks_of_its_time() {
    let (old, _o) = scripted("old", vec![]);
    let (new, _n) = scripted("new", vec![]);
    let scene = Scene::new(vec![old]);
    scene.raise(1);
    scene.hooks.switch().arm(vec![Arc::new(new)]);
    scene.raise(2);
    assert_eq!([scene.outcome().0, scene.outcome().0], ["old", "new"]);
    assert!(scene.close(DEADLINE));
}
