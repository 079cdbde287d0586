//! Where, when and how a report was made, and what is missing in it.

use std::fs;

use super::super::capture::Captures;
use super::blocks::Block;

/// The lines above every report.
#[derive(Clone, Debug)]
pub struct Head {
    /// The grid file's name.
    pub title: String,
    /// The command that makes the report.
    pub command: String,
    /// The day, as `2026-01-31`.
    pub date: String,
    /// Processor and cores.
    pub machine: String,
    /// Thresholds of the detectors, where they differ from the built-in ones.
    pub thresholds: String,
}

impl Head {
    /// The head of a report on this machine.
    #[must_use]
    pub fn here(title: String, command: String, thresholds: String, unix_seconds: f64) -> Self {
        Head { title, command, date: date(unix_seconds), machine: machine(), thresholds }
    }

    /// What a reader must know to make the report again.
    pub(super) fn facts(&self) -> Block {
        Block::Facts(vec![
            ("command", self.command.clone()),
            ("date", self.date.clone()),
            ("machine", self.machine.clone()),
            ("rotewatch", env!("CARGO_PKG_VERSION").to_owned()),
            ("thresholds", self.thresholds.clone()),
        ])
    }
}

/// What is not in the tables; nothing if all of it is.
pub(super) fn gaps(captures: &Captures, without_truth: &[String]) -> Block {
    let mut remarks = Vec::new();
    if !captures.missing.is_empty() {
        remarks.push(format!("{} runs of the grid are not recorded yet and not in this report", captures.missing.len()));
    }
    for (run, failure) in &captures.failed {
        let first = failure.stderr.lines().next().unwrap_or_default();
        remarks.push(format!("failed: {} ({first})", run.name));
    }
    for name in without_truth {
        remarks.push(format!("without truth: {name} (fewer than three epochs, or an accuracy is missing)"));
    }
    Block::Remarks(remarks)
}

/// The processor's name and the number of its cores that this process may use.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    format!("{}, {cores} cores, {} {}", model.unwrap_or("unknown processor"), std::env::consts::OS, std::env::consts::ARCH)
}

/// The day of a time in UTC.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), `civil_from_days`: years begin in March, so that the leap day is
/// their last.
fn date(unix_seconds: f64) -> String {
    let days = (unix_seconds / 86_400.0).floor() as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0.0, "1970-01-01"),
            (951_782_399.0, "2000-02-28"),
            (951_782_400.0, "2000-02-29"),
            (951_868_800.0, "2000-03-01"),
            (1_767_225_600.0, "2026-01-01"),
        ] {
            assert_eq!(date(seconds), day);
        }
    }
}
