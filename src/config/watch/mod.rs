//! The thread that reloads the file when it changes.

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

/// If the file did not change for this long, it is complete. Editors write within a few milliseconds.
const QUIET: Duration = Duration::from_millis(100);
/// A file that keeps changing is read at this interval nevertheless.
const PATIENCE: Duration = Duration::from_secs(1);
/// The polling interval without notifications; some file systems send none.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// The polling interval while a folder on the path is missing, or the system has no watches left.
const LOOK_FOR_FOLDER: Duration = Duration::from_secs(1);

/// Keeps a [`LiveConfig`] up to date with its file. Dropping it waits for the thread to end.
#[derive(Debug)]
pub struct ConfigWatcher {
    reloader: Arc<Reloader>,
    live: Arc<LiveConfig>,
    /// Dropped to end the thread.
    closing: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ConfigWatcher {
    /// Starts the thread `config-watch`. `initial` is used from the start and already includes flags and environment; the file
    /// at `path` is read again at once, so that no change in between is missed.
    ///
    /// # Errors
    /// If the thread cannot be started. If the system cannot send notifications, this is logged and the file is polled every
    /// second.
    pub fn start(path: &Path, initial: Config, wiring: Wiring) -> io::Result<Self> {
        let live = LiveConfig::new(initial, (wiring.now)());
        let reloader = Arc::new(Reloader::new(path.to_owned(), wiring, Arc::clone(&live)));
        let (closing, closed) = bounded(0);
        let watched = Watched { path: path.to_owned(), reloader: Arc::clone(&reloader), closed };
        let thread = thread::Builder::new().name("config-watch".to_owned()).spawn(move || watched.run())?;
        Ok(Self { reloader, live, closing: Some(closing), thread: Some(thread) })
    }

    /// The current configuration.
    #[must_use]
    pub fn live(&self) -> Arc<LiveConfig> {
        Arc::clone(&self.live)
    }

    /// Reloads the file on request. It may outlive the watcher.
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
            tracing::error!("the config-watch thread panicked");
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
    /// Repeats: arm the watch, read, wait for a notification, wait until the file is quiet. Arming comes before reading, so that
    /// no change is missed in between.
    fn run(self) {
        // Capacity 1 is enough: a notification says only that something may have changed.
        let (notice, notices) = bounded(1);
        // A channel without senders is always ready. This sender keeps it open if the watch could not be created.
        let _open = notice.clone();
        let mut watch = FileWatch::new(&self.path, move || {
            // If full, a notification is already pending.
            let _ = notice.try_send(());
        });
        if let Err(error) = &watch {
            tracing::warn!("{error}; checking {} every {} s instead", self.path.display(), LOOK_FOR_FOLDER.as_secs());
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
            // A file that is wrong twice in a row is not just half written.
            occasion = if settled || doubtful { Occasion::Settled } else { Occasion::Unsettled };
        }
    }

    /// Waits until the file is quiet. Returns whether that happened in time; `None` if the watcher is closed.
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
