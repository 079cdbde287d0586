//! Every Prometheus series: name, help, labels. The only user of the crate `prometheus`.
//!
//! A scrape turns what stands on the [`Board`] and at the [`Gate`] into text, so a series exists exactly while there is
//! something to say: a score is absent while it is too early to tell. Nothing is measured in a scrape, and the text of a run is
//! made once for each of its reports.

mod requests;
mod series;
mod sheet;
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
use rotewatch_core::monitor::live_runs::Board;
use rotewatch_info::kernels::Kernel;
use series::{BUILD_INFO, COMPUTE, EXPOSITION_ERRORS, HTTP_REQUESTS, RELOAD_OK, RELOAD_TIME, SERIES_LIMITED};
use sheet::{Sheet, whole};
use text::{Page, RunTexts};

/// What the daemon knows of its own configuration file.
pub trait ReloadStatus: Send + Sync {
    /// Whether the newest attempt to read the file succeeded.
    fn last_reload_successful(&self) -> bool;
    /// When an attempt last succeeded, in seconds since 1970.
    fn last_success_unix_seconds(&self) -> f64;
}

/// The exposition: body and content type are made together.
#[derive(Clone, Debug)]
pub struct Exposition {
    /// The value of the header `Content-Type`.
    pub content_type: &'static str,
    /// The text.
    pub body: String,
}

/// Every series of this program.
pub struct Metrics {
    board: Arc<Board>,
    gate: Arc<Gate>,
    hooks: Arc<HookCounts>,
    store: Option<Arc<StoreCounts>>,
    reload: Option<Arc<dyn ReloadStatus>>,
    requests: RequestCounts,
    #[cfg(target_os = "linux")]
    process: ProcessCollector,
    /// Series that a scrape may have, but for those of the daemon and of whole runs.
    series_max: usize,
    /// Held while a scrape is put together.
    texts: Mutex<RunTexts>,
    repeated: AtomicU64,
    left_out: AtomicU64,
}

impl Metrics {
    /// Shows what stands there; where it would be more than `series_max` series, histograms are left out first, then the layers.
    #[must_use]
    pub fn new(
        board: Arc<Board>,
        gate: Arc<Gate>,
        hooks: Arc<HookCounts>,
        store: Option<Arc<StoreCounts>>,
        reload: Option<Arc<dyn ReloadStatus>>,
        series_max: usize,
    ) -> Self {
        Metrics {
            board,
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

    /// Where requests are counted.
    #[must_use]
    pub fn requests(&self) -> &RequestCounts {
        &self.requests
    }

    /// All series as they stand, in the text format 0.0.4.
    ///
    /// # Errors
    /// If a series cannot be written, which is a defect of this module.
    pub fn expose(&self) -> Result<Exposition, prometheus::Error> {
        // A panic while the lock is held leaves whole texts.
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = self.board.runs();
        let selection = texts.select(&runs, self.series_max)?;
        self.left_out.fetch_add(selection.left_out as u64, Ordering::Relaxed);
        self.note_repeated(selection.repeated);
        let mut page = Page::default();
        let own = self.own().families();
        // Told of by the next scrape: this one is as good as written.
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
        debug_assert_eq!(repeated, 0, "a series stands twice in a scrape");
        self.repeated.fetch_add(repeated, Ordering::Relaxed);
    }

    /// What the daemon says of itself.
    fn own(&self) -> Sheet {
        let mut sheet = Sheet::default();
        sheet.flow(&self.gate);
        sheet.histogram(&COMPUTE, &[], &self.board.compute_seconds());
        sheet.hooks(&self.hooks);
        if let Some(store) = &self.store {
            sheet.store(store);
        }
        if let Some(reload) = &self.reload {
            sheet.put(&RELOAD_OK, &[], f64::from(u8::from(reload.last_reload_successful())));
            sheet.put(&RELOAD_TIME, &[], reload.last_success_unix_seconds());
        }
        for ((route, code), count) in self.requests.snapshot() {
            sheet.put(&HTTP_REQUESTS, &[route, &code.to_string()], whole(count));
        }
        sheet.put(&EXPOSITION_ERRORS, &[], whole(self.repeated.load(Ordering::Relaxed)));
        sheet.put(&SERIES_LIMITED, &[], whole(self.left_out.load(Ordering::Relaxed)));
        sheet.put(&BUILD_INFO, &[env!("CARGO_PKG_VERSION"), Kernel::get().name()], 1.0);
        sheet
    }
}
