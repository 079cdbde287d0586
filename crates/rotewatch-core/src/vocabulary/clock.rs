//! The only module that reads the time. Durations come from the monotonic clock; wall time is used for display only.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A started measurement on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts the stopwatch.
    #[must_use]
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the only module that reads the clock")]
        Stopwatch(Instant::now())
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Returns what is left of `budget`, zero once it is spent.
    #[must_use]
    pub fn left_of(&self, budget: Duration) -> Duration {
        budget.saturating_sub(self.elapsed())
    }
}

/// The wall clock.
#[must_use]
pub fn wall_clock() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "this is the only module that reads the clock")]
    SystemTime::now()
}

/// Returns the wall clock time in seconds since 1970, for display; 0 if the clock is set before 1970.
#[must_use]
pub fn unix_seconds() -> f64 {
    wall_clock().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Seconds since 1970 as a date and a time of day in UTC: `2026-01-31 23:59:59Z`. A time that no calendar reaches is shown as its last.
#[must_use]
pub fn utc(unix_seconds: f64) -> String {
    Timestamp::from_second(unix_seconds as i64).unwrap_or(Timestamp::MAX).strftime("%F %TZ").to_string()
}

/// A date and time of RFC 3339 (`2026-01-31T23:59:59.5Z`, `...+01:00`) in seconds since 1970; `None` for what is no such text.
#[must_use]
pub fn unix_seconds_of(text: &str) -> Option<f64> {
    text.parse::<Timestamp>().ok().map(|time| time.as_duration().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0.0, "1970-01-01 00:00:00Z"),
            (951_782_399.0, "2000-02-28 23:59:59Z"),
            (951_782_400.9, "2000-02-29 00:00:00Z"),
            (951_868_800.0, "2000-03-01 00:00:00Z"),
            (1_767_225_600.0, "2026-01-01 00:00:00Z"),
            (4_107_542_399.0, "2100-02-28 23:59:59Z"),
            (-62_135_596_800.0, "0001-01-01 00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), expected);
            let read = unix_seconds_of(&expected.replace(' ', "T"));
            assert_eq!(read, Some(seconds.floor()), "and back");
        }
    }

    #[test]
    fn times_with_zones_and_fractions_are_read_and_others_are_not() {
        assert_eq!(unix_seconds_of("1970-01-01T01:00:00.25+01:00"), Some(0.25));
        assert_eq!(unix_seconds_of("1969-12-31T18:30:00-05:30"), Some(0.0));
        for wrong in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-1-1T0:0:NaNZ",
            "é-T::Z",
        ] {
            assert_eq!(unix_seconds_of(wrong), None, "{wrong}");
        }
    }
}
