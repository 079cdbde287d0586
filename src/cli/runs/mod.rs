//! `rotewatch runs`: shows the history in a terminal and exports it for other programs. Works while a daemon writes to it.

mod compare;
mod export;
mod list;
mod report;
mod show;
mod text;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};

use super::against::Against;
use super::exit::{Exit, Failure};
use super::networks;
use crate::app::state_folder;
use crate::config::Config;
use crate::history::{Reader, Snapshot, StoredRun, mark_baseline};
use rotewatch_core::compare::Comparison;
use rotewatch_core::vocabulary::identity::{Attempt, RunName};

/// The flags of `rotewatch runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: Command,
    /// Configuration file with the state folder [default: the built-in settings]
    #[arg(long, value_name = "FILE", env = "ROTEWATCH_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// State folder with the history [default: the user's state folder, by the XDG rules]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_STATE", global = true)]
    state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all runs with their verdicts, newest first.
    List {
        /// Print one JSON document on one line
        #[arg(long)]
        json: bool,
        /// Maximum number of runs
        #[arg(long, value_name = "N", default_value_t = 1000)]
        most: usize,
    },
    /// Show one run: its verdict with why and what to do, its epochs, alarms and hooks.
    Show {
        #[command(flatten)]
        run: WhichRun,
        /// Print one JSON document on one line
        #[arg(long)]
        json: bool,
    },
    /// Compare two runs: which one should generalise better, since which epoch, and how reliable that is.
    Compare {
        /// A recorded run, or a file: output of `rotewatch train --json`, or the record of an experiment
        #[arg(value_name = "RUN|FILE")]
        one: PathBuf,
        /// The run or file to compare it with
        #[arg(value_name = "RUN|FILE")]
        other: PathBuf,
        /// Kind of memorization to guard against, which decides what is better [default: the kind in the runs' verdicts]
        #[arg(long, value_enum, value_name = "KIND")]
        against: Option<Against>,
        /// Print one JSON document on one line
        #[arg(long)]
        json: bool,
    },
    /// Show or choose the baseline run, which runs that start from now on are compared with.
    Baseline {
        /// The run whose newest attempt becomes the baseline; without it, the current baseline is shown
        #[arg(value_name = "RUN", conflicts_with = "clear")]
        run: Option<RunName>,
        /// Remove the baseline, so that runs are no longer compared
        #[arg(long)]
        clear: bool,
    },
    /// Export all numbers of a run, for other programs.
    Export {
        #[command(flatten)]
        run: WhichRun,
        /// CSV with one line per epoch and layer
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        /// One JSON document, which `detect.baseline.file` also accepts [default]
        #[arg(long)]
        json: bool,
    },
    /// Write the live page of a run to one HTML file that opens without a network.
    Report {
        #[command(flatten)]
        run: WhichRun,
        /// The file to write
        #[arg(value_name = "OUT.html")]
        out: PathBuf,
    },
}

/// A run and an attempt of it.
#[derive(Debug, Args)]
struct WhichRun {
    /// Name of the run
    #[arg(value_name = "RUN")]
    name: RunName,
    /// Attempt of the run [default: the newest]
    #[arg(long, value_name = "ID")]
    attempt: Option<Attempt>,
}

/// Reads the history, or changes its baseline.
///
/// # Errors
/// An unknown run, as wrong usage; a history that cannot be read.
pub fn run(args: &RunsArgs) -> Result<Exit, Failure> {
    let mut config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read).map_err(Failure::usage)?;
    config.state = args.state.clone().or(config.state.take());
    let state = state_folder(&config).map_err(Failure::usage)?;
    let history = || -> Result<Option<Snapshot>, Failure> { Ok(Reader::of(&state).snapshot()?) };
    let unknown = |name: &RunName| {
        Failure::usage(anyhow!("no run {name} in the history of {}; see `rotewatch runs list`", state.display()))
    };
    match &args.command {
        Command::List { json, most } => {
            let runs = history()?.map(|history| history.runs(*most)).transpose()?.unwrap_or_default();
            print!("{}", if *json { list::json(&runs) } else { list::table(&runs) });
        }
        Command::Show { run, json } => {
            let (history, stored) = run.find(history()?).map_err(Failure::from)?.ok_or_else(|| unknown(&run.name))?;
            print!("{}", if *json { show::json(&history, &stored)? } else { show::text(&history, &stored)? });
        }
        Command::Compare { one, other, against, json } => {
            let [first, second] = networks::courses([one, other], Some(&state)).map_err(Failure::usage)?;
            let comparison = Comparison::of(&first, &second, against.map(Against::feared)).map_err(Failure::usage)?;
            print!("{}", if *json { compare::json(&comparison) } else { compare::text(&comparison) });
        }
        Command::Baseline { run: None, clear: false } => {
            let marked = history()?.map(|history| history.baseline()).transpose()?.flatten();
            println!(
                "{}",
                marked.map_or_else(|| "no baseline run".to_owned(), |run| format!("{} (attempt {})", run.name, run.attempt))
            );
        }
        Command::Baseline { run: Some(name), .. } => {
            if !mark_baseline(&state, Some(name))? {
                return Err(unknown(name));
            }
            println!("baseline run: {name}; runs that start from now on are compared with it");
        }
        Command::Baseline { run: None, clear: true } => {
            mark_baseline(&state, None)?;
            println!("no baseline run; runs that start from now on are not compared");
        }
        Command::Report { run, out } => {
            let (history, stored) = run.find(history()?).map_err(Failure::from)?.ok_or_else(|| unknown(&run.name))?;
            let page = report::page(&history, &stored)?;
            fs::write(out, page).with_context(|| format!("cannot write {}", out.display()))?;
            println!("wrote {}; open it in a browser", out.display());
        }
        Command::Export { run, csv, json: _ } => {
            let (history, stored) = run.find(history()?).map_err(Failure::from)?.ok_or_else(|| unknown(&run.name))?;
            print!("{}", if *csv { export::csv(&history, &stored)? } else { export::json(&history, &stored)? });
        }
    }
    Ok(Exit::Done)
}

impl WhichRun {
    fn find(&self, history: Option<Snapshot>) -> anyhow::Result<Option<(Snapshot, StoredRun)>> {
        let Some(history) = history else { return Ok(None) };
        let run = history.run(&self.name, self.attempt)?;
        Ok(run.map(|run| (history, run)))
    }
}
