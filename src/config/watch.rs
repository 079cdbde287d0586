//! The thread that reads the file again when it changes.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Config;
use super::live::LiveConfig;
use super::reload::{Occasion, Reloader, Wiring};
use crate::watch::{Follower, Reading};

/// Keeps a [`LiveConfig`] in step with its file until it is dropped, which waits for the thread's end.
#[derive(Debug)]
pub struct ConfigWatcher {
    reloader: Arc<Reloader>,
    live: Arc<LiveConfig>,
    _follower: Follower,
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
        let (reads, files) = (Arc::clone(&reloader), BTreeSet::from([path.to_owned()]));
        let reading = files.clone();
        let follower = Follower::start("config-watch", files, move |settled| {
            let occasion = if settled { Occasion::Settled } else { Occasion::Unsettled };
            Reading { sound: reads.read_again(occasion).is_ok(), files: reading.clone() }
        })?;
        Ok(Self { reloader, live, _follower: follower })
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

#[cfg(test)]
mod tests;
