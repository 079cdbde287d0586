//! The only reader of time: durations come from the monotonic clock, wall time is for display alone.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A started measurement on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        Stopwatch(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// What is left of `budget`; zero once it is spent.
    #[must_use]
    pub fn left_of(&self, budget: Duration) -> Duration {
        budget.saturating_sub(self.elapsed())
    }
}

/// The wall clock.
#[must_use]
pub fn wall_clock() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    SystemTime::now()
}

/// Seconds since 1970 by the wall clock, for display; 0 for a clock that stands before 1970.
#[must_use]
pub fn unix_seconds() -> f64 {
    wall_clock().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
