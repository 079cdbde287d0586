//! Trainings of the built-in trainer: short, on the rendered digits, each with its own state folder.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Ended, ended, rotewatch, text};
use super::trainer::or_skip_without;

/// The training of most tests, for a few epochs. With 40 % label noise, example-level memorization is found within 12 epochs at
/// seeds 1 and 2, and without noise it is not.
pub(crate) const SMALL: [&str; 8] = ["--examples", "2000", "--batch-size", "64", "--lr", "0.002", "--probe-rows", "500"];
/// Enough epochs of [`SMALL`] for an alarm.
pub(crate) const LONG_ENOUGH: [&str; 2] = ["--epochs", "12"];
/// 40 % of the labels randomized.
pub(crate) const NOISY: [&str; 2] = ["--label-noise", "0.4"];
/// Without a port.
pub(crate) const NOWHERE: [&str; 2] = ["--listen", "off"];
/// On a free port.
pub(crate) const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A state folder and the trainings in it.
pub(crate) struct Trainings {
    state: TempDir,
}

impl Trainings {
    /// Creates an empty state folder.
    ///
    /// # Panics
    /// If no temporary folder can be created.
    pub(crate) fn or_skip() -> Option<Self> {
        or_skip_without().then(|| Trainings { state: tempfile::tempdir().expect("a temporary folder") })
    }

    /// Returns the folder, for other files too.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.state.path()
    }

    /// Returns the command `rotewatch train` with these flags.
    pub(crate) fn train(&self, flags: &[&str]) -> Command {
        let mut command = rotewatch(["train", "--state", text(self.state.path())]);
        command.args(flags);
        command
    }

    /// Trains to the end and returns the document, which must be the only output on stdout.
    ///
    /// # Panics
    /// If training fails or prints anything else.
    pub(crate) fn document(&self, flags: &[&[&str]]) -> Value {
        let ended = ended(self.train(&flags.concat()).args(["--json"]));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        document(&ended)
    }
}

/// Parses the one line on stdout as JSON.
///
/// # Panics
/// If there is anything except one document on one line.
pub(crate) fn document(ended: &Ended) -> Value {
    let line = ended.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {:?}; {}", ended.stdout, ended.stderr));
    assert!(!line.contains('\n'), "more than one line: {line}");
    serde_json::from_str(line).expect("the line is JSON")
}

/// Returns what the trainer itself measured in each epoch.
///
/// # Panics
/// If the document has no epochs.
pub(crate) fn metrics(document: &Value) -> Vec<Value> {
    let epochs = document["epochs"].as_array().expect("epochs");
    epochs.iter().map(|epoch| epoch["metrics"].clone()).collect()
}
