//! `rotewatch-trainer`: the built-in trainer, and the only binary that links libtorch. Started by `rotewatch train`.

use clap::Parser;
use rotewatch::cli::exit::{Exit, Failure};
use rotewatch::cli::{train::TrainerCli, trainer};

fn main() -> Exit {
    trainer::run(&TrainerCli::parse().train).unwrap_or_else(Failure::report)
}
