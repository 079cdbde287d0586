//! The configuration that is in force, for everybody who looks at it while it may change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::Config;

/// How the last reading of the file went; what `rotewatch_config_last_reload_*` show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// Whether the file could be taken as it was.
    pub successful: bool,
    /// When a file could last be taken.
    pub success_at: SystemTime,
}

impl LastReload {
    /// Seconds since 1970 of the last success, as Prometheus counts.
    #[must_use]
    pub fn success_timestamp_seconds(&self) -> f64 {
        let since = self.success_at.duration_since(SystemTime::UNIX_EPOCH);
        // A clock before 1970 is a clock that is not set.
        since.map_or(0.0, |since| since.as_secs_f64())
    }
}

/// The configuration in force.
///
/// Readers take a snapshot and wait for nobody. The one lock here is held for the copy of a [`LastReload`] only.
#[derive(Debug)]
pub struct LiveConfig {
    config: ArcSwap<Config>,
    last_reload: Mutex<LastReload>,
}

impl LiveConfig {
    /// Puts a configuration in force; `now` counts as its first successful reading.
    #[must_use]
    pub fn new(config: Config, now: SystemTime) -> Arc<Self> {
        let last_reload = Mutex::new(LastReload { successful: true, success_at: now });
        Arc::new(Self { config: ArcSwap::from_pointee(config), last_reload })
    }

    /// The configuration as it is now. Keep it for one piece of work (an epoch, a request), then ask again.
    #[must_use]
    pub fn load(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// How the last reading of the file went.
    #[must_use]
    pub fn last_reload(&self) -> LastReload {
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store(&self, config: Config) {
        self.config.store(Arc::new(config));
    }

    /// Notes a reading: when it succeeded, or none if it failed.
    pub(super) fn note_reading(&self, success_at: Option<SystemTime>) {
        let mut last = self.last_reload.lock().unwrap_or_else(PoisonError::into_inner);
        last.successful = success_at.is_some();
        last.success_at = success_at.unwrap_or(last.success_at);
    }
}
