//! Waiting for a condition. The deadline is generous: it only ends a test that has already failed.

use std::time::Duration;

use rotewatch_core::vocabulary::clock::Stopwatch;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Asks repeatedly until there is an answer.
///
/// # Panics
/// When the deadline has passed; `what` names what was waited for.
pub(crate) fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(watch.elapsed() < DEADLINE, "timed out while waiting for {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}
