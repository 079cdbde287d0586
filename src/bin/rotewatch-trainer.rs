<<<<<<< HEAD
//! `rotewatch-trainer`: the built-in trainer, the only binary that links libtorch. `rotewatch train` starts it.

use clap::Parser;
use rotewatch::cli::exit::{Exit, Failure};
use rotewatch::cli::{train::TrainerCli, trainer};

fn main() -> Exit {
    trainer::run(&TrainerCli::parse().train).unwrap_or_else(Failure::report)
}
=======
fn main() {}
>>>>>>> a91a48c5fc25cc924b664c6e1eccd32938bee9f5
