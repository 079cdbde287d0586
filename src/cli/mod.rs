//! The commands, one file each.

mod against;
pub mod check_config;
mod columns;
pub mod exit;
pub mod experiment;
pub mod measure;
mod networks;
pub mod rank;
pub mod runs;
pub mod serve;
mod tensors;
pub mod top;
pub mod train;
#[cfg(feature = "torch")]
pub mod trainer;

use clap::{Parser, Subcommand};

use exit::{Exit, Failure};

/// A smoke detector for rote learning: watches a neural network train, measures every epoch how diverse its neurons are, and says
/// when memorization sets in.
#[derive(Debug, Parser)]
#[command(name = "rotewatch", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a small network under observation: rendered digits, or your copy of MNIST.
    Train(Box<train::TrainArgs>),
    /// Serve other people's trainers: a daemon that takes activations over HTTP and from a folder, until Ctrl-C.
    Serve(serve::ServeArgs),
    /// Measure files of activations: entropy, mutual information, redundant pairs.
    Measure(Box<measure::MeasureArgs>),
    /// What was recorded: list, show, export; the run that others are compared with.
    Runs(runs::RunsArgs),
    /// Put finished networks in order by what their neurons say: which generalises best?
    Rank(rank::RankArgs),
    /// Train a grid of networks and judge the alarm on them: tables, pictures, files for programs.
    Experiment(experiment::ExperimentArgs),
    /// Show the runs of a daemon live at this terminal.
    Top(top::TopArgs),
    /// Check a configuration file and name every mistake in it.
    CheckConfig(check_config::CheckConfigArgs),
}

/// Runs the command that was asked for.
#[must_use]
pub fn run(cli: Cli) -> Exit {
    let ended = match cli.command {
        Command::Train(args) => train::launch(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Rank(args) => rank::run(&args),
        Command::Experiment(args) => experiment::run(&args),
        Command::Top(args) => top::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
    };
    ended.unwrap_or_else(Failure::report)
}
