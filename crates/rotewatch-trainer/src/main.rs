//! `rotewatch-trainer`: the built-in trainer, the only program of rotewatch that links libtorch.

use clap::Parser;
use rotewatch::cli::exit::Exit;
use rotewatch_trainer::command::{Cli, run};

fn main() -> Exit {
    run(Cli::parse())
}
