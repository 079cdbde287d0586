//! `rotewatch experiment`: trains a grid, judges it, writes the report.

mod progress;
mod trainer_flags;

use std::fmt::Write;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::{Context, anyhow};
use clap::Args;

use super::exit::{Exit, Failure};
use super::train::trainer;
use crate::clock::unix_seconds;
use crate::config::Config;
use crate::experiment::capture::{Captures, Record};
use crate::experiment::cost::estimate;
use crate::experiment::folder::OutFolder;
use crate::experiment::grid::{Grid, PlannedRun};
use crate::experiment::report::{self, Head};
use crate::experiment::runner::Runner;
use crate::experiment::score::Judged;
use crate::signals::Interrupt;
use crate::training::Task;
use progress::Progress;
use trainer_flags::CommandLine;

/// The flags of `rotewatch experiment`.
#[derive(Debug, Args)]
pub struct ExperimentArgs {
    /// The grid file: cells of trainer options and seeds
    grid: PathBuf,
    /// Where records and reports go; the same folder again goes on where it stopped
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Configuration file whose section `detect` judges [default: the built-in thresholds]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with the four MNIST files, gzipped or not
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_DATA")]
    data: Option<PathBuf>,
    /// Trainings side by side [default: one a core and thread]
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// Only cells of this name, or variations that begin with it; may be given again
    #[arg(long, value_name = "CELL")]
    only: Vec<String>,
    /// Only these seeds
    #[arg(long, value_name = "SEED", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// Train nothing: judge what is recorded
    #[arg(long)]
    judge_only: bool,
    /// Train nothing and judge nothing: list the runs and what they would take
    #[arg(long, conflicts_with = "judge_only")]
    dry_run: bool,
}

/// Trains what is missing, judges everything, writes the report.
///
/// # Errors
/// Every mistake in the grid as wrong usage; a folder that cannot be written to.
pub fn run(args: &ExperimentArgs) -> Result<Exit, Failure> {
    let command_line = CommandLine;
    let mut grid = Grid::read(&args.grid, &command_line).map_err(Failure::usage)?;
    grid.runs.retain(|run| args.wants(run));
    if grid.runs.is_empty() {
        return Err(Failure::usage(anyhow!("--only and --seeds leave no run of {}", args.grid.display())));
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

    /// Trains what is not recorded. A run that failed before is tried again.
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
                "{} needs MNIST: name the folder of its four files with --data DIR or ROTEWATCH_DATA",
                run.name
            )));
        }
        if missing.is_empty() {
            return Ok(Exit::Done);
        }
        let interrupt = Interrupt::install(None).context("cannot take over the signals")?;
        let jobs = self.jobs(&missing);
        let trainer = trainer()?;
        let runner = Runner { trainer: &trainer, data: self.data.as_deref(), folder, jobs, stop: interrupt.token() };
        let mut progress = Progress::begin(runs.len(), &missing, jobs);
        runner.train(&missing, |ended| progress.ended(&ended))?;
        let done = progress.end();
        if interrupt.token().is_requested() {
            let recorded = runs.len() - missing.len() + done;
            eprintln!("interrupted: {recorded} of {} runs are recorded; the same command goes on from there", runs.len());
            return Ok(Exit::Interrupted);
        }
        Ok(Exit::Done)
    }

    /// What the report says about itself. Folders of this machine are left out: the command is for any.
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

/// What the runs would take on as many cores.
fn total(runs: &[PlannedRun], jobs: usize) -> std::time::Duration {
    let all: std::time::Duration = runs.iter().map(|run| estimate(&run.training)).sum();
    all / u32::try_from(jobs).unwrap_or(u32::MAX)
}
