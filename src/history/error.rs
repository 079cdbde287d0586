//! Errors of the history.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the history cannot be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file cannot be opened, created or renamed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file was written by a later release.
    #[error(
        "{} was written by a later version of rotewatch (schema {found}; this version supports up to {known}): use that version, or another --state folder",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The number of its schema.
        found: u32,
        /// The newest schema that this program supports.
        known: u32,
    },
    /// The file belongs to another program.
    #[error("{} is the database of another program: use another --state folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file's contents are damaged.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file has reached `history.bytes`, or the disk is full.
    #[error("{} cannot grow: the disk is full, or the file has reached history.bytes", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another error of SQLite.
    #[error("{}: {source}", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// Converts an error of SQLite for a file.
    pub(super) fn sql(path: &std::path::Path) -> impl Fn(rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        move |source| match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { path: path.clone(), what: source.to_string() }
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path: path.clone() },
            _ => StoreError::Sql { path: path.clone(), source },
        }
    }

    /// The error for a value that this program would not have written.
    pub(super) fn malformed(path: &std::path::Path, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// Returns whether the same write may succeed later, so that the entries are kept.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            StoreError::Sql { source, .. } => !matches!(
                source.sqlite_error_code(),
                None | Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig | ErrorCode::Unknown)
            ),
            _ => true,
        }
    }
}
