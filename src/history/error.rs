//! Why the history cannot be read or written.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the history cannot be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file cannot be opened, made or renamed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A later release has written the file.
    #[error(
        "{} was written by a later rotewatch (its schema is {found}, this program knows {known}): use that one, or another --state folder",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The number of its schema.
        found: u32,
        /// The newest schema of this program.
        known: u32,
    },
    /// The file belongs to another program.
    #[error("{} is a database of another program: use another --state folder", path.display())]
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
    /// Something else that SQLite says.
    #[error("{}: {source}", path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// What SQLite said of a file.
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

    /// A value that this program would not have written.
    pub(super) fn malformed(path: &std::path::Path, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: path.to_owned(), what: what.into() }
    }

    /// Whether the same may succeed later: what is to be written is worth keeping.
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
