//! A run in an inbox, as written by another program.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::activations::layer;
use super::client::{ALARMING, Client, Daemon, daemon_with, frame};
use super::http::get;
use super::until::until;

const ROWS: usize = 600;

/// A run's folder in an inbox, and a folder beside it where files are prepared.
pub(crate) struct Recorded {
    _folder: tempfile::TempDir,
    pub inbox: PathBuf,
    pub run: PathBuf,
    pub aside: PathBuf,
}

impl Recorded {
    /// Creates an empty inbox with an empty folder for the run `run`.
    ///
    /// # Panics
    /// If it cannot be created.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (inbox, aside) = (folder.path().join("inbox"), folder.path().join("aside"));
        let run = inbox.join("run");
        fs::create_dir_all(&run).and_then(|()| fs::create_dir(&aside)).expect("the folder is writable");
        Recorded { _folder: folder, inbox, run, aside }
    }

    /// Writes a file outside the inbox and renames it into the run's folder.
    ///
    /// # Panics
    /// If it cannot.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let aside = self.aside.join(name);
        fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, self.run.join(name))).expect("the folder is writable");
    }

    /// Declares an attempt of two layers.
    pub(crate) fn declare(&self, attempt: &str) {
        self.put("run.json", json!({ "attempt": attempt, "layers": ["a", "b"] }).to_string().as_bytes());
    }

    /// Adds whole epochs.
    pub(crate) fn epochs(&self, epochs: std::ops::Range<usize>) {
        for epoch in epochs {
            self.put(&format!("{epoch}.0.safetensors"), &body(epoch));
            self.put(&format!("{epoch}.json"), br#"{"train_loss": null}"#);
        }
    }

    /// Ends the run.
    pub(crate) fn finish(&self) {
        self.put("finish.json", br#"{"status": "finished"}"#);
    }

    /// Returns the files in a folder below the run's.
    ///
    /// # Panics
    /// If a file name is not text.
    pub(crate) fn files(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.run.join(below)).map_or_else(|_| Vec::new(), |entries| entries.flatten().collect());
        let files = entries.into_iter().filter(|entry| !entry.path().is_dir());
        let mut names: Vec<String> = files.map(|entry| entry.file_name().into_string().expect("plain names")).collect();
        names.sort();
        names
    }
}

/// Returns the activations of an epoch; memorization is found in the sixth.
pub(crate) fn body(epoch: usize) -> Vec<u8> {
    frame(&[("a", &layer(ROWS, 12, 2.0)), ("b", &layer(ROWS, 12, ALARMING[epoch]))])
}

/// Starts a daemon that watches an inbox.
pub(crate) fn with_inbox(inbox: &Path) -> Daemon {
    daemon_with(|config| config.inbox = Some(inbox.to_owned()))
}

/// Waits until the run has this status, and returns it.
pub(crate) fn run_with(client: &Client, status: &str) -> Value {
    until(status, || {
        let answer = get(client.address, "/api/v1/runs/run");
        let run: Value = serde_json::from_str(&answer.body).ok()?;
        (run["status"] == status).then_some(run)
    })
}
