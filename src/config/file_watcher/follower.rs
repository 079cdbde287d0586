//! A thread that reads files again when they change.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, bounded, select};

use super::FileWatch;

/// Nobody has written for so long: the files are whole. Editors write within a few milliseconds.
const QUIET: Duration = Duration::from_millis(100);
/// Files that never come to rest are read nevertheless, so often.
const PATIENCE: Duration = Duration::from_secs(1);
/// Without any notice they are looked at so often: some file systems give none.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// The same while a folder on the way to one is missing, or the system has no watches left.
const LOOK_FOR_FOLDER: Duration = Duration::from_secs(1);

/// What came of a reading.
#[derive(Debug)]
pub struct Reading {
    /// Whether it can be used. What cannot, and changes without a pause, may be half written, and is read again.
    pub sound: bool,
    /// Every file that it hangs on.
    pub files: BTreeSet<PathBuf>,
}

/// Reads files again when they may have changed, until this is dropped, which waits for the thread's end.
#[derive(Debug)]
pub struct Follower {
    name: &'static str,
    /// Dropped to end the thread.
    closing: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts the thread. It calls `read` at once, so that nothing is missed that has changed meanwhile, and then whenever one of the files may
    /// have changed, with whether they have come to rest.
    ///
    /// # Errors
    /// If no thread can be started. Missing notices are no error: they are logged, and the files are looked at every second.
    pub fn start(
        name: &'static str,
        files: BTreeSet<PathBuf>,
        read: impl FnMut(bool) -> Reading + Send + 'static,
    ) -> io::Result<Self> {
        let (closing, closed) = bounded(0);
        let followed = Followed { files, read, closed };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || followed.run())?;
        Ok(Self { name, closing: Some(closing), thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.closing.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread {} ended in a panic", self.name);
        }
    }
}

/// What the thread owns.
struct Followed<R> {
    files: BTreeSet<PathBuf>,
    read: R,
    closed: Receiver<()>,
}

impl<R: FnMut(bool) -> Reading> Followed<R> {
    /// Arm, read, wait for a notice, wait for quiet, and again; arming comes first so that no change falls in between.
    fn run(mut self) {
        // One place is enough: a notice says only that there is something to look at.
        let (notice, notices) = bounded(1);
        // A channel without a sender would always be ready; this one keeps it open when the watch has none to hold.
        let _open = notice.clone();
        let mut watch = FileWatch::new(move || {
            // Full: there is a notice already.
            let _ = notice.try_send(());
        });
        if let Err(error) = &watch {
            let files: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
            tracing::warn!("{error}; {} is looked at every {} s", files.join(", "), LOOK_FOR_FOLDER.as_secs());
        }
        let mut settled = true;
        loop {
            let armed = watch.as_mut().is_ok_and(|watch| watch.arm(&self.files).is_ok());
            let Reading { sound, files } = (self.read)(settled);
            // Those that are new to the watch may have changed before it knew of them.
            let unwatched = !files.is_subset(&self.files);
            self.files = files;
            let doubtful = !sound && !settled;
            let wait = if unwatched {
                Duration::ZERO
            } else if doubtful {
                QUIET
            } else if armed {
                LOOK_ANYWAY
            } else {
                LOOK_FOR_FOLDER
            };
            select! {
                recv(self.closed) -> _ => return,
                recv(notices) -> _ => {}
                default(wait) => {}
            }
            let Some(at_rest) = self.at_rest(&notices) else { return };
            // Wrong twice without a pause is wrong.
            settled = at_rest || doubtful;
        }
    }

    /// Waits until nobody writes: whether that came about before patience ran out, and none when closed.
    fn at_rest(&self, notices: &Receiver<()>) -> Option<bool> {
        let patience = after(PATIENCE);
        loop {
            select! {
                recv(self.closed) -> _ => return None,
                recv(patience) -> _ => return Some(false),
                recv(notices) -> _ => {}
                default(QUIET) => return Some(true),
            }
        }
    }
}
