//! Change notifications for a file that other programs may write in place, replace by a rename, reach through a swapped
//! symbolic link (as Kubernetes does), or delete and create again.
//!
//! So it is not the file that is watched but the folder of every step on the way to it. What happened is not told, only that
//! something may have: whoever wants to know reads the file.
//! A [`Follower`] reads whenever there is notice. A [`FolderWatch`] does the same for whatever comes into some folders.
//! Deliberately absent: folders above those. Swapping one of them goes unnoticed here, so a reader should also look by
//! itself now and then, as network file systems make necessary anyway.

mod follower;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

pub use follower::{Follower, Reading};

/// Links that are followed, as many as Linux does before it calls them a loop.
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

/// The watch over some files; it ends when this is dropped.
pub struct FileWatch {
    notices: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    /// The files' names; `None` where links lead to one, so that any name in a folder may matter.
    names: Arc<ArcSwapOption<BTreeSet<OsString>>>,
}

impl FileWatch {
    /// Prepares the watch; [`FileWatch::arm`] says over what. `changed` is called on the notifier's thread, often several times
    /// for one change, and must not wait.
    ///
    /// # Errors
    /// If the system gives no notices.
    pub fn new(changed: impl Fn() + Send + 'static) -> Result<Self, WatchError> {
        let names = Arc::new(ArcSwapOption::empty());
        let matter = Arc::clone(&names);
        let notices = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let matters = event.map_or(true, |event| {
                let any = |names: &BTreeSet<OsString>| {
                    event.paths.iter().filter_map(|path| path.file_name()).any(|name| names.contains(name))
                };
                // A folder's own end comes under the folder's name, so only files of other names can be passed over.
                let may_be_one = event.paths.is_empty() || is_about_a_folder(&event) || matter.load().as_deref().is_none_or(any);
                is_change(event.kind) && may_be_one
            });
            if matters {
                changed();
            }
        })
        .map_err(|source| WatchError::NoNotices { source })?;
        Ok(Self { notices, folders: BTreeSet::new(), names })
    }

    /// Watches the folders on the way to the files as they are now, and no others. To be called before each reading of the files:
    /// then whatever happens after the reading is noticed, even where a folder was replaced.
    ///
    /// # Errors
    /// If one of the folders cannot be watched; the others are.
    pub fn arm(&mut self, files: &BTreeSet<PathBuf>) -> Result<(), WatchError> {
        let (mut folders, mut any_linked) = (BTreeSet::new(), false);
        for file in files {
            let (on_the_way, linked) = folders_on_the_way(file);
            folders.extend(on_the_way);
            any_linked |= linked;
        }
        let names = || files.iter().filter_map(|file| file.file_name()).map(ToOwned::to_owned).collect();
        self.names.store((!any_linked).then(|| Arc::new(names())));
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
        let mut watch = FileWatch::new(move || _ = sender.try_send(())).unwrap();
        watch.arm(&BTreeSet::from([file.to_owned()])).unwrap();
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
        let (mut watch, notices) = watch(&folder.path().join("a.yaml"));
        fs::write(folder.path().join("history.sqlite"), "1").unwrap();
        assert!(notices.recv_timeout(QUIET).is_err());
        watch.arm(&["a.yaml", "b.yaml"].map(|name| folder.path().join(name)).into()).unwrap();
        fs::write(folder.path().join("history.sqlite"), "2").unwrap();
        assert!(notices.recv_timeout(QUIET).is_err());
        fs::write(folder.path().join("b.yaml"), "1").unwrap();
        notices.recv_timeout(SOON).expect("one of two");
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
        let files = BTreeSet::from([file.clone()]);
        assert!(matches!(watch.arm(&files), Err(WatchError::Folder { .. })));
        fs::create_dir(&inner).unwrap();
        watch.arm(&files).unwrap();
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
