//! The only module that reads the time. Durations come from the monotonic clock; wall time is used for display only.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A stopwatch on the monotonic clock.
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

/// Formats seconds since 1970 as a date and a time of day in UTC: `2026-01-31 23:59:59Z`.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), `civil_from_days`: eras of 400 years that begin in March, so that the
/// leap day is the last day of the year.
#[must_use]
pub fn utc(unix_seconds: f64) -> String {
    let seconds = unix_seconds as i64;
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let since_march = days + 719_468;
    let (era, of_era) = (since_march.div_euclid(146_097), since_march.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Converts an RFC 3339 date and time (`2026-01-31T23:59:59.5Z`, `...+01:00`) to seconds since 1970; `None` if the text is malformed.
///
/// # Source
/// Howard Hinnant, as for [`utc`]: `days_from_civil`.
#[must_use]
pub fn unix_seconds_of(text: &str) -> Option<f64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone);
    let whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
    let mut parts = date.splitn(3, '-').map(whole);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time.splitn(3, ':');
    let (hour, minute) = (whole(parts.next()?)?, whole(parts.next()?)?);
    let second: f64 = parts.next()?.parse().ok()?;
    let offset = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = 60 * whole(hours)? + whole(minutes)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && (0..=9999).contains(&year);
    if !is_date || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..61.0).contains(&second) {
        return None;
    }
    let from_march = year - i64::from(month <= 2);
    let (era, of_era) = (from_march.div_euclid(400), from_march.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((days * 86_400 + hour * 3600 + (minute - offset) * 60) as f64 + second)
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
