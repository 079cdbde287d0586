//! The state folder: what several trainings and a daemon may share, each owning its run's name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::identity::RunName;

/// Why a run's name cannot be owned.
#[derive(Debug, Error)]
pub enum StateError {
    /// Another process trains under this name.
    #[error(
        "run {run} is being trained by another process (it holds {path}): choose another name with --run, or another --state folder"
    )]
    NameOwned {
        /// The name.
        run: RunName,
        /// The lock's file.
        path: PathBuf,
    },
    /// The folder cannot be written.
    #[error("cannot use the state folder: {path}: {reason}; name another with --state DIR")]
    Folder {
        /// The file or folder that failed.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Neither a folder was named nor does the environment say where it would be.
    #[error("no state folder: neither XDG_STATE_HOME nor HOME is set; name one with --state DIR")]
    Unknown,
}

/// A run's name, owned until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct OwnedName {
    run: RunName,
    _lock: File,
}

impl OwnedName {
    /// Takes the name in a state folder, which is made where it is missing.
    ///
    /// # Errors
    /// If another process owns the name, or the folder cannot be written.
    pub fn take(state: &Path, run: RunName) -> Result<Self, StateError> {
        let folder = state.join("runs");
        fs::create_dir_all(&folder).map_err(|reason| StateError::Folder { path: folder.clone(), reason })?;
        let path = folder.join(format!("{run}.lock"));
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|reason| StateError::Folder { path: path.clone(), reason })?;
        match lock.try_lock() {
            Ok(()) => Ok(OwnedName { run, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::NameOwned { run, path }),
            Err(TryLockError::Error(reason)) => Err(StateError::Folder { path, reason }),
        }
    }

    /// The name.
    #[must_use]
    pub fn run(&self) -> &RunName {
        &self.run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_owner_at_a_time() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let name: RunName = "digits".parse().expect("a good name");
        let owned = OwnedName::take(state.path(), name.clone()).expect("the name is free");
        let refused = OwnedName::take(state.path(), name.clone()).expect_err("the name is owned");
        assert!(refused.to_string().contains("run digits is being trained by another process"), "{refused}");
        assert!(OwnedName::take(state.path(), "other".parse().expect("a good name")).is_ok());
        drop(owned);
        assert!(OwnedName::take(state.path(), name).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let refused = OwnedName::take(file.path(), "digits".parse().expect("a good name")).expect_err("a file is no folder");
        assert!(refused.to_string().contains("--state DIR"), "{refused}");
    }
}
