//! The output folder: where a run's record lies, and how it gets there whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rotewatch_core::vocabulary::identity::RunName;

/// What could not be written or read, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {doing}: {source}", path.display())]
pub struct FolderError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was tried.
    pub doing: &'static str,
    /// What the system said.
    pub source: io::Error,
}

/// The folder of one experiment.
#[derive(Clone, Debug)]
pub struct OutFolder(PathBuf);

impl OutFolder {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let folder = OutFolder(path.to_owned());
        let runs = path.join("runs");
        fs::create_dir_all(&runs).map_err(|source| FolderError { path: runs, doing: "be made", source })?;
        Ok(folder)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The state folder of its trainings.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// The record of a run.
    #[must_use]
    pub fn record(&self, run: &RunName) -> PathBuf {
        self.0.join("runs").join(format!("{run}.json"))
    }

    /// Writes a file of the folder so that it is there whole or not at all, also when the machine stops meanwhile.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), FolderError> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let written = File::create(&unfinished).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, path)
        });
        written.map_err(|source| FolderError { path: path.to_owned(), doing: "be written", source })
    }
}
