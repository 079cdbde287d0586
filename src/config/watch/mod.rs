//! The thread that reads the file again when it changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, bounded, select};

use super::Config;
use super::live::LiveConfig;
use super::reload::{Occasion, Reloader, Wiring};
use crate::config::file_watcher::FileWatch;

/// Nobody has written for so long: the file is whole. Editors write within a few milliseconds.
const QUIET: Duration = Duration::from_millis(100);
/// A file that never comes to rest is read nevertheless, so often.
const PATIENCE: Duration = Duration::from_secs(1);
/// Without any notice the file is looked at so often: some file systems give none.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// The same while a folder on the way to it is missing, or the system has no watches left.
const LOOK_FOR_FOLDER: Duration = Duration::from_secs(1);

/// Keeps a [`LiveConfig`] in step with its file until it is dropped, which waits for the thread's end.
#[derive(Debug)]
pub struct ConfigWatcher {
    reloader: Arc<Reloader>,
    live: Arc<LiveConfig>,
    /// Dropped to end the thread.
    closing: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ConfigWatcher {
    /// Starts the thread `config-watch`. `initial` is in force from the start, with flags and environment laid over it; the
    /// file at `path` is read once more at once, so that nothing is missed in between.
    ///
    /// # Errors
    /// If no thread can be started. Missing notices are no error: they are logged, and the file is looked at every second.
    pub fn start(path: &Path, initial: Config, wiring: Wiring) -> io::Result<Self> {
        let live = LiveConfig::new(initial, (wiring.now)());
        let reloader = Arc::new(Reloader::new(path.to_owned(), wiring, Arc::clone(&live)));
        let (closing, closed) = bounded(0);
        let watched = Watched { path: path.to_owned(), reloader: Arc::clone(&reloader), closed };
        let thread = thread::Builder::new().name("config-watch".to_owned()).spawn(move || watched.run())?;
        Ok(Self { reloader, live, closing: Some(closing), thread: Some(thread) })
    }

    /// The configuration in force.
    #[must_use]
    pub fn live(&self) -> Arc<LiveConfig> {
        Arc::clone(&self.live)
    }

    /// What reads the file at once when asked; outlives the watcher.
    #[must_use]
    pub fn reloader(&self) -> Arc<Reloader> {
        Arc::clone(&self.reloader)
    }

    /// Ends the thread and waits for it, as dropping does.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for ConfigWatcher {
    fn drop(&mut self) {
        drop(self.closing.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread config-watch ended in a panic");
        }
    }
}

/// What the thread owns.
struct Watched {
    path: PathBuf,
    reloader: Arc<Reloader>,
    closed: Receiver<()>,
}

impl Watched {
    /// Arm, read, wait for a notice, wait for quiet, and again; arming comes first so that no change falls in between.
    fn run(self) {
        // One place is enough: a notice says only that there is something to look at.
        let (notice, notices) = bounded(1);
        // A channel without a sender would always be ready; this one keeps it open when the watch has none to hold.
        let _open = notice.clone();
        let mut watch = FileWatch::new(&self.path, move || {
            // Full: there is a notice already.
            let _ = notice.try_send(());
        });
        if let Err(error) = &watch {
            tracing::warn!("{error}; {} is looked at every {} s", self.path.display(), LOOK_FOR_FOLDER.as_secs());
        }
        let mut occasion = Occasion::Settled;
        loop {
            let armed = watch.as_mut().is_ok_and(|watch| watch.arm().is_ok());
            let result = self.reloader.read_again(occasion);
            let doubtful = result.is_err() && occasion == Occasion::Unsettled;
            let wait = if doubtful {
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
            let Some(settled) = self.settled(&notices) else { return };
            // Wrong twice without a pause is wrong.
            occasion = if settled || doubtful { Occasion::Settled } else { Occasion::Unsettled };
        }
    }

    /// Waits until nobody writes: whether that came about before patience ran out, and none when closed.
    fn settled(&self, notices: &Receiver<()>) -> Option<bool> {
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

#[cfg(test)]
mod tests;
