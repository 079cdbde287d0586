//! The command line of `rotewatch-trainer`: `rotewatch train` and `rotewatch experiment` pass their flags here.

mod args;
mod experiment;
mod train;

use clap::{Parser, Subcommand};
use rotewatch::cli::exit::{Exit, Failure};

/// The built-in trainer of rotewatch.
#[derive(Debug, Parser)]
#[command(name = "rotewatch", bin_name = "rotewatch", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a small built-in network and monitor it: rendered digits, or your copy of MNIST.
    Train(Box<args::TrainArgs>),
    /// Train a grid of networks, judge the alarm on them, and write a report with tables and charts.
    Experiment(experiment::ExperimentArgs),
}

/// Runs the command that was asked for.
#[must_use]
pub fn run(cli: Cli) -> Exit {
    let ended = match cli.command {
        Command::Train(args) => train::run(&args),
        Command::Experiment(args) => experiment::run(&args),
    };
    ended.unwrap_or_else(Failure::report)
}
