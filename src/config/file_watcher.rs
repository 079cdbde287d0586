//! Change notifications for a file that other programs may write in place, replace by a rename, reach through a swapped
//! symbolic link (as Kubernetes does), or delete and create again.
//!
//! To catch all of these, [`FileWatch`] watches the folder of every link on the path to the file. A notification says only
//! that something may have changed; the caller reads the file to find out what.
//! A [`FolderWatch`] does the same for the entries of some folders.
//! Deliberately absent: folders above those. Swapping one of them is not noticed here, so the caller should also poll the
//! file from time to time. Network file systems make polling necessary anyway.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// The most links that are followed; Linux reports a loop after the same number.
const MAX_LINKS: usize = 40;

/// Why changes to a file cannot be noticed.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system sends no notifications at all, for example because its limit of watches is reached.
    #[error("the system cannot report file changes: {source}")]
    NoNotices {
        /// Why.
        source: notify::Error,
    },
    /// A folder cannot be watched, for example because it is missing.
    #[error("cannot watch the folder {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: notify::Error,
    },
}

/// Watches one file until it is dropped.
pub struct FileWatch {
    file: PathBuf,
    notices: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    /// Whether there are links on the path to the file. If so, a change of any name in a folder may matter.
    linked: Arc<AtomicBool>,
}

impl FileWatch {
    /// Prepares the watch; [`FileWatch::arm`] starts it. `changed` is called on the notifier's thread, often several times
    /// for one change, and must not block.
    ///
    /// # Errors
    /// If the system cannot send notifications.
    pub fn new(file: &Path, changed: impl Fn() + Send + 'static) -> Result<Self, WatchError> {
        let linked = Arc::new(AtomicBool::new(true));
        let any_name_matters = Arc::clone(&linked);
        let name = file.file_name().map(ToOwned::to_owned);
        let notices = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let matters = event.map_or(true, |event| {
                let named = |path: &PathBuf| path.file_name() == name.as_deref();
                // The removal of a folder is reported under the folder's name, so only files with other names can be ignored.
                let elsewhere = !event.paths.is_empty() && !event.paths.iter().any(named) && !is_about_a_folder(&event);
                is_change(event.kind) && (any_name_matters.load(Ordering::Relaxed) || !elsewhere)
            });
            if matters {
                changed();
            }
        })
        .map_err(|source| WatchError::NoNotices { source })?;
        Ok(Self { file: file.to_owned(), notices, folders: BTreeSet::new(), linked })
    }

    /// Watches the folders on the current path to the file. Call it before each read of the file: then every change after
    /// the read is noticed, even if a folder was replaced.
    ///
    /// # Errors
    /// If one of the folders cannot be watched; the others are.
    pub fn arm(&mut self) -> Result<(), WatchError> {
        let (folders, linked) = folders_on_the_way(&self.file);
        self.linked.store(linked, Ordering::Relaxed);
        watch_only(&mut self.notices, &mut self.folders, folders)
    }
}

/// Watches the entries of several folders until it is dropped.
pub struct FolderWatch {
    notices: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
}

impl FolderWatch {
    /// Prepares the watch; [`FolderWatch::keep`] selects the folders. `changed` is called on the notifier's thread and must
    /// not block.
    ///
    /// # Errors
    /// If the system cannot send notifications.
    pub fn new(changed: impl Fn() + Send + 'static) -> Result<Self, WatchError> {
        let notices = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                changed();
            }
        })
        .map_err(|source| WatchError::NoNotices { source })?;
        Ok(Self { notices, folders: BTreeSet::new() })
    }

    /// Watches these folders and no others. Call it before reading them: then every later change is noticed.
    ///
    /// # Errors
    /// If one of the folders cannot be watched; the others are.
    pub fn keep(&mut self, folders: BTreeSet<PathBuf>) -> Result<(), WatchError> {
        watch_only(&mut self.notices, &mut self.folders, folders)
    }
}

/// Replaces the watched folders by the wanted ones. Returns the first error; the other folders are watched all the same.
fn watch_only(
    notices: &mut RecommendedWatcher,
    watched: &mut BTreeSet<PathBuf>,
    wanted: BTreeSet<PathBuf>,
) -> Result<(), WatchError> {
    for gone in watched.difference(&wanted) {
        // Fails for a deleted folder, whose watch ended with it.
        let _ = notices.unwatch(gone);
    }
    let mut failed = None;
    for folder in &wanted {
        // Includes folders that were watched before: the name may now belong to another folder.
        if let Err(source) = notices.watch(folder, RecursiveMode::NonRecursive) {
            failed.get_or_insert(WatchError::Folder { folder: folder.clone(), source });
        }
    }
    *watched = wanted;
    failed.map_or(Ok(()), Err)
}

