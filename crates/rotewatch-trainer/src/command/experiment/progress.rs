//! The progress of an experiment: a bar with the remaining time on a terminal, one line per run elsewhere.

use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::experiment::cost::estimate;
use crate::experiment::grid::PlannedRun;
use crate::experiment::runner::Ended;
use rotewatch_core::vocabulary::clock::Stopwatch;

/// Shows each run as it ends.
pub(super) struct Progress {
    bar: ProgressBar,
    since: Stopwatch,
    /// The estimated time of all runs on one core.
    estimated: Duration,
    /// The part of it that is done.
    done: Duration,
    ended: usize,
    recorded: usize,
    failed: usize,
    of: usize,
    jobs: usize,
}

impl Progress {
    /// Prints how much there is to do: `missing` of `all` runs.
    pub(super) fn begin(all: usize, missing: &[PlannedRun], jobs: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(missing.len() as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{pos}/{len} runs {bar:20} {elapsed} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let recorded = all - missing.len();
        let already = if recorded > 0 { format!(", {recorded} already recorded") } else { String::new() };
        eprintln!("{} runs to train, {jobs} in parallel: about {}{already}", missing.len(), in_words(total(missing, jobs)));
        let estimated = missing.iter().map(|run| estimate(&run.training)).sum();
        Progress {
            bar,
            since: Stopwatch::start(),
            estimated,
            done: Duration::ZERO,
            ended: 0,
            recorded: 0,
            failed: 0,
            of: missing.len(),
            jobs,
        }
    }

    /// Shows that a run ended.
    pub(super) fn ended(&mut self, ended: &Ended<'_>) {
        self.done += estimate(&ended.run.training);
        self.ended += 1;
        let record = &ended.record;
        let failure = record.failure.as_ref();
        self.failed += usize::from(failure.is_some());
        self.recorded += usize::from(failure.is_none());
        let left = format!("about {} left", in_words(self.left()));
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        self.bar.set_position(self.ended as u64);
        self.bar.set_message(format!("{left}{failed}"));
        if let Some(failure) = failure {
            let first = failure.stderr.lines().next().unwrap_or_default();
            self.line(&format!("failed: {}: {first}", ended.run.name));
        }
        if self.bar.is_hidden() {
            eprintln!("{}/{} {} in {:.1} s, {left}", self.ended, self.of, ended.run.name, record.seconds);
        }
    }

    /// Ends the bar, and returns how many runs were recorded with a document.
    pub(super) fn end(self) -> usize {
        self.bar.finish_and_clear();
        self.recorded
    }

    /// The estimated remaining time, at the speed of this machine so far.
    fn left(&self) -> Duration {
        let rest = self.estimated.saturating_sub(self.done).as_secs_f64();
        let done = self.done.as_secs_f64();
        let seconds_each = if done > 0.0 { self.since.elapsed().as_secs_f64() / done } else { 1.0 / self.jobs as f64 };
        Duration::from_secs_f64(rest * seconds_each)
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }
}

/// Lists the runs and their estimated time.
pub(super) fn list(runs: &[PlannedRun], jobs: usize) {
    for run in runs {
        println!("{:>6.0} s  {:5}  {}  {}", estimate(&run.training).as_secs_f64(), run.role, run.name, run.arguments.join(" "));
    }
    println!("{} runs, about {} with {jobs} in parallel", runs.len(), in_words(total(runs, jobs)));
}

fn in_words(duration: Duration) -> String {
    HumanDuration(Duration::from_secs(duration.as_secs_f64().round() as u64)).to_string()
}

/// The estimated time of the runs with `jobs` trainings in parallel.
fn total(runs: &[PlannedRun], jobs: usize) -> Duration {
    let all: Duration = runs.iter().map(|run| estimate(&run.training)).sum();
    all / u32::try_from(jobs).unwrap_or(u32::MAX)
}
