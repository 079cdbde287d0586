//! The state folder, which several trainings and one daemon may share. Each training holds the lock of its run's name.

pub mod discovery;
pub mod token;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use rotewatch_core::vocabulary::identity::RunName;

/// Why a run's name or the state folder cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// Another process trains under this name.
    #[error(
        "run {run} is being trained by another process (it holds the lock {path}); choose another name with --run, or another folder with --state DIR"
    )]
    NameOwned {
        /// The name.
        run: RunName,
        /// The lock's file.
        path: PathBuf,
    },
    /// Another daemon uses this state folder.
    #[error(
        "another `rotewatch serve` uses this state folder (it holds the lock {path}); stop it, or choose another folder with --state DIR"
    )]
    Served {
        /// The lock's file.
        path: PathBuf,
    },
    /// The folder cannot be written.
    #[error("cannot use the state folder: {path}: {reason}; choose another with --state DIR")]
    Folder {
        /// The file or folder that failed.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// No folder is configured, and the environment names no default.
    #[error("no state folder: neither XDG_STATE_HOME nor HOME is set; set one with --state DIR")]
    Unknown,
}

/// A run's name, locked until this is dropped or the process ends in any way.
#[derive(Debug)]
pub struct OwnedName {
    run: RunName,
    _lock: Lock,
}

impl OwnedName {
    /// Locks the name in a state folder, which is created if it is missing.
    ///
    /// # Errors
    /// If another process holds the name, or the folder cannot be written.
    pub fn take(state: &Path, run: RunName) -> Result<Self, StateError> {
        let folder = state.join("runs");
        fs::create_dir_all(&folder).map_err(|reason| StateError::Folder { path: folder.clone(), reason })?;
        let path = folder.join(format!("{run}.lock"));
        match Lock::take(&path)? {
            Some(lock) => Ok(OwnedName { run, _lock: lock }),
            None => Err(StateError::NameOwned { run, path }),
        }
    }

    /// The name.
    #[must_use]
    pub fn run(&self) -> &RunName {
        &self.run
    }
}

/// A state folder whose only daemon is this process, until this is dropped or the process ends in any way.
#[derive(Debug)]
pub struct ServedFolder {
    url: PathBuf,
    _lock: Lock,
}

impl ServedFolder {
    /// Locks the folder, which is created if it is missing.
    ///
    /// # Errors
    /// If another daemon holds it, or it cannot be written.
    pub fn take(state: &Path) -> Result<Self, StateError> {
        fs::create_dir_all(state).map_err(|reason| StateError::Folder { path: state.to_owned(), reason })?;
        let path = state.join("serve.lock");
        match Lock::take(&path)? {
            Some(lock) => Ok(ServedFolder { url: state.join("url"), _lock: lock }),
            None => Err(StateError::Served { path }),
        }
    }

    /// Writes the daemon's address to the file `url`, for clients of the same user. The file is removed when this is dropped.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn announce(&self, url: &str) -> Result<(), StateError> {
        // Written to another file and renamed, so that a client never reads half an address.
        let aside = self.url.with_file_name(".url");
        let written = fs::write(&aside, format!("{url}\n")).and_then(|()| fs::rename(&aside, &self.url));
        written.map_err(|reason| StateError::Folder { path: self.url.clone(), reason })
    }
}

impl Drop for ServedFolder {
    fn drop(&mut self) {
        // Missing if the daemon ended before `announce`.
        let _ = fs::remove_file(&self.url);
    }
}

/// A locked file.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    /// Locks a file, which is created if it is missing. Returns `None` if another process holds the lock.
    fn take(path: &Path) -> Result<Option<Self>, StateError> {
        let failed = |reason| StateError::Folder { path: path.to_owned(), reason };
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(reason)) => Err(failed(reason)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a hook's command that is just starting inherits the file, and with it the lock, for a moment.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_at_once_whatever_child_process_has_it_open() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let path = state.path().join("lock");
        let lock = Lock::take(&path).expect("the folder is writable").expect("the lock is free");
        let of_a_child = lock.0.try_clone().expect("a file can be opened twice");
        assert!(Lock::take(&path).expect("the folder is writable").is_none());
        drop(lock);
        assert!(Lock::take(&path).expect("the folder is writable").is_some());
        drop(of_a_child);
    }

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
    fn a_folder_has_one_daemon_at_a_time_and_its_address_goes_with_it() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let served = ServedFolder::take(state.path()).expect("the folder is free");
        let refused = ServedFolder::take(state.path()).expect_err("the folder is served");
        assert!(refused.to_string().contains("another `rotewatch serve`"), "{refused}");
        served.announce("http://127.0.0.1:1").expect("the folder is writable");
        assert_eq!(fs::read_to_string(state.path().join("url")).expect("the address"), "http://127.0.0.1:1\n");
        drop(served);
        assert!(!state.path().join("url").exists());
        assert!(ServedFolder::take(state.path()).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let refused = OwnedName::take(file.path(), "digits".parse().expect("a good name")).expect_err("a file is no folder");
        assert!(refused.to_string().contains("--state DIR"), "{refused}");
    }
}
