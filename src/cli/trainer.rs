//! The way to the built-in trainer, a program of its own because it links libtorch: `rotewatch train` and `rotewatch experiment` start it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, anyhow};
use clap::Args;

use super::exit::{Exit, Failure};

/// The name of its binary.
const TRAINER: &str = "rotewatch-trainer";

/// Flags that the trainer parses.
#[derive(Debug, Args)]
pub(super) struct Passed {
    /// Flags of the trainer
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    flags: Vec<OsString>,
}

/// Replaces this process by the trainer, so that signals and the exit code are the trainer's own.
///
/// # Errors
/// If the trainer is not installed or cannot be started.
pub(super) fn hand_over(command: &str, passed: &Passed) -> Result<Exit, Failure> {
    let trainer = installed()?;
    let failed = Command::new(&trainer).arg(command).args(&passed.flags).exec();
    Err(anyhow!(failed).context(format!("cannot start {}", trainer.display())).into())
}

/// The trainer's binary, in the same folder as this one.
fn installed() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().context("cannot find this program's own path")?;
    let trainer = own.with_file_name(TRAINER);
    if trainer.is_file() {
        return Ok(trainer);
    }
    Err(Failure::usage(anyhow!(
        "the built-in trainer is not installed ({} is missing): run `make build` in a checkout of rotewatch, or attach your own trainer \
         (README, \"Watch your own trainer\")",
        trainer.display()
    )))
}
