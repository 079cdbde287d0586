//! The current state of every run: written by the monitor after each report, read by pages and scrapes without a lock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::detect::Hints;
use crate::intake::event::EpochMetrics;
use crate::intake::run::Run;
use crate::monitor::report::{BucketCounts, EpochReport, LayerReport, LayerStatistics};
use crate::record::training::{EpochRecord, LayerRecord, Spread};
use crate::vocabulary::identity::{LayerName, RunName};
use crate::vocabulary::units::Epoch;
use rotewatch_info::measures::{Density, Quartiles};

/// Upper bounds in nats of the buckets of `neuron_entropy_nats`: up to ln(100) = 4.6, for 100 bins.
pub const ENTROPY_BOUNDS: [f64; 12] = [0.01, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0];
/// Upper bounds in nats of the buckets of `pair_mutual_information_nats`: up to ln(10) = 2.3, for 10 bins.
pub const MUTUAL_INFORMATION_BOUNDS: [f64; 12] = [0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0];
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
    pub history: Arc<VecDeque<Arc<EpochSummary>>>,
    /// All values of all epochs, by layer.
    pub histograms: Arc<BTreeMap<LayerName, LayerHistograms>>,
}

/// An epoch's report without the values of single neurons and pairs. It takes about 700 bytes per layer, whatever its width,
/// so that some hundreds can be kept.
#[derive(Clone, Debug)]
pub struct EpochSummary {
    /// The epoch.
    pub epoch: Epoch,
    /// The trainer's own metrics.
    pub metrics: EpochMetrics,
    /// Rows that the measures are computed from.
    pub rows: usize,
    /// Rows measured / rows offered; `None` if none was offered.
    pub coverage: Option<f64>,
    /// Entropy in nats of the classes that the network predicts; `None` without predictions.
    pub prediction_entropy_nats: Option<f64>,
    /// The spelling of the verdict.
    pub verdict: &'static str,
    /// What the trainer's own metrics suggested.
    pub hints: Hints,
    /// How long the measures took.
    pub compute: Duration,
    /// When the report was made, in seconds since 1970.
    pub made_at_unix_seconds: f64,
    /// The summary of each layer.
    pub layers: Vec<LayerSummary>,
}

/// A layer's part of an [`EpochSummary`].
#[derive(Clone, Debug)]
pub struct LayerSummary {
    /// The layer.
    pub layer: LayerName,
    /// Number of neurons, measured or not.
    pub neurons: usize,
    /// Its distributions; `None` for a layer that could not be measured.
    pub statistics: Option<LayerStatistics>,
    /// How the entropies with shared bin edges are distributed, in nats.
    pub entropy_network_box: Option<Quartiles>,
    /// How the mutual information of its pairs is distributed, in nats.
    pub mutual_information_density: Option<Density>,
}

impl EpochSummary {
    /// Summarizes a report.
    #[must_use]
    pub fn of(report: &EpochReport) -> Self {
        EpochSummary {
            epoch: report.epoch,
            metrics: report.metrics.clone(),
            rows: report.rows,
            coverage: report.coverage,
            prediction_entropy_nats: report.prediction_entropy_nats,
            verdict: report.verdict.as_str(),
            hints: report.hints,
            compute: report.compute,
            made_at_unix_seconds: report.made_at_unix_seconds,
            layers: report.layers.iter().map(LayerSummary::of).collect(),
        }
    }
}

/// The JSON form of an epoch.
impl From<&EpochSummary> for EpochRecord {
    fn from(epoch: &EpochSummary) -> Self {
        let metric = |(name, value): (&str, f64)| (name.to_owned(), Some(value).filter(|value| value.is_finite()));
        EpochRecord {
            epoch: epoch.epoch.0,
            metrics: epoch.metrics.iter().map(metric).collect(),
            prediction_entropy_nats: epoch.prediction_entropy_nats,
            layers: epoch.layers.iter().map(LayerRecord::from).collect(),
        }
    }
}

impl From<&LayerSummary> for LayerRecord {
    fn from(layer: &LayerSummary) -> Self {
        let statistics = layer.statistics.as_ref();
        LayerRecord {
            name: layer.layer.to_string(),
            neurons: Some(layer.neurons),
            entropy_network_nats: statistics.map(|all| Spread::from(&all.entropy_network_nats)),
            entropy_neuron_nats: statistics.map(|all| Spread::from(&all.entropy_neuron_nats)),
            mutual_information_nats: statistics.and_then(|all| all.mutual_information_nats.as_ref()).map(Spread::from),
            class_information_nats: statistics.and_then(|all| all.class_information_nats.as_ref()).map(Spread::from),
        }
    }
}

impl LayerSummary {
    fn of(report: &LayerReport) -> Self {
        let measured = report.statistics.is_some();
        let measures = &report.measures;
        LayerSummary {
            layer: report.layer.clone(),
            neurons: report.neurons_offered,
            statistics: report.statistics.clone(),
            entropy_network_box: measured.then(|| Quartiles::of(&mut measures.entropy_network_nats.clone())).flatten(),
            mutual_information_density: measured.then(|| Density::of(measures.mutual_information.condensed())).flatten(),
        }
    }
}

/// Every value of a layer since the run began.
#[derive(Clone, Debug)]
pub struct LayerHistograms {
    /// Entropies with shared bin edges, one observation per neuron and epoch.
    pub entropy_network: BucketCounts,
    /// Entropies with each neuron's own bin edges, one observation per neuron and epoch.
    pub entropy_neuron: BucketCounts,
    /// Mutual information, one observation per pair and epoch.
    pub mutual_information: BucketCounts,
}

impl Default for LayerHistograms {
    fn default() -> Self {
        LayerHistograms {
            entropy_network: BucketCounts::new(&ENTROPY_BOUNDS),
            entropy_neuron: BucketCounts::new(&ENTROPY_BOUNDS),
            mutual_information: BucketCounts::new(&MUTUAL_INFORMATION_BOUNDS),
        }
    }
}

/// Is notified when the board changes. The calls run on the monitor's thread and must not block.
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
pub struct Board {
    runs: ArcSwap<BTreeMap<RunName, Arc<RunView>>>,
    compute: ArcSwap<BucketCounts>,
    failing: AtomicBool,
    follower: OnceLock<Arc<dyn Follower>>,
}

impl Default for Board {
    fn default() -> Self {
        Board {
            runs: ArcSwap::default(),
            compute: ArcSwap::from_pointee(BucketCounts::new(&COMPUTE_BOUNDS)),
            failing: AtomicBool::new(false),
            follower: OnceLock::new(),
        }
    }
}

impl Board {
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
