//! `rotewatch-trainer`: the built-in trainer, the only binary that links libtorch. `rotewatch train` starts it.

use clap::Parser;
use rotewatch::cli::exit::{Exit, Failure};
use rotewatch::cli::{train::TrainerCli, trainer};

fn main() -> Exit {
    trainer::run(&TrainerCli::parse().train).unwrap_or_else(Failure::report)
}
