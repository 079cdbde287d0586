//! `rotewatch runs`: the history at a terminal and for other programs; works while a daemon writes it.

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
use rotewatch_core::intake::run::Attempt;
use rotewatch_core::vocabulary::identity::RunName;

/// The flags of `rotewatch runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: Command,
    /// Configuration file that names the state folder [default: the built-in settings]
    #[arg(long, value_name = "FILE", env = "ROTEWATCH_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// State folder whose history is read [default: the user's own, by the XDG rules]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_STATE", global = true)]
    state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every run with its verdict, the one declared last first.
    List {
        /// Print one JSON document on one line
        #[arg(long)]
        json: bool,
        /// The most runs
        #[arg(long, value_name = "N", default_value_t = 1000)]
        most: usize,
    },
    /// One run: its verdict with why and what to do, its epochs, alarms and hooks.
    Show {
        #[command(flatten)]
        run: WhichRun,
        /// Print one JSON document on one line
        #[arg(long)]
        json: bool,
    },
    /// Which of two runs generalises better by what their neurons say, since when, and how sure that is.
    Compare {
        /// A run of the history, or a file: what `rotewatch train --json` printed, or the record of an experiment
        #[arg(value_name = "RUN|FILE")]
        one: PathBuf,
        /// The run to hold it against
        #[arg(value_name = "RUN|FILE")]
        other: PathBuf,
        /// What is feared, which decides what is better [default: what the runs' verdicts say]
        #[arg(long, value_enum, value_name = "KIND")]
        against: Option<Against>,
        /// Print one JSON document on one line
        #[arg(long)]
        json: bool,
    },
    /// Mark a run that went well: runs that start from now on are compared with it.
    Baseline {
        /// The run, whose newest attempt is marked; without it the marked one is told
        #[arg(value_name = "RUN", conflicts_with = "clear")]
        run: Option<RunName>,
        /// Compare with no run any more
        #[arg(long)]
        clear: bool,
    },
    /// Every figure of a run, for other programs.
    Export {
        #[command(flatten)]
        run: WhichRun,
        /// One line an epoch and layer
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        /// One document, which `detect.baseline.file` takes as well [default]
        #[arg(long)]
        json: bool,
    },
    /// What the live page shows of a run, in one file that opens from a disk without a network.
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
    /// Its name
    #[arg(value_name = "RUN")]
    name: RunName,
    /// One of its attempts [default: the newest]
    #[arg(long, value_name = "ID")]
    attempt: Option<Attempt>,
}

/// Reads the history, or marks a run in it.
///
/// # Errors
/// A run that is not there, as wrong usage; a history that cannot be read.
pub fn run(args: &RunsArgs) -> Result<Exit, Failure> {
    let mut config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read).map_err(Failure::usage)?;
    config.state = args.state.clone().or(config.state.take());
    let state = state_folder(&config).map_err(Failure::usage)?;
    let history = || -> Result<Option<Snapshot>, Failure> { Ok(Reader::of(&state).snapshot()?) };
    let unknown = |name: &RunName| Failure::usage(anyhow!("the history in {} has no such run {name}", state.display()));
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
            let comparison = Comparison::of(&first, &second, against.map(Against::claim)).map_err(Failure::usage)?;
            print!("{}", if *json { compare::json(&comparison) } else { compare::text(&comparison) });
        }
        Command::Baseline { run: None, clear: false } => {
            let marked = history()?.map(|history| history.baseline()).transpose()?.flatten();
            println!(
                "{}",
                marked.map_or_else(|| "no run is marked".to_owned(), |run| format!("{} (attempt {})", run.name, run.attempt))
            );
        }
        Command::Baseline { run: Some(name), .. } => {
            if !mark_baseline(&state, Some(name))? {
                return Err(unknown(name));
            }
            println!("{name}: runs that start from now on are compared with it");
        }
        Command::Baseline { run: None, clear: true } => {
            mark_baseline(&state, None)?;
            println!("runs that start from now on are compared with none");
        }
        Command::Report { run, out } => {
            let (history, stored) = run.find(history()?).map_err(Failure::from)?.ok_or_else(|| unknown(&run.name))?;
            let page = report::page(&history, &stored)?;
            fs::write(out, page).with_context(|| format!("cannot write {}", out.display()))?;
            println!("{}: open it in any browser", out.display());
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
