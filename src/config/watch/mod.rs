//! The thread that reloads the file when it changes.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Config;
use super::live::LiveConfig;
use super::reload::{Occasion, Reloader, Wiring};
use crate::config::file_watcher::{Follower, Reading};

/// Keeps a [`LiveConfig`] up to date with its file. Dropping it waits for the thread to end.
#[derive(Debug)]
pub struct ConfigWatcher {
    reloader: Arc<Reloader>,
    live: Arc<LiveConfig>,
    _follower: Follower,
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
        let (reads, files) = (Arc::clone(&reloader), BTreeSet::from([path.to_owned()]));
        let reading = files.clone();
        let follower = Follower::start("config-watch", files, move |settled| {
            let occasion = if settled { Occasion::Settled } else { Occasion::Unsettled };
            Reading { sound: reads.read_again(occasion).is_ok(), files: reading.clone() }
        })?;
        Ok(Self { reloader, live, _follower: follower })
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

#[cfg(test)]
mod tests;
