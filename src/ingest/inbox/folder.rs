//! One run's folder: what lies in it, and where it goes once it was taken.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use thiserror::Error;

use super::names::Entry;

/// Where files go that were taken.
pub(super) const DONE: &str = "done";
/// Where files go that could not be.
const QUARANTINE: &str = "quarantine";

/// Why a file's bytes cannot be had.
#[derive(Debug, Error)]
pub(super) enum FileFault {
    /// It was there a moment ago.
    #[error("it is gone")]
    Gone,
    /// A link, a pipe, a folder.
    #[error("it is no regular file; links are not followed")]
    NotRegular,
    /// More bytes than are read.
    #[error("it has {bytes} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
}

/// The files of a folder that the inbox takes, with their names, in order.
pub(super) type Listing = BTreeSet<(Entry, String)>;

/// What lies in a folder. A writer adds files one after the other, in the order in which they are to be taken, while the folder
/// is being read, which may miss some: so it is read twice. Whatever the first reading found was there when the second began,
/// and with it everything that belongs before it; what comes later is left for the next time.
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

/// Whether this is a folder itself, not a link to one.
pub(super) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// The bytes of a regular file of at most `limit` bytes.
pub(super) fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileFault> {
    // Neither a link nor a pipe that takes the file's place after the look at it holds the reader up.
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

/// Moves a file that was taken.
pub(super) fn done(folder: &Path, name: &str) -> io::Result<()> {
    fs::rename(folder.join(name), free_name(&subfolder(folder, DONE)?, name))
}

/// Moves a file that could not be taken, and writes the reason beside it.
pub(super) fn quarantine(folder: &Path, name: &str, reason: &str) -> io::Result<()> {
    let quarantine = subfolder(folder, QUARANTINE)?;
    let moved = free_name(&quarantine, name);
    fs::rename(folder.join(name), &moved)?;
    let mut beside = moved.into_os_string();
    beside.push(".reason.txt");
    // A link of this name is replaced, not written through.
    let _ = fs::remove_file(&beside);
    fs::write(beside, format!("{reason}\n"))
}

/// Gives the folder of what was taken another name, so that those of another attempt do not lie among them.
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

/// The name, or the name with the first number that makes it a new one.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let taken = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    let plain = folder.join(name);
    if !taken(&plain) {
        return plain;
    }
    let mut numbered = (2..).map(|number: u32| folder.join(format!("{name}.{number}")));
    numbered.find(|path| !taken(path)).unwrap_or(plain)
}
