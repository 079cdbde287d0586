//! Reloads the file. Either all of it is applied, or nothing.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Config;
use super::diff::Change;
use super::live::LiveConfig;
use super::mistake::ConfigError;
use super::reader::read_text;
use super::section::Acts;

/// The functions that a reload calls.
pub struct Wiring {
    /// Applies flags and the environment over the file, so that they keep precedence after each reload.
    pub overlay: Box<dyn Fn(&mut Config) + Send + Sync>,
    /// Called with every new configuration after the first. Must not request a reload itself.
    pub on_change: Box<dyn Fn(&Config) + Send + Sync>,
    /// The current time.
    pub now: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl fmt::Debug for Wiring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Wiring").finish_non_exhaustive()
    }
}

/// The result of a successful reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The file equals the current configuration.
    Unchanged,
    /// These keys changed.
    Applied(Vec<Change>),
}

/// The reason for a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A user requested it.
    Asked,
    /// The file may have changed, and is no longer being written.
    Settled,
    /// The file keeps changing. A mistake may mean that it is half written.
    Unsettled,
}

/// Reloads the file. A lock ensures that only one reload runs at a time.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    wiring: Wiring,
    live: Arc<LiveConfig>,
    judged: Mutex<Option<Contents>>,
}

/// What a read of the file found, to tell whether it differs from the last read.
#[derive(Debug, PartialEq, Eq)]
enum Contents {
    Text(String),
    Unreadable(io::ErrorKind),
    NotText,
}

impl Reloader {
    pub(super) fn new(path: PathBuf, wiring: Wiring, live: Arc<LiveConfig>) -> Self {
        Self { path, wiring, live, judged: Mutex::new(None) }
    }

    /// Reloads the file at once, changed or not: for SIGHUP and `POST /-/reload`.
    ///
    /// A mistake is logged only once, but always returned to the caller.
    ///
    /// # Errors
    /// The reason why the old configuration stays in use.
    pub fn reload_now(&self) -> Result<Reloaded, ConfigError> {
        self.read_again(Occasion::Asked)
    }

    /// Reads the file, and applies it unless the same contents were handled before.
    pub(super) fn read_again(&self, occasion: Occasion) -> Result<Reloaded, ConfigError> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read_text(&self.path);
        let contents = match &read {
            Ok(text) => Contents::Text(text.clone()),
            Err(ConfigError::Unreadable { source, .. }) => Contents::Unreadable(source.kind()),
            Err(_) => Contents::NotText,
        };
        let news = judged.as_ref() != Some(&contents);
        if !news && occasion != Occasion::Asked {
            return Ok(Reloaded::Unchanged);
        }
        let result = read.and_then(|text| self.take(&text));
        if result.is_err() && occasion == Occasion::Unsettled {
            return result;
        }
        *judged = Some(contents);
        let was_right = self.live.last_reload().successful;
        self.live.note_reading(result.is_ok().then(|| (self.wiring.now)()));
        // Last, so that `on_change` sees the final state and the messages below are logged at the new level.
        if matches!(result, Ok(Reloaded::Applied(_))) {
            (self.wiring.on_change)(&self.live.load());
        }
        self.tell(&result, news, was_right);
        result
    }

    /// Applies a text, or returns why it cannot be applied.
    fn take(&self, text: &str) -> Result<Reloaded, ConfigError> {
        let origin = self.path.display().to_string();
        // An empty file is valid and means the defaults, but a file that is just being written looks the same.
        if text.trim().is_empty() {
            return Err(ConfigError::Emptied { origin });
        }
        let mut next = Config::parse(text, &origin)?;
        (self.wiring.overlay)(&mut next);
        let next = next.checked(&format!("{origin} with flags and environment"))?;
        let changes = self.live.load().changes(&next);
        let refused: Vec<Change> = changes.iter().filter(|change| change.acts == Acts::AfterRestart).cloned().collect();
        if !refused.is_empty() {
            return Err(ConfigError::NeedsRestart { origin, changes: refused });
        }
        if changes.is_empty() {
            return Ok(Reloaded::Unchanged);
        }
        for warning in next.warnings() {
            tracing::warn!("{origin}: {warning}");
        }
        self.live.store(next);
        Ok(Reloaded::Applied(changes))
    }

    fn tell(&self, result: &Result<Reloaded, ConfigError>, news: bool, was_right: bool) {
        let file = self.path.display();
        match result {
            Ok(Reloaded::Applied(changes)) => {
                for change in changes {
                    tracing::info!("{file}: changed {change}");
                }
            }
            Ok(Reloaded::Unchanged) if !was_right => {
                tracing::info!("{file}: valid again; the configuration did not change");
            }
            Err(error) if news => {
                for line in error.to_string().lines() {
                    tracing::warn!("the old configuration stays in use: {line}");
                }
            }
            Ok(Reloaded::Unchanged) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
