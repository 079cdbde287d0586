//! Trainings of the built-in trainer: short, on the rendered digits, each with a state folder of its own.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Ended, ended, rotewatch, text};
use super::trainer::or_skip_without;

/// What most tests train, for a few epochs. With 40 % label noise example-level memorization is found within 12 of them at
/// seeds 1 and 2, and without noise it is not.
pub const SMALL: [&str; 8] = ["--examples", "2000", "--batch-size", "64", "--lr", "0.002", "--probe-rows", "500"];
/// As many epochs of [`SMALL`] as it takes.
pub const LONG_ENOUGH: [&str; 2] = ["--epochs", "12"];
/// Two in five labels redrawn.
pub const NOISY: [&str; 2] = ["--label-noise", "0.4"];
/// No port.
pub const NOWHERE: [&str; 2] = ["--listen", "off"];
/// A port of its own.
pub const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A state folder and the trainings in it.
pub struct Trainings {
    state: TempDir,
}

impl Trainings {
    /// An empty state folder; skips aloud where there is no trainer.
    ///
    /// # Panics
    /// If there is no place for temporary files.
    pub fn or_skip() -> Option<Self> {
        or_skip_without().then(|| Trainings { state: tempfile::tempdir().expect("a temporary folder") })
    }

    /// The folder, for other files too.
    pub fn folder(&self) -> &std::path::Path {
        self.state.path()
    }

    /// `rotewatch train` with these flags.
    pub fn train(&self, flags: &[&str]) -> Command {
        let mut command = rotewatch(["train", "--state", text(self.state.path())]);
        command.args(flags);
        command
    }

    /// Trains to the end and reads the document, which must be all there is on stdout.
    ///
    /// # Panics
    /// If training fails or prints anything else.
    pub fn document(&self, flags: &[&[&str]]) -> Value {
        let ended = ended(self.train(&flags.concat()).args(["--json"]));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        document(&ended)
    }
}

/// The one line on stdout as JSON.
///
/// # Panics
/// If there is anything but one document on one line.
pub fn document(ended: &Ended) -> Value {
    let line = ended.stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {:?}; {}", ended.stdout, ended.stderr));
    assert!(!line.contains('\n'), "more than one line: {line}");
    serde_json::from_str(line).expect("the line is JSON")
}

/// What the trainer itself measured in each epoch.
///
/// # Panics
/// If the document has no history.
pub fn metrics(document: &Value) -> Vec<Value> {
    let history = document["history"].as_array().expect("a history");
    history.iter().map(|epoch| epoch["metrics"].clone()).collect()
}
