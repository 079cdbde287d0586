//! `rotewatch check-config`: every mistake in a configuration file at once.

use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use crate::config::Config;

/// The flags of `rotewatch check-config`.
#[derive(Debug, Args)]
pub struct CheckConfigArgs {
    /// The file
    file: PathBuf,
}

/// Checks the file. Nothing is started.
///
/// # Errors
/// Every mistake, with its line and column.
pub fn run(args: &CheckConfigArgs) -> Result<Exit, Failure> {
    let config = Config::read(&args.file).map_err(Failure::usage)?;
    println!("{}: in order", args.file.display());
    for warning in config.warnings() {
        println!("warning: {warning}");
    }
    Ok(Exit::Done)
}
