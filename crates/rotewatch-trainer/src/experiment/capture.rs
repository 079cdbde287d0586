//! The record of one run: its options, and the trainer's document or the failure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::folder::{FolderError, OutFolder};
use super::grid::PlannedRun;

use rotewatch_core::record::TrainingDocument;

/// The record of a run.
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
    /// The trainer's document; `None` for a run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Value>,
    /// Why there is no document; `None` for a run that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailedRun>,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRun {
    /// The trainer's exit code; `None` if a signal ended it or it did not start.
    pub exit_code: Option<i32>,
    /// The end of its stderr.
    pub stderr: String,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The file is not a record.
    #[error("{} is not the record of a run: {source}; delete it to train the run again", path.display())]
    NotARecord {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        source: serde_json::Error,
    },
}

impl Record {
    /// The record of a run that is about to start.
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

    /// Whether this is the record of exactly the planned training. Its role does not matter.
    #[must_use]
    pub fn is_of(&self, run: &PlannedRun) -> bool {
        let asked = Record::of(run);
        self.run == asked.run && self.options == asked.options && self.seed == asked.seed
    }

    /// Reads the record of a run; `None` if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or is not a record.
    pub fn read(path: &Path) -> Result<Option<Self>, CaptureError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FolderError { path: path.to_owned(), doing: "read", source }.into()),
        };
        let not_a_record = |source| CaptureError::NotARecord { path: path.to_owned(), source };
        serde_json::from_slice(&text).map(Some).map_err(not_a_record)
    }

    /// Writes the record to the folder, completely or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    ///
    /// # Panics
    /// Never: its maps have text keys.
    #[expect(clippy::expect_used, reason = "serde_json refuses nothing but keys that are no text and what cannot be written to")]
    pub fn write(&self, folder: &OutFolder, run: &PlannedRun) -> Result<(), FolderError> {
        let text = serde_json::to_string(self).expect("maps with text keys have a JSON form");
        folder.write(&folder.record(&run.name), &text)
    }
}

/// A planned run with its recorded training.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The planned run.
    pub run: PlannedRun,
    /// The measurements of every epoch.
    pub history: TrainingDocument,
    /// How long it took.
    pub seconds: f64,
}

/// The recorded runs of a grid.
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
    /// Reads the records of these runs.
    ///
    /// # Errors
    /// The first record that cannot be read.
    pub fn read(folder: &OutFolder, runs: &[PlannedRun]) -> Result<Self, CaptureError> {
        let mut captures = Captures::default();
        for run in runs {
            let path = folder.record(&run.name);
            match Record::read(&path)?.filter(|record| record.is_of(run)) {
                Some(Record { document: Some(document), seconds, .. }) => {
                    let history = TrainingDocument::deserialize(document);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Role;
    use crate::options::TrainOptions;

    fn planned(seed: u64, options: &[(&str, &str)]) -> PlannedRun {
        PlannedRun {
            name: format!("cell-s{seed}").parse().unwrap(),
            cell: "cell".into(),
            variation: "cell".into(),
            role: Role::Judge,
            seed,
            options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            arguments: Vec::new(),
            training: TrainOptions::default(),
        }
    }

    fn trained(run: &PlannedRun) -> Record {
        Record { document: Some(serde_json::json!({ "history": [] })), seconds: 1.5, ..Record::of(run) }
    }

    fn counts(captures: &Captures) -> [usize; 3] {
        [captures.done.len(), captures.failed.len(), captures.missing.len()]
    }

    #[test]
    fn an_experiment_continues_where_it_was_killed() {
        let place = tempfile::tempdir().unwrap();
        let folder = OutFolder::open(place.path()).unwrap();
        let runs: Vec<PlannedRun> = (1..=3).map(|seed| planned(seed, &[("dropout", "0.4")])).collect();
        trained(&runs[0]).write(&folder, &runs[0]).unwrap();
        // A record that was being written when the machine stopped has a temporary name.
        fs::write(place.path().join("runs/cell-s2.json.unfinished"), "{\"run\": \"cel").unwrap();
        let failure = FailedRun { exit_code: Some(1), stderr: "out of memory".into() };
        let failed = Record { failure: Some(failure.clone()), ..Record::of(&runs[2]) };
        failed.write(&folder, &runs[2]).unwrap();
        let captures = Captures::read(&folder, &runs).unwrap();
        assert_eq!(counts(&captures), [1, 1, 1]);
        assert_eq!(captures.done[0].seconds, 1.5);
        assert_eq!(captures.failed[0].1, failure);
        assert_eq!(captures.missing[0].name.as_str(), "cell-s2");
        assert_eq!(Record::read(&folder.record(&runs[0].name)).unwrap(), Some(trained(&runs[0])));
    }

    #[test]
    fn a_run_with_other_options_is_trained_again_and_one_with_another_role_is_not() {
        let place = tempfile::tempdir().unwrap();
        let folder = OutFolder::open(place.path()).unwrap();
        let before = planned(1, &[("dropout", "0.4")]);
        trained(&before).write(&folder, &before).unwrap();
        let tuning = PlannedRun { role: Role::Tune, ..before.clone() };
        assert_eq!(counts(&Captures::read(&folder, &[tuning]).unwrap()), [1, 0, 0]);
        for other in [&[("dropout", "0.5")][..], &[], &[("dropout", "0.4"), ("augment", "true")]] {
            assert_eq!(counts(&Captures::read(&folder, &[planned(1, other)]).unwrap()), [0, 0, 1], "{other:?}");
        }
    }

    #[test]
    fn a_broken_record_is_named() {
        let place = tempfile::tempdir().unwrap();
        let folder = OutFolder::open(place.path()).unwrap();
        let run = planned(1, &[]);
        fs::write(folder.record(&run.name), "{}").unwrap();
        let error = Captures::read(&folder, &[run]).unwrap_err().to_string();
        assert!(error.contains("cell-s1.json") && error.contains("delete it"), "{error}");
    }
}
