//! Everything that answering a request needs, in one place.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{AllowedHosts, Archive, Connections, EventFeed, IngestSite, Requests, ScrapeDesk, WebConfig};
use crate::metrics::Metrics;
use crate::state::discovery::Endpoint;
use rotewatch_core::monitor::live_runs::LiveRuns;

/// Reads the configuration file again, or returns why the old one is kept.
pub type Reload = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Everything that the server needs to answer requests.
pub struct Site {
    /// Limits the connections.
    pub connections: Arc<Connections>,
    /// Limits the requests below `/api/v1/`.
    pub requests: Requests,
    /// Every series.
    pub metrics: Arc<Metrics>,
    /// Answers scrapes.
    pub scrapes: ScrapeDesk,
    /// Every run.
    pub live_runs: Arc<LiveRuns>,
    /// The events of the runs.
    pub events: Arc<EventFeed>,
    /// The address at which this machine reaches the process.
    pub endpoint: Endpoint,
    /// The state folder, if the other processes that share it are listed as scrape targets.
    pub state: Option<PathBuf>,
    /// Whether everything is up.
    pub ready: Readiness,
    /// The host names of this machine.
    pub hosts: AllowedHosts,
    /// What `POST /-/reload` does, and the token that it needs; `None` if it is not allowed.
    pub reload: Option<(Reload, String)>,
    /// Receives runs from clients; `None` if this process does not receive any.
    pub ingest: Option<IngestSite>,
    /// TLS and basic auth; `None` if every user of this machine may read.
    pub web: Option<WebConfig>,
    /// The history, if one is kept.
    pub history: Option<Archive>,
}

/// A flag that is set once everything is up, and cleared when the process stops.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets or clears the flag.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Returns whether the flag is set.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
