//! The output folder: the paths of records, and how they are written completely or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rotewatch_core::vocabulary::identity::RunName;

/// A file or folder that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct FolderError {
    /// The file or folder.
    pub path: PathBuf,
    /// The action, such as `write`.
    pub doing: &'static str,
    /// The system's error.
    pub source: io::Error,
}

/// The folder of one experiment.
#[derive(Clone, Debug)]
pub struct OutFolder(PathBuf);

impl OutFolder {
    /// Creates the folder if it is missing.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let folder = OutFolder(path.to_owned());
        let runs = path.join("runs");
        fs::create_dir_all(&runs).map_err(|source| FolderError { path: runs, doing: "create", source })?;
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

    /// Writes a file of the folder completely or not at all, even if the machine stops meanwhile.
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
        written.map_err(|source| FolderError { path: path.to_owned(), doing: "write", source })
    }
}
