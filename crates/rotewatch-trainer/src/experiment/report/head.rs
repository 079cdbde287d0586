//! The head of a report: where, when and how it was made, and what is missing.

use std::fs;

use super::super::capture::Captures;
use super::blocks::Block;
use rotewatch_core::vocabulary::clock::utc;

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
    /// Where the thresholds of the detectors come from.
    pub thresholds: String,
}

impl Head {
    /// The head of a report on this machine.
    #[must_use]
    pub fn here(title: String, command: String, thresholds: String, unix_seconds: f64) -> Self {
        Head { title, command, date: day(unix_seconds), machine: machine(), thresholds }
    }

    /// What is needed to reproduce the report.
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

/// The runs that are not in the tables.
pub(super) fn gaps(captures: &Captures, without_truth: &[String]) -> Block {
    let mut remarks = Vec::new();
    if !captures.missing.is_empty() {
        remarks.push(format!("{} runs of the grid are not recorded yet, so they are not in this report", captures.missing.len()));
    }
    for (run, failure) in &captures.failed {
        let first = failure.stderr.lines().next().unwrap_or_default();
        remarks.push(format!("failed: {} ({first})", run.name));
    }
    for name in without_truth {
        remarks.push(format!("left out: {name} (fewer than three epochs, or a test accuracy is missing)"));
    }
    Block::Remarks(remarks)
}

/// The processor's name, and the number of cores that this process may use.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    format!("{}, {cores} cores, {} {}", model.unwrap_or("unknown processor"), std::env::consts::OS, std::env::consts::ARCH)
}

/// The day of a time in UTC.
fn day(unix_seconds: f64) -> String {
    let utc = utc(unix_seconds);
    utc.split_once(' ').map_or(utc.as_str(), |(day, _)| day).to_owned()
}
