//! The program's end as the hooks see it: how much time is left for what is still to be told.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rotewatch_core::vocabulary::clock::Stopwatch;

/// Whether the program is closing, and how long that may still take. Clones share the answer.
#[derive(Clone, Debug, Default)]
pub struct Closing(Arc<OnceLock<(Stopwatch, Duration)>>);

impl Closing {
    /// Says that everything has to be over when `patience` has passed since `since`. The first word stays.
    pub fn announce(&self, since: Stopwatch, patience: Duration) {
        let _ = self.0.set((since, patience));
    }

    /// What is left; `None` while the program is not closing.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.0.get().map(|(since, patience)| since.left_of(*patience))
    }

    /// `wanted`, or what is left where that is less.
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
