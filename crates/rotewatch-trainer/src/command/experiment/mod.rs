//! `rotewatch experiment`: trains a grid of networks, judges the alarm on them, and writes a report.

mod progress;
mod trainer_flags;

use std::fmt::Write;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Context, anyhow};
use clap::Args;

use crate::experiment::capture::{Captures, Record};
use crate::experiment::folder::OutFolder;
use crate::experiment::grid::{Grid, PlannedRun};
use crate::experiment::report::{self, Head};
use crate::experiment::runner::Runner;
use crate::experiment::score::Judged;
use crate::options::Task;
use progress::Progress;
use rotewatch::app::signals::Interrupt;
use rotewatch::cli::exit::{Exit, Failure};
use rotewatch::config::Config;
use rotewatch_core::vocabulary::clock::unix_seconds;
use trainer_flags::CommandLine;

/// The flags of `rotewatch experiment`.
#[derive(Debug, Args)]
pub(super) struct ExperimentArgs {
    /// The grid file, which lists cells of trainer options and seeds
    grid: PathBuf,
    /// Output folder for records and reports; with the same folder, an experiment continues where it stopped
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Configuration file whose section `detect` sets the thresholds [default: the built-in thresholds]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with the four MNIST files, gzipped or not
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_DATA")]
    data: Option<PathBuf>,
    /// Number of trainings that run in parallel [default: cores divided by threads per training]
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// Only the cell of this name, or variations whose name begins with it; may be repeated
    #[arg(long, value_name = "CELL")]
    only: Vec<String>,
    /// Only these seeds, separated by commas
    #[arg(long, value_name = "SEED", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// Judge the recorded runs without training anything
    #[arg(long)]
    judge_only: bool,
    /// List the runs and the estimated time, without training or judging
    #[arg(long, conflicts_with = "judge_only")]
    dry_run: bool,
}

/// Trains the runs that are not recorded yet, judges all runs, and writes the report.
///
/// # Errors
/// Every mistake in the grid as wrong usage; a folder that cannot be written to.
pub(super) fn run(args: &ExperimentArgs) -> Result<Exit, Failure> {
    let command_line = CommandLine;
    let mut grid = Grid::read(&args.grid, &command_line).map_err(Failure::usage)?;
    grid.runs.retain(|run| args.wants(run));
    if grid.runs.is_empty() {
        return Err(Failure::usage(anyhow!(
            "no run of {} matches --only and --seeds; list the runs with --dry-run",
            args.grid.display()
        )));
    }
    let config = match &args.config {
        Some(file) => Config::read(file).map_err(Failure::usage)?,
        None => Config::default(),
    };
    if args.dry_run {
        progress::list(&grid.runs, args.jobs(&grid.runs));
        return Ok(Exit::Done);
    }
    let folder = OutFolder::open(&args.out)?;
    if !args.judge_only && args.train(&grid.runs, &folder)? == Exit::Interrupted {
        return Ok(Exit::Interrupted);
    }
    let captures = Captures::read(&folder, &grid.runs)?;
    let judged = Judged::of(&captures.done, &config.detect);
    let markdown = report::write(&folder, &args.head(), &grid.report, &captures, &judged)?;
    println!("{}", markdown.trim_end());
    for (run, failure) in &captures.failed {
        eprintln!("failed: {}: {}", run.name, failure.stderr);
    }
    Ok(if captures.failed.is_empty() { Exit::Done } else { Exit::Failed })
}

impl ExperimentArgs {
    fn wants(&self, run: &PlannedRun) -> bool {
        let named = |only: &String| run.cell == *only || run.variation.starts_with(only.as_str());
        (self.only.is_empty() || self.only.iter().any(named)) && (self.seeds.is_empty() || self.seeds.contains(&run.seed))
    }

    fn jobs(&self, runs: &[PlannedRun]) -> usize {
        let threads = runs.iter().map(|run| run.training.threads.get()).max().unwrap_or(1);
        let cores = available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        self.jobs.map_or((cores / threads).max(1), std::num::NonZeroUsize::get)
    }

    /// Trains the runs that are not recorded. A run that failed before is trained again.
    fn train(&self, runs: &[PlannedRun], folder: &OutFolder) -> Result<Exit, Failure> {
        let mut missing = Vec::new();
        for run in runs {
            let recorded = Record::read(&folder.record(&run.name))?;
            if !recorded.is_some_and(|record| record.is_of(run) && record.document.is_some()) {
                missing.push(run.clone());
            }
        }
        let needs_mnist = |run: &&PlannedRun| matches!(run.training.task.task, Task::ShuffledMnist | Task::ColoredMnist);
        if let Some(run) = missing.iter().find(needs_mnist)
            && self.data.is_none()
        {
            return Err(Failure::usage(anyhow!(
                "run {} needs MNIST: set --data DIR or ROTEWATCH_DATA to the folder with its four files",
                run.name
            )));
        }
        if missing.is_empty() {
            return Ok(Exit::Done);
        }
        let interrupt = Interrupt::install(None).context("cannot install the signal handlers")?;
        let jobs = self.jobs(&missing);
        let trainer = std::env::current_exe().context("cannot find this program's own path")?;
        let runner = Runner { trainer: &trainer, data: self.data.as_deref(), folder, jobs, stop: interrupt.token() };
        let mut progress = Progress::begin(runs.len(), &missing, jobs);
        runner.train(&missing, |ended| progress.ended(&ended))?;
        let done = progress.end();
        if interrupt.token().is_requested() {
            let recorded = runs.len() - missing.len() + done;
            eprintln!("interrupted: {recorded} of {} runs are recorded; run the same command again to continue", runs.len());
            return Ok(Exit::Interrupted);
        }
        Ok(Exit::Done)
    }

    /// The head of the report. The command in it has no folders of this machine, so that it works on any machine.
    fn head(&self) -> Head {
        let name = |path: &PathBuf| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut command = format!("rotewatch experiment {} --out DIR", name(&self.grid));
        for only in &self.only {
            let _ = write!(command, " --only {only}");
        }
        if !self.seeds.is_empty() {
            let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
            let _ = write!(command, " --seeds {}", seeds.join(","));
        }
        let thresholds = match &self.config {
            Some(file) => {
                let _ = write!(command, " --config {}", name(file));
                format!("section detect of {}", name(file))
            }
            None => "built in".to_owned(),
        };
        let title = self.grid.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Head::here(title, command, thresholds, unix_seconds())
    }
}
