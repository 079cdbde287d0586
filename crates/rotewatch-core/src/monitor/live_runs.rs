//! The current state of every run: written by the monitor after each report, read by pages and scrapes without a lock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::intake::run::Run;
use crate::monitor::report::{BucketCounts, EpochReport};
use crate::record::catalogue::Measure;
use crate::record::{EpochRecord, RunRecord};
use crate::vocabulary::identity::{LayerName, RunName};
use rotewatch_info::measures::LayerMeasures;

/// Upper bounds in seconds of the buckets of `epoch_compute_seconds`.
pub const COMPUTE_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// A run as readers see it.
#[derive(Clone, Debug)]
pub struct RunView {
    /// The run.
    pub run: Arc<Run>,
    /// Whether it may still send something.
    pub active: bool,
    /// Its newest report.
    pub report: Option<Arc<EpochReport>>,
    /// Summaries of its newest epochs, oldest first.
    pub history: Arc<VecDeque<Arc<EpochRecord>>>,
    /// All values of all epochs, by layer.
    pub histograms: Arc<BTreeMap<LayerName, LayerHistograms>>,
}

impl RunView {
    /// Returns the run as every list of runs writes it.
    #[must_use]
    pub fn record(&self) -> RunRecord {
        let declaration = self.run.declaration();
        // A run has ended once its last epoch is judged; the trainer's last frames may still be queued.
        let ending = self.run.ending().filter(|_| !self.active);
        RunRecord {
            state: self.run.state(),
            status: ending.map_or_else(|| "training".to_owned(), |ending| ending.to_string()),
            mode: declaration.source.to_string(),
            framework: declaration.framework.clone(),
            updated_at: self.history.back().and_then(|epoch| epoch.made_at),
            baseline: None,
        }
    }
}

/// Every value of a layer since the run began, by measure.
#[derive(Clone, Debug)]
pub struct LayerHistograms(Vec<(Measure, BucketCounts)>);

impl Default for LayerHistograms {
    fn default() -> Self {
        let histogram = |measure: &Measure| Some((*measure, BucketCounts::new(measure.entry().histogram?.bounds)));
        LayerHistograms(Measure::ALL.iter().filter_map(histogram).collect())
    }
}

impl LayerHistograms {
    /// Adds one observation per value of each measure that has a histogram.
    pub fn observe(&mut self, measures: &LayerMeasures) {
        for (measure, counts) in &mut self.0 {
            if let Some(histogram) = measure.entry().histogram {
                counts.observe((histogram.values)(measures).iter().copied());
            }
        }
    }

    /// Each measure with its counts, in the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = (Measure, &BucketCounts)> {
        self.0.iter().map(|(measure, counts)| (*measure, counts))
    }
}

/// Is notified when the live runs changes. The calls run on the monitor's thread and must not block.
pub trait Follower: Send + Sync + fmt::Debug {
    /// A run was added or updated.
    fn shown(&self, before: Option<&RunView>, now: &RunView);

    /// An attempt of a run was removed.
    fn removed(&self, run: &Run);
}

/// A change of which the follower still has to be notified.
#[derive(Debug)]
#[must_use = "the follower must be notified"]
pub(crate) struct Change {
    before: Option<Arc<RunView>>,
    now: Arc<RunView>,
}

/// All runs, and the monitor's own health.
#[derive(Debug)]
pub struct LiveRuns {
    runs: ArcSwap<BTreeMap<RunName, Arc<RunView>>>,
    compute: ArcSwap<BucketCounts>,
    failing: AtomicBool,
    follower: OnceLock<Arc<dyn Follower>>,
}

impl Default for LiveRuns {
    fn default() -> Self {
        LiveRuns {
            runs: ArcSwap::default(),
            compute: ArcSwap::from_pointee(BucketCounts::new(&COMPUTE_BOUNDS)),
            failing: AtomicBool::new(false),
            follower: OnceLock::new(),
        }
    }
}

impl LiveRuns {
    /// Returns the current state of every run, by name.
    #[must_use]
    pub fn runs(&self) -> Arc<BTreeMap<RunName, Arc<RunView>>> {
        self.runs.load_full()
    }

    /// Returns how long the measures of each epoch took, in seconds.
    #[must_use]
    pub fn compute_seconds(&self) -> Arc<BucketCounts> {
        self.compute.load_full()
    }

    /// Returns whether the monitor has failed repeatedly, or ended.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Notifies `follower` of changes from now on. Only the first follower is kept.
    pub fn follow(&self, follower: Arc<dyn Follower>) {
        let _ = self.follower.set(follower);
    }

    /// Adds or updates a run. Only the monitor's thread writes, so no update is lost between reading and storing.
    pub(crate) fn show(&self, view: RunView) -> Change {
        let mut runs = BTreeMap::clone(&self.runs.load());
        let view = Arc::new(view);
        let before = runs.insert(view.run.name().clone(), Arc::clone(&view));
        self.runs.store(Arc::new(runs));
        Change { before, now: view }
    }

    /// Notifies the follower of a change, once everything else shows it.
    pub(crate) fn announce(&self, change: &Change) {
        if let Some(follower) = self.follower.get() {
            follower.shown(change.before.as_deref(), &change.now);
        }
    }

    /// Removes this attempt of a run; a newer attempt stays.
    pub(crate) fn remove(&self, run: &Run) {
        let mut runs = BTreeMap::clone(&self.runs.load());
        if runs.get(run.name()).is_some_and(|view| view.run.attempt() == run.attempt()) {
            runs.remove(run.name());
            self.runs.store(Arc::new(runs));
            if let Some(follower) = self.follower.get() {
                follower.removed(run);
            }
        }
    }

    pub(crate) fn count_compute(&self, took: Duration) {
        let mut compute = BucketCounts::clone(&self.compute.load());
        compute.observe([took.as_secs_f64()]);
        self.compute.store(Arc::new(compute));
    }

    pub(crate) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Release);
    }
}
