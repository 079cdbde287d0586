//! The time that the hooks have left while the program shuts down.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rotewatch_core::vocabulary::clock::Stopwatch;

/// Whether the program is shutting down, and how much time is left. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Closing(Arc<OnceLock<(Stopwatch, Duration)>>);

impl Closing {
    /// Sets the deadline: `patience` after `since`. Only the first call counts.
    pub fn announce(&self, since: Stopwatch, patience: Duration) {
        let _ = self.0.set((since, patience));
    }

    /// The time left; `None` while the program is not shutting down.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.0.get().map(|(since, patience)| since.left_of(*patience))
    }

    /// The smaller of `wanted` and the time left.
    #[must_use]
    pub fn cap(&self, wanted: Duration) -> Duration {
        self.left().map_or(wanted, |left| left.min(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_short_only_once_the_end_was_announced_and_the_first_word_stays() {
        let closing = Closing::default();
        let minute = Duration::from_mins(1);
        assert_eq!((closing.left(), closing.cap(minute)), (None, minute));
        closing.announce(Stopwatch::start(), Duration::ZERO);
        closing.clone().announce(Stopwatch::start(), minute);
        assert_eq!((closing.left(), closing.cap(minute)), (Some(Duration::ZERO), Duration::ZERO));
    }
}
