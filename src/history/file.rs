//! The database file: opens it, and renames a damaged one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, schema};
use rotewatch_core::vocabulary::clock::unix_seconds;

/// The name of the file in the state folder.
pub(super) const FILE: &str = "history.sqlite";
/// How long one process waits for another that writes.
const BUSY: Duration = Duration::from_secs(5);
/// A file up to this size is checked when it is opened. In a larger one, damage is found only when it is read.
const LOOKED_THROUGH_BYTES: u64 = 64 << 20;
/// Bytes of a page: SQLite's default.
const PAGE_BYTES: u64 = 4096;
/// The write-ahead log is truncated to this size.
const LOG_BYTES: u64 = 16 << 20;

/// A file that is open for writing.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) connection: Connection,
    /// Identifies the file, since another process may have renamed it.
    inode: u64,
}

/// Opens the history for writing. Creates it if it is missing, and migrates an older one to the newest schema. It grows to at most
/// `most_bytes`.
///
/// # Errors
/// See [`StoreError`]; after [`StoreError::Damaged`], call [`set_aside`].
pub(super) fn open(path: &Path, most_bytes: u64) -> Result<OpenFile, StoreError> {
    let connection = connect(path)?;
    schema::checked_version(&connection, path)?;
    look_through(&connection, path)?;
    let pages = (most_bytes / PAGE_BYTES) as i64;
    connection.pragma_update(None, "max_page_count", pages).map_err(StoreError::sql(path))?;
    set_up(connection, path)
}

/// Opens the history for an occasional change, beside the writer, which has checked it and limits its size.
///
/// # Errors
/// See [`StoreError`].
pub(super) fn open_beside(path: &Path) -> Result<OpenFile, StoreError> {
    let connection = connect(path)?;
    schema::checked_version(&connection, path)?;
    set_up(connection, path)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let sql = StoreError::sql(path);
    let connection = Connection::open(path).map_err(&sql)?;
    connection.busy_timeout(BUSY).map_err(&sql)?;
    Ok(connection)
}

fn set_up(mut connection: Connection, path: &Path) -> Result<OpenFile, StoreError> {
    let sql = StoreError::sql(path);
    connection.pragma_update(None, "journal_mode", "wal").map_err(&sql)?;
    // A commit is on the disk when it returns, so acknowledged epochs survive a power loss, too.
    connection.pragma_update(None, "synchronous", "full").map_err(&sql)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(&sql)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES as i64).map_err(&sql)?;
    schema::migrate(&mut connection, path)?;
    let inode = inode(path).ok_or_else(|| StoreError::File { path: path.to_owned(), source: io::ErrorKind::NotFound.into() })?;
    Ok(OpenFile { connection, inode })
}

/// Opens the history for reading, and returns it with the number of its schema; `None` if there is no history.
///
/// # Errors
/// See [`StoreError`].
pub(super) fn open_to_read(path: &Path) -> Result<Option<(Connection, u32)>, StoreError> {
    let sql = StoreError::sql(path);
    if !path.try_exists().map_err(|source| StoreError::File { path: path.to_owned(), source })? {
        return Ok(None);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(&sql)?;
    connection.busy_timeout(BUSY).map_err(&sql)?;
    // A writer may be about to create the tables.
    let version = schema::checked_version(&connection, path)?;
    Ok((version > 0).then_some((connection, version)))
}

impl OpenFile {
    /// Returns whether the file is still the one at `path`.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        inode(path) == Some(self.inode)
    }
}

/// Renames a damaged file, and its log files, to `history.sqlite.corrupt-SECONDS`. Returns `None` if another process was faster.
///
/// # Errors
/// If it cannot be renamed.
pub(super) fn set_aside(path: &Path, damaged: Option<&OpenFile>) -> Result<Option<PathBuf>, StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    let lock = File::create(path.with_file_name("history.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if damaged.is_some_and(|file| !file.is_at(path)) {
        return Ok(None);
    }
    let stem = format!("{FILE}.corrupt-{:.0}", unix_seconds());
    let mut aside = path.with_file_name(&stem);
    let mut nth = 1;
    while aside.exists() {
        nth += 1;
        aside = path.with_file_name(format!("{stem}-{nth}"));
    }
    for suffix in ["", "-wal", "-shm"] {
        let with_suffix = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        match fs::rename(with_suffix(path), with_suffix(&aside)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.map_err(failed)?,
        }
    }
    Ok(Some(aside))
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.ino())
}

fn look_through(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LOOKED_THROUGH_BYTES) {
        return Ok(());
    }
    let says: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(StoreError::sql(path))?;
    if says == "ok" { Ok(()) } else { Err(StoreError::malformed(path, says)) }
}
