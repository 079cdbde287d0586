//! `rotewatch`: the daemon and its commands. It calls nothing of libtorch; `train` hands over to `rotewatch-trainer`.

use clap::Parser;
use rotewatch::cli::{self, Cli, exit::Exit};

fn main() -> Exit {
    cli::run(Cli::parse())
}
