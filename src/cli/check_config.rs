//! `rotewatch check-config`: reports every mistake in a configuration file at once.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::exit::{Exit, Failure};
use crate::config::Config;

/// The flags of `rotewatch check-config`.
#[derive(Debug, Args)]
pub struct CheckConfigArgs {
    /// The configuration file to check
    file: PathBuf,
}

/// Checks the file. Starts nothing.
///
/// # Errors
/// Every mistake, with its line and column.
pub fn run(args: &CheckConfigArgs) -> Result<Exit, Failure> {
    let config = Config::read(&args.file).map_err(Failure::usage)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}: ok", args.file.display()).context("stdout")?;
    for warning in config.warnings() {
        writeln!(out, "warning: {warning}").context("stdout")?;
    }
    Ok(Exit::Done)
}
