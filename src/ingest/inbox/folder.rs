//! The folder of one run: lists its files, reads them, and moves them after they were processed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use thiserror::Error;

use super::names::Entry;

/// Subfolder for files that were accepted.
pub(super) const DONE: &str = "done";
/// Subfolder for files that were refused.
const QUARANTINE: &str = "quarantine";

/// An error when reading a file.
#[derive(Debug, Error)]
pub(super) enum FileFault {
    /// It was removed after it was listed.
    #[error("the file is gone")]
    Gone,
    /// It is a link, a pipe or a folder.
    #[error("not a regular file; links are not followed")]
    NotRegular,
    /// It is too large.
    #[error("the file has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It cannot be read.
    #[error("cannot read the file: {0}")]
    Unreadable(#[source] io::Error),
}

/// The files of a folder that belong to the inbox, with their names, in order.
pub(super) type Listing = BTreeSet<(Entry, String)>;

/// Lists a folder. A writer may add files, in their order, while the folder is being read, and a single reading may miss some of
/// them. So the folder is read twice. All files that the first reading found, and all files before them, exist when the second
/// reading begins. Later files are left for the next time.
pub(super) fn listing(folder: &Path) -> io::Result<Listing> {
    let first = entries(folder)?;
    let mut second = entries(folder)?;
    second.retain(|entry| first.last().is_some_and(|last| entry <= last));
    Ok(second)
}

fn entries(folder: &Path) -> io::Result<Listing> {
    let mut listing = Listing::new();
    for entry in fs::read_dir(folder)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if let Some(entry) = Entry::of(&name) {
            listing.insert((entry, name));
        }
    }
    Ok(listing)
}

/// Returns whether this is a folder, and not a link to one.
pub(super) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Reads a regular file of at most `limit` bytes.
pub(super) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileFault> {
    // The flags keep a link or a pipe that replaces the file after the check from being followed, or from blocking.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let described = fs::symlink_metadata(path).map_err(unreadable)?;
    if !described.is_file() {
        return Err(FileFault::NotRegular);
    }
    let file = File::options().read(true).custom_flags(flags.cast_signed()).open(path).map_err(unreadable)?;
    let described = file.metadata().map_err(unreadable)?;
    if !described.is_file() {
        return Err(FileFault::NotRegular);
    }
    if described.len() > limit {
        return Err(FileFault::TooLarge { bytes: described.len(), limit });
    }
    let mut bytes = Vec::with_capacity(described.len() as usize);
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn unreadable(fault: io::Error) -> FileFault {
    if fault.kind() == io::ErrorKind::NotFound { FileFault::Gone } else { FileFault::Unreadable(fault) }
}

/// Moves a file that was accepted to `done`.
pub(super) fn done(folder: &Path, name: &str) -> io::Result<()> {
    fs::rename(folder.join(name), free_name(&subfolder(folder, DONE)?, name))
}

/// Moves a refused file to `quarantine`, and writes the reason beside it.
pub(super) fn quarantine(folder: &Path, name: &str, reason: &str) -> io::Result<()> {
    let quarantine = subfolder(folder, QUARANTINE)?;
    let moved = free_name(&quarantine, name);
    fs::rename(folder.join(name), &moved)?;
    let mut beside = moved.into_os_string();
    beside.push(".reason.txt");
    // A link with this name is replaced, not followed.
    let _ = fs::remove_file(&beside);
    fs::write(beside, format!("{reason}\n"))
}

/// Renames the `done` folder, so that it does not mix the files of two attempts.
pub(super) fn set_done_aside(folder: &Path) -> io::Result<()> {
    let done = folder.join(DONE);
    if is_folder(&done) { fs::rename(&done, free_name(folder, DONE)) } else { Ok(()) }
}

fn subfolder(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let path = folder.join(name);
    match fs::create_dir(&path) {
        Err(_) if is_folder(&path) => Ok(path),
        made => made.map(|()| path),
    }
}

/// Returns the name, or the name with the first number that makes it unique.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let taken = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    let plain = folder.join(name);
    if !taken(&plain) {
        return plain;
    }
    let mut numbered = (2..).map(|number: u32| folder.join(format!("{name}.{number}")));
    numbered.find(|path| !taken(path)).unwrap_or(plain)
}