/// Whether the event can mean changed contents. Reads are events too; reacting to them with a read would never end.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn is_about_a_folder(event: &Event) -> bool {
    use notify::event::{ModifyKind, RemoveKind};
    matches!(event.kind, EventKind::Remove(RemoveKind::Folder | RemoveKind::Other) | EventKind::Modify(ModifyKind::Name(_)))
}

/// The folders of the file and of every link on the path to it, and whether there are links.
fn folders_on_the_way(file: &Path) -> (BTreeSet<PathBuf>, bool) {
    let mut folders = BTreeSet::new();
    let mut step = file.to_owned();
    for links in 0..=MAX_LINKS {
        let folder = match step.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        folders.insert(folder.clone());
        match fs::read_link(&step) {
            Ok(target) => step = folder.join(target),
            Err(_) => return (folders, links > 0),
        }
    }
    (folders, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, bounded};
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(10);
    const QUIET: Duration = Duration::from_millis(150);

    fn watch(file: &Path) -> (FileWatch, Receiver<()>) {
        let (sender, notices) = bounded(1);
        let mut watch = FileWatch::new(file, move || _ = sender.try_send(())).unwrap();
        watch.arm().unwrap();
        (watch, notices)
    }

    fn settle(notices: &Receiver<()>) {
        while notices.recv_timeout(QUIET).is_ok() {}
    }

    #[test]
    fn writing_renaming_and_deleting_are_noticed_and_reading_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        let (_watch, notices) = watch(&file);
        fs::write(&file, "1").unwrap();
        notices.recv_timeout(SOON).expect("created");
        settle(&notices);
        let other = folder.path().join("a.yaml~");
        fs::write(&other, "2").unwrap();
        settle(&notices);
        fs::rename(&other, &file).unwrap();
        notices.recv_timeout(SOON).expect("renamed over");
        settle(&notices);
        assert_eq!(fs::read_to_string(&file).unwrap(), "2");
        assert!(notices.recv_timeout(QUIET).is_err(), "reading counted as a change");
        fs::remove_file(&file).unwrap();
        notices.recv_timeout(SOON).expect("deleted");
    }

    #[test]
    fn other_files_of_the_folder_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let (_watch, notices) = watch(&folder.path().join("a.yaml"));
        fs::write(folder.path().join("history.sqlite"), "1").unwrap();
        assert!(notices.recv_timeout(QUIET).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn every_link_on_the_way_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("data")).unwrap();
        fs::create_dir(at("links")).unwrap();
        fs::write(at("data/real.yaml"), "1").unwrap();
        std::os::unix::fs::symlink("../data/real.yaml", at("links/a.yaml")).unwrap();
        let (_watch, notices) = watch(&at("links/a.yaml"));
        settle(&notices);
        fs::write(at("data/real.yaml"), "2").unwrap();
        notices.recv_timeout(SOON).expect("the file behind the link");
        settle(&notices);
        fs::remove_file(at("links/a.yaml")).unwrap();
        notices.recv_timeout(SOON).expect("the link itself");
    }

    #[test]
    fn a_folder_that_comes_back_is_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("conf");
        fs::create_dir(&inner).unwrap();
        let file = inner.join("a.yaml");
        let (mut watch, notices) = watch(&file);
        fs::remove_dir(&inner).unwrap();
        notices.recv_timeout(SOON).expect("the folder is gone");
        settle(&notices);
        assert!(matches!(watch.arm(), Err(WatchError::Folder { .. })));
        fs::create_dir(&inner).unwrap();
        watch.arm().unwrap();
        settle(&notices);
        fs::write(&file, "1").unwrap();
        notices.recv_timeout(SOON).expect("watched again");
    }

    #[test]
    fn a_bare_name_is_in_the_current_folder() {
        let (folders, linked) = folders_on_the_way(Path::new("no-such-file.yaml"));
        assert_eq!((folders, linked), (BTreeSet::from([PathBuf::from(".")]), false));
    }
}
