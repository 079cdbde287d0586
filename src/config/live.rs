//! The current configuration, shared by all parts while it may change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::Config;

/// The result of the last read of the file, shown by `rotewatch_config_last_reload_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// Whether the file was valid and applied.
    pub successful: bool,
    /// The time of the last success.
    pub success_at: SystemTime,
}

impl LastReload {
    /// The time of the last success in seconds since 1970, as Prometheus expects it.
    #[must_use]
    pub fn success_timestamp_seconds(&self) -> f64 {
        let since = self.success_at.duration_since(SystemTime::UNIX_EPOCH);
        // A clock before 1970 is not set.
        since.map_or(0.0, |since| since.as_secs_f64())
    }
}

/// The current configuration.
///
/// Readers take a snapshot without waiting. The only lock is held just long enough to copy a [`LastReload`].
#[derive(Debug)]
pub struct LiveConfig {
    config: ArcSwap<Config>,
    last_reload: Mutex<LastReload>,
}

impl LiveConfig {
    /// Starts with a configuration; `now` counts as its first successful read.
    #[must_use]
    pub fn new(config: Config, now: SystemTime) -> Arc<Self> {
        let last_reload = Mutex::new(LastReload { successful: true, success_at: now });
        Arc::new(Self { config: ArcSwap::from_pointee(config), last_reload })
    }

    /// The current configuration. Use it for one unit of work (an epoch, a request), then load it again.
    #[must_use]
    pub fn load(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The result of the last read of the file.
    #[must_use]
    pub fn last_reload(&self) -> LastReload {
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn store(&self, config: Config) {
        self.config.store(Arc::new(config));
    }

    /// Records a read: the time of its success, or `None` if it failed.
    pub(super) fn note_reading(&self, success_at: Option<SystemTime>) {
        let mut last = self.last_reload.lock().unwrap_or_else(PoisonError::into_inner);
        last.successful = success_at.is_some();
        last.success_at = success_at.unwrap_or(last.success_at);
    }
}
