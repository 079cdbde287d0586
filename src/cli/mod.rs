//! The commands of the command line, one file each.

mod against;
pub mod check_config;
pub mod choice;
mod columns;
pub mod exit;
pub mod measure;
mod networks;
pub mod paragraph;
pub mod rank;
pub mod replay;
pub mod runs;
pub mod serve;
mod tensors;
pub mod top;
mod trainer;

use clap::{Parser, Subcommand};

use exit::{Exit, Failure};

/// Watches a neural network train, measures the entropy and mutual information of its neurons in every epoch, and raises an alarm when
/// memorization sets in.
#[derive(Debug, Parser)]
#[command(name = "rotewatch", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a small built-in network and monitor it: rendered digits, or your copy of MNIST.
    #[command(disable_help_flag = true)]
    Train(trainer::Passed),
    /// Run the daemon: receive activations of trainers over HTTP and from a folder, until Ctrl-C.
    Serve(serve::ServeArgs),
    /// Measure files of activations: entropy, mutual information, redundant pairs.
    Measure(Box<measure::MeasureArgs>),
    /// List, show, compare and export recorded runs, and choose the baseline run.
    Runs(runs::RunsArgs),
    /// Judge runs that a client recorded as files, without a daemon, and print what the alarm would have said.
    Replay(replay::ReplayArgs),
    /// Rank finished networks by how well they should generalise, from their neurons alone.
    Rank(rank::RankArgs),
    /// Train a grid of networks, judge the alarm on them, and write a report with tables and charts.
    #[command(disable_help_flag = true)]
    Experiment(trainer::Passed),
    /// Show the runs of a daemon live in this terminal.
    Top(top::TopArgs),
    /// Check a configuration file and report every mistake in it.
    CheckConfig(check_config::CheckConfigArgs),
}

/// Runs the requested command.
#[must_use]
pub fn run(cli: Cli) -> Exit {
    let ended = match cli.command {
        Command::Train(args) => trainer::hand_over("train", &args),
        Command::Serve(args) => serve::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Rank(args) => rank::run(&args),
        Command::Experiment(args) => trainer::hand_over("experiment", &args),
        Command::Top(args) => top::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
    };
    ended.unwrap_or_else(Failure::report)
}
