//! All Prometheus series: names, help texts, labels. Only this module uses the crate `prometheus`.
//!
//! A scrape writes the current values of the [`LiveRuns`] and the [`Gate`] as text. A series exists only while it has a value: a score
//! is absent while the verdict is "too early" or "cannot judge". A scrape measures nothing, and the text of a run is written once for each report.

mod requests;
mod samples;
mod series;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(target_os = "linux")]
use prometheus::core::Collector;
#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;

use crate::history::StoreCounts;
use crate::hooks::HookCounts;
pub use requests::RequestCounts;
use rotewatch_core::intake::gate::Gate;
use rotewatch_core::monitor::live_runs::LiveRuns;
use rotewatch_info::kernels::Kernel;
use samples::{Samples, whole};
use series::{BUILD_INFO, COMPUTE, EXPOSITION_ERRORS, HTTP_REQUESTS, RELOAD_OK, RELOAD_TIME, SERIES_LIMITED};
use text::{Page, RunTexts};

/// The state of the daemon's configuration file.
pub trait ReloadStatus: Send + Sync {
    /// Whether the newest attempt to read the file succeeded.
    fn last_reload_successful(&self) -> bool;
    /// When an attempt last succeeded, in seconds since 1970.
    fn last_success_unix_seconds(&self) -> f64;
}

/// The text of a scrape, with its content type.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// The value of the header `Content-Type`.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// All series of this program.
pub struct Metrics {
    live_runs: Arc<LiveRuns>,
    gate: Arc<Gate>,
    hooks: Arc<HookCounts>,
    store: Option<Arc<StoreCounts>>,
    reload: Option<Arc<dyn ReloadStatus>>,
    requests: RequestCounts,
    #[cfg(target_os = "linux")]
    process: ProcessCollector,
    /// Largest number of series in a scrape, without those of the daemon and of whole runs.
    series_max: usize,
    /// Locked while a scrape is written.
    texts: Mutex<RunTexts>,
    repeated: AtomicU64,
    left_out: AtomicU64,
}

impl Metrics {
    /// Creates the series of these sources. Above `series_max` series, histograms are left out first, then layers.
    #[must_use]
    pub fn new(
        live_runs: Arc<LiveRuns>,
        gate: Arc<Gate>,
        hooks: Arc<HookCounts>,
        store: Option<Arc<StoreCounts>>,
        reload: Option<Arc<dyn ReloadStatus>>,
        series_max: usize,
    ) -> Self {
        Metrics {
            live_runs,
            gate,
            hooks,
            store,
            reload,
            requests: RequestCounts::default(),
            #[cfg(target_os = "linux")]
            process: ProcessCollector::for_self(),
            series_max,
            texts: Mutex::default(),
            repeated: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Returns the counts of HTTP requests.
    #[must_use]
    pub fn requests(&self) -> &RequestCounts {
        &self.requests
    }

    /// Returns the current values of all series, in the text format 0.0.4.
    ///
    /// # Errors
    /// If a series cannot be written, which is a bug in this module.
    pub fn expose(&self) -> Result<Exposition, prometheus::Error> {
        // A panic while the lock is held leaves the texts consistent.
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = self.live_runs.runs();
        let selection = texts.select(&runs, self.series_max)?;
        self.left_out.fetch_add(selection.left_out as u64, Ordering::Relaxed);
        self.note_repeated(selection.repeated);
        let mut page = Page::default();
        let own = self.own().families();
        // The next scrape shows this count, since the daemon's own series are already collected.
        self.note_repeated(own.repeated);
        for family in own.families.iter().chain(&self.process()) {
            page.family(family)?;
        }
        for (name, text) in texts.selected() {
            page.add(name, text);
        }
        Ok(Exposition { content_type: "text/plain; version=0.0.4; charset=utf-8", body: page.body() })
    }

    /// The series of the process itself. The crate `prometheus` reads them from `/proc`, so elsewhere there are none.
    #[cfg(target_os = "linux")]
    fn process(&self) -> Vec<MetricFamily> {
        self.process.collect()
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "Linux needs it")]
    fn process(&self) -> Vec<MetricFamily> {
        Vec::new()
    }

    /// Prometheus would keep the first of two samples of one series in silence, so they are counted here.
    fn note_repeated(&self, repeated: u64) {
        debug_assert_eq!(repeated, 0, "a scrape contains a series twice");
        self.repeated.fetch_add(repeated, Ordering::Relaxed);
    }

    /// The series of the daemon itself.
    fn own(&self) -> Samples {
        let mut samples = Samples::default();
        samples.flow(&self.gate);
        samples.histogram(&COMPUTE, &[], &self.live_runs.compute_seconds());
        samples.hooks(&self.hooks);
        if let Some(store) = &self.store {
            samples.store(store);
        }
        if let Some(reload) = &self.reload {
            samples.put(&RELOAD_OK, &[], f64::from(u8::from(reload.last_reload_successful())));
            samples.put(&RELOAD_TIME, &[], reload.last_success_unix_seconds());
        }
        for ((route, code), count) in self.requests.snapshot() {
            samples.put(&HTTP_REQUESTS, &[route, &code.to_string()], whole(count));
        }
        samples.put(&EXPOSITION_ERRORS, &[], whole(self.repeated.load(Ordering::Relaxed)));
        samples.put(&SERIES_LIMITED, &[], whole(self.left_out.load(Ordering::Relaxed)));
        samples.put(&BUILD_INFO, &[env!("CARGO_PKG_VERSION"), Kernel::get().name()], 1.0);
        samples
    }
}
