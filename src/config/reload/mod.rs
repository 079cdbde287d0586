//! Reading the file again: all of it is taken, or nothing.

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

/// What the program adds to a configuration file.
pub struct Wiring {
    /// Lays flags and the environment over what a file says, so that they win again after each reading.
    pub overlay: Box<dyn Fn(&mut Config) + Send + Sync>,
    /// Told of every configuration that comes into force after the first; must not ask for a reload itself.
    pub on_change: Box<dyn Fn(&Config) + Send + Sync>,
    /// What time it is.
    pub now: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

impl fmt::Debug for Wiring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Wiring").finish_non_exhaustive()
    }
}

/// What a successful reading did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The file says what is in force already.
    Unchanged,
    /// These keys changed.
    Applied(Vec<Change>),
}

/// Why the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Somebody asked for it.
    Asked,
    /// It may have changed, and nobody is writing any more.
    Settled,
    /// It changes without a pause; if it is wrong, it may be half written.
    Unsettled,
}

/// Reads the file again, one reading at a time: a lock is held meanwhile.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    wiring: Wiring,
    live: Arc<LiveConfig>,
    judged: Mutex<Option<Contents>>,
}

/// What was found where the file should be, as far as it matters for telling whether it is news.
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

    /// Reads the file at once, changed or not: for SIGHUP and `POST /-/reload`.
    ///
    /// What is wrong is logged if it is news; who asked is told in any case.
    ///
    /// # Errors
    /// Why the old configuration stays.
    pub fn reload_now(&self) -> Result<Reloaded, ConfigError> {
        self.read_again(Occasion::Asked)
    }

    /// Reads the file, and judges it unless it was judged before.
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
        // Last, so that an observer finds everything as it will stay, and what is told is told at the new level.
        if matches!(result, Ok(Reloaded::Applied(_))) {
            (self.wiring.on_change)(&self.live.load());
        }
        self.tell(&result, news, was_right);
        result
    }

    /// Puts a text in force, or says why not.
    fn take(&self, text: &str) -> Result<Reloaded, ConfigError> {
        let origin = self.path.display().to_string();
        // It would be valid and mean the defaults, but it is what a file looks like that is just being written.
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
                tracing::info!("{file}: right again, and as before");
            }
            Err(error) if news => {
                for line in error.to_string().lines() {
                    tracing::warn!("the old configuration stays: {line}");
                }
            }
            Ok(Reloaded::Unchanged) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
