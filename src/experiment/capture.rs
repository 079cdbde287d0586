//! The record of one run: what was asked for, and the trainer's document or why there is none.

mod document;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::folder::{FolderError, OutFolder};
use super::grid::PlannedRun;

pub use document::{EpochRecord, FinalLayer, Histogram, History, LayerRecord, Spread};

/// A run as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The run's name.
    pub run: String,
    /// The options that the grid gave it.
    pub options: BTreeMap<String, String>,
    /// Its seed.
    pub seed: u64,
    /// The release of rotewatch that recorded it.
    pub version: String,
    /// How long it took.
    pub seconds: f64,
    /// What the trainer said at the end; `None` for a run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Value>,
    /// Why there is no document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailedRun>,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRun {
    /// The trainer's exit code; `None` where a signal ended it or it did not start.
    pub exit_code: Option<i32>,
    /// The end of what it wrote to stderr.
    pub stderr: String,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// It is not what is recorded here.
    #[error("{}: not the record of a run: {source}; delete it to train the run again", path.display())]
    NotARecord {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
}

impl Record {
    /// The record of a run that is about to begin.
    #[must_use]
    pub fn of(run: &PlannedRun) -> Self {
        Record {
            run: run.name.to_string(),
            options: run.options.iter().cloned().collect(),
            seed: run.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: 0.0,
            document: None,
            failure: None,
        }
    }

    /// Whether this is the very training that is planned. What it is for does not matter.
    #[must_use]
    pub fn is_of(&self, run: &PlannedRun) -> bool {
        let asked = Record::of(run);
        self.run == asked.run && self.options == asked.options && self.seed == asked.seed
    }

    /// Reads the record of a run; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is something else.
    pub fn read(path: &Path) -> Result<Option<Self>, CaptureError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FolderError { path: path.to_owned(), doing: "be read", source }.into()),
        };
        let not_a_record = |source| CaptureError::NotARecord { path: path.to_owned(), source };
        serde_json::from_slice(&text).map(Some).map_err(not_a_record)
    }

    /// Writes it into its folder, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, folder: &OutFolder, run: &PlannedRun) -> Result<(), FolderError> {
        let text = serde_json::to_string(self).expect("maps with text keys have a JSON form");
        folder.write(&folder.record(&run.name), &text)
    }
}

/// A planned run whose training is recorded.
#[derive(Clone, Debug)]
pub struct Capture {
    /// What was planned.
    pub run: PlannedRun,
    /// What was measured, epoch by epoch.
    pub history: History,
    /// How long it took.
    pub seconds: f64,
}

/// What the folder holds of a grid.
#[derive(Debug, Default)]
pub struct Captures {
    /// Runs that are recorded.
    pub done: Vec<Capture>,
    /// Runs that failed, with the reason.
    pub failed: Vec<(PlannedRun, FailedRun)>,
    /// Runs that are not recorded, or were recorded with other options.
    pub missing: Vec<PlannedRun>,
}

impl Captures {
    /// Reads what is recorded of these runs.
    ///
    /// # Errors
    /// The first record that cannot be read.
    pub fn read(folder: &OutFolder, runs: &[PlannedRun]) -> Result<Self, CaptureError> {
        let mut captures = Captures::default();
        for run in runs {
            let path = folder.record(&run.name);
            match Record::read(&path)?.filter(|record| record.is_of(run)) {
                Some(Record { document: Some(document), seconds, .. }) => {
                    let history = History::deserialize(document);
                    let history = history.map_err(|source| CaptureError::NotARecord { path, source })?;
                    captures.done.push(Capture { run: run.clone(), history, seconds });
                }
                Some(Record { failure: Some(failure), .. }) => captures.failed.push((run.clone(), failure)),
                _ => captures.missing.push(run.clone()),
            }
        }
        Ok(captures)
    }
}
