//! Every Prometheus series: name, help, labels. The only user of the crate `prometheus`.
//!
//! Nothing is counted here. A scrape turns what stands on the [`Board`] and at the [`Gate`] into text, so a series
//! exists exactly while there is something to say: a score is absent while it is too early to tell.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Registry, TextEncoder};

use crate::board::{Board, RunView};
use crate::gate::{DropReason, Gate};
use crate::hooks::{HookCounts, HookResult};
use crate::info::Distribution;
use crate::kernels::Kernel;
use crate::report::{BucketCounts, EpochReport, LayerReport};
use crate::store::{StoreCounts, StoreOp};
use crate::verdict::{Answer, Kind, Verdict};

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

/// A registry that holds every series of this program.
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// If two series share a name, which is a defect of this module.
    pub fn new(
        board: Arc<Board>,
        gate: Arc<Gate>,
        hooks: Arc<HookCounts>,
        store: Option<Arc<StoreCounts>>,
        reload: Option<Arc<dyn ReloadStatus>>,
    ) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(Series { board, gate, hooks, store, reload, descs: descriptions()? }))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Metrics { registry })
    }

    /// All series as they stand, in the text format 0.0.4.
    ///
    /// # Errors
    /// If a series cannot be written, which is a defect of this module.
    pub fn expose(&self) -> Result<Exposition, prometheus::Error> {
        let body = TextEncoder::new().encode_to_string(&self.registry.gather())?;
        Ok(Exposition { content_type: "text/plain; version=0.0.4; charset=utf-8", body })
    }
}

/// A series' name, type, help and labels.
struct Described {
    name: &'static str,
    kind: MetricType,
    help: &'static str,
    labels: &'static [&'static str],
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: MetricType::GAUGE, help, labels }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: MetricType::COUNTER, help, labels }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: MetricType::HISTOGRAM, help, labels }
}

macro_rules! series {
    ($($constant:ident = $make:ident($name:literal, [$($label:literal),*], $help:literal);)*) => {
        $(const $constant: Described = $make(concat!("rotewatch_", $name), &[$($label),*], $help);)*
        const ALL: &[&Described] = &[$(&$constant),*];
    };
}

series! {
    LAYER_ENTROPY_NATS = gauge("layer_entropy_nats", ["run", "layer", "scope", "stat"],
        "Entropy of the layer's binned activations over its neurons, in nats, by scope of the bin edges.");
    LAYER_ENTROPY_RATIO = gauge("layer_entropy_ratio", ["run", "layer", "scope", "stat"],
        "Entropy of the layer's binned activations as a share of ln(number of bins).");
    LAYER_ENTROPY_ROLLING = gauge("layer_entropy_rolling_nats", ["run", "layer", "scope", "stat"],
        "Mean of layer_entropy_nats over the newest reports.");
    LAYER_MI_NATS = gauge("layer_mutual_information_nats", ["run", "layer", "stat"],
        "Mutual information over all pairs of the layer's neurons, in nats.");
    LAYER_MI_RATIO = gauge("layer_mutual_information_ratio", ["run", "layer", "stat"],
        "Mutual information over all pairs of the layer's neurons as a share of the smaller entropy.");
    LAYER_MI_ROLLING = gauge("layer_mutual_information_rolling_nats", ["run", "layer", "stat"],
        "Mean of layer_mutual_information_nats over the newest reports.");
    LAYER_MI_BIAS = gauge("layer_mutual_information_bias_nats", ["run", "layer", "method"],
        "Estimated bias of the layer's mean mutual information, in nats; it is not subtracted.");
    LAYER_CLASS_NATS = gauge("layer_class_information_nats", ["run", "layer", "stat"],
        "Information between each neuron and the predicted class, in nats.");
    LAYER_CLASS_ROLLING = gauge("layer_class_information_rolling_nats", ["run", "layer", "stat"],
        "Mean of layer_class_information_nats over the newest reports.");
    LAYER_CONSTANT = gauge("layer_constant_neurons", ["run", "layer"],
        "Measured neurons whose activation is the same in every row.");
    LAYER_NEURONS = gauge("layer_neurons", ["run", "layer"],
        "Neurons of the layer that are measured.");
    NEURON_ENTROPY = histogram("neuron_entropy_nats", ["run", "layer", "scope"],
        "Entropy in nats, one observation per neuron and epoch.");
    PAIR_MI = histogram("pair_mutual_information_nats", ["run", "layer"],
        "Mutual information in nats, one observation per pair of neurons and epoch.");
    RUN_EPOCH = gauge("run_epoch", ["run"], "Newest reported epoch; 0 is the untrained network.");
    RUN_LAST_EPOCH = gauge("run_last_epoch_timestamp_seconds", ["run"], "When the newest epoch was reported, in seconds since 1970.");
    RUN_INTERVAL = gauge("run_epoch_interval_seconds", ["run"], "Time between the two newest reports.");
    RUN_ACTIVE = gauge("run_active", ["run"], "1 while the run may still send something.");
    RUN_METRIC = gauge("run_metric", ["run", "name"], "Losses and accuracies as the trainer sent them with the newest epoch.");
    RUN_INFO = gauge("run_info", ["run", "attempt", "source", "framework"], "Always 1; what the trainer declared.");
    RUN_COVERAGE = gauge("run_coverage_ratio", ["run"], "Rows measured / rows offered in the newest epoch.");
    SCORE = gauge("memorization_score_ratio", ["run", "kind"],
        "Smallest of decline / threshold over the signals that must agree; above 1 is an alarm.");
    ONSET = gauge("memorization_onset", ["run", "kind"], "1 while an alarm of this kind stands; absent while it is too early to tell.");
    ONSET_EPOCH = gauge("memorization_onset_epoch", ["run", "kind"], "Epoch at which memorization set in, while the alarm stands.");
    VERDICT = gauge("run_verdict", ["run", "verdict"], "1 for the verdict that holds.");
    STOP_REQUESTED = gauge("stop_requested", ["run"], "1 once the run was asked to stop.");
    OFFERED = counter("frames_offered_total", [], "Frames that a trainer asked room for.");
    MEASURED = counter("frames_measured_total", [], "Frames that were taken into a window.");
    DROPPED = counter("frames_dropped_total", ["reason"], "Frames that were lost.");
    ROWS = counter("rows_received_total", [], "Rows of the frames that were taken into a window.");
    NONFINITE = counter("nonfinite_values_total", [], "Activations that were NaN or infinite; they are masked.");
    TAP_WAIT = counter("tap_wait_seconds_total", [], "Time that trainers have waited for room in the channel.");
    CHANNEL = gauge("channel_frames", [], "Frames that hold a place in the channel.");
    CHANNEL_CAPACITY = gauge("channel_capacity_frames", [], "Frames that the channel holds at most.");
    COMPUTE = histogram("epoch_compute_seconds", [], "Time that the measures of an epoch took.");
    HOOK_ATTEMPTS = counter("hook_attempts_total", ["hook", "result"],
        "Attempts to tell a hook of an alarm, and alarms that it was not told of, by what came of them.");
    STORE_ERRORS = counter("store_errors_total", ["op"], "Failed operations of the history; `queue` counts what found no room and is lost.");
    STORE_DEGRADED = gauge("store_degraded", [], "1 while what is measured does not get into the history.");
    RELOAD_OK = gauge("config_last_reload_successful", [], "1 if the newest attempt to read the configuration file succeeded.");
    RELOAD_TIME = gauge("config_last_reload_success_timestamp_seconds", [],
        "When the configuration file was last read successfully, in seconds since 1970.");
    BUILD_INFO = gauge("build_info", ["version", "kernel"], "Always 1; the version and the variant of the measures' kernels.");
}

fn descriptions() -> Result<Vec<Desc>, prometheus::Error> {
    let describe = |series: &&Described| {
        let labels = series.labels.iter().map(ToString::to_string).collect();
        Desc::new(series.name.into(), series.help.into(), labels, HashMap::new())
    };
    ALL.iter().map(describe).collect()
}

/// Everything but the process's own series.
struct Series {
    board: Arc<Board>,
    gate: Arc<Gate>,
    hooks: Arc<HookCounts>,
    store: Option<Arc<StoreCounts>>,
    reload: Option<Arc<dyn ReloadStatus>>,
    descs: Vec<Desc>,
}

impl Collector for Series {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut sheet = Sheet::default();
        for view in self.board.runs().values() {
            sheet.run(view);
        }
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
        sheet.put(&BUILD_INFO, &[env!("CARGO_PKG_VERSION"), Kernel::get().name()], 1.0);
        sheet.families()
    }
}

/// The samples of one scrape, by series.
#[derive(Default)]
struct Sheet {
    samples: BTreeMap<&'static str, (&'static Described, Vec<Metric>)>,
}

impl Sheet {
    fn run(&mut self, view: &RunView) {
        let run = view.run.name().as_str();
        let declaration = view.run.declaration();
        let attempt = view.run.attempt().to_string();
        let source = declaration.source.to_string();
        self.put(&RUN_INFO, &[run, &attempt, &source, &declaration.framework], 1.0);
        self.put(&RUN_ACTIVE, &[run], truth(view.active));
        self.put(&STOP_REQUESTED, &[run], truth(view.run.stop().is_requested()));
        let verdict = view.report.as_ref().map_or(Verdict::ALL[0], |report| report.verdict.as_str());
        for spelling in Verdict::ALL {
            self.put(&VERDICT, &[run, spelling], truth(spelling == verdict));
        }
        let Some(report) = &view.report else { return };
        self.report(run, report);
        for layer in &report.layers {
            self.layer(run, layer);
        }
        for (layer, histograms) in view.histograms.iter() {
            let layer = layer.as_str();
            self.histogram(&NEURON_ENTROPY, &[run, layer, "network"], &histograms.entropy_network);
            self.histogram(&NEURON_ENTROPY, &[run, layer, "neuron"], &histograms.entropy_neuron);
            self.histogram(&PAIR_MI, &[run, layer], &histograms.mutual_information);
        }
    }

    fn report(&mut self, run: &str, report: &EpochReport) {
        self.put(&RUN_EPOCH, &[run], f64::from(report.epoch.0));
        self.put(&RUN_LAST_EPOCH, &[run], report.made_at_unix_seconds);
        if let Some(interval) = report.interval {
            self.put(&RUN_INTERVAL, &[run], interval.as_secs_f64());
        }
        if let Some(coverage) = report.coverage {
            self.put(&RUN_COVERAGE, &[run], coverage);
        }
        // A loss that diverged is absent: every rule and every picture would have to know what NaN does to it.
        for (name, value) in report.metrics.iter().filter(|(_, value)| value.is_finite()) {
            self.put(&RUN_METRIC, &[run, name], value);
        }
        for (kind, answer) in &report.answers {
            self.answer(run, *kind, answer, &report.verdict);
        }
    }

    fn answer(&mut self, run: &str, kind: Kind, answer: &Answer, verdict: &Verdict) {
        let alarm = verdict.alarm_of(kind);
        if let Some(score) = answer.score() {
            self.put(&SCORE, &[run, kind.as_str()], score);
            self.put(&ONSET, &[run, kind.as_str()], truth(alarm.is_some()));
        }
        if let Some(alarm) = alarm {
            self.put(&ONSET_EPOCH, &[run, kind.as_str()], f64::from(alarm.finding.onset_epoch.0));
        }
    }

    fn layer(&mut self, run: &str, report: &LayerReport) {
        let layer = report.layer.as_str();
        let measures = &report.measures;
        self.put(&LAYER_NEURONS, &[run, layer], whole(measures.neurons as u64));
        let Some(statistics) = &report.statistics else { return };
        self.put(&LAYER_CONSTANT, &[run, layer], whole(measures.constant_neurons as u64));
        self.distribution(&LAYER_ENTROPY_NATS, &[run, layer, "network"], Some(&statistics.entropy_network_nats));
        self.distribution(&LAYER_ENTROPY_NATS, &[run, layer, "neuron"], Some(&statistics.entropy_neuron_nats));
        self.distribution(&LAYER_ENTROPY_RATIO, &[run, layer, "network"], Some(&statistics.entropy_network_ratio));
        self.distribution(&LAYER_ENTROPY_RATIO, &[run, layer, "neuron"], Some(&statistics.entropy_neuron_ratio));
        self.distribution(&LAYER_MI_NATS, &[run, layer], statistics.mutual_information_nats.as_ref());
        self.distribution(&LAYER_MI_RATIO, &[run, layer], statistics.mutual_information_ratio.as_ref());
        self.distribution(&LAYER_CLASS_NATS, &[run, layer], statistics.class_information_nats.as_ref());
        if let Some(shuffle) = &measures.shuffle_bias {
            self.put(&LAYER_MI_BIAS, &[run, layer, "shuffle"], shuffle.mean_nats);
        }
        self.put(&LAYER_MI_BIAS, &[run, layer, "miller_madow"], measures.miller_madow_bias);
        if let Some(rolling) = &report.rolling {
            self.distribution(&LAYER_ENTROPY_ROLLING, &[run, layer, "network"], Some(&rolling.entropy_network_nats));
            self.distribution(&LAYER_ENTROPY_ROLLING, &[run, layer, "neuron"], Some(&rolling.entropy_neuron_nats));
            self.distribution(&LAYER_MI_ROLLING, &[run, layer], rolling.mutual_information_nats.as_ref());
            self.distribution(&LAYER_CLASS_ROLLING, &[run, layer], rolling.class_information_nats.as_ref());
        }
    }

    fn flow(&mut self, gate: &Gate) {
        let counts = gate.counts();
        self.put(&OFFERED, &[], whole(counts.offered));
        self.put(&MEASURED, &[], whole(counts.measured));
        for reason in DropReason::ALL {
            self.put(&DROPPED, &[reason.as_str()], whole(counts.dropped[reason as usize]));
        }
        self.put(&ROWS, &[], whole(counts.rows_received));
        self.put(&NONFINITE, &[], whole(counts.nonfinite_values));
        self.put(&TAP_WAIT, &[], counts.tap_wait.as_secs_f64());
        self.put(&CHANNEL, &[], whole(counts.queued));
        self.put(&CHANNEL_CAPACITY, &[], whole(gate.capacity().frames as u64));
    }

    fn hooks(&mut self, counts: &HookCounts) {
        for (hook, counts) in counts.snapshot() {
            for (result, count) in HookResult::ALL.into_iter().zip(counts) {
                self.put(&HOOK_ATTEMPTS, &[hook.as_str(), result.as_str()], whole(count));
            }
        }
    }

    fn store(&mut self, counts: &StoreCounts) {
        for op in StoreOp::ALL {
            self.put(&STORE_ERRORS, &[op.as_str()], whole(counts.errors(op)));
        }
        self.put(&STORE_DEGRADED, &[], truth(counts.is_degraded()));
    }

    /// One sample per statistic, the last label being its name.
    fn distribution(&mut self, series: &'static Described, labels: &[&str], distribution: Option<&Distribution>) {
        for (stat, value) in distribution.into_iter().flat_map(Distribution::by_name) {
            let mut labels = labels.to_vec();
            labels.push(stat);
            self.put(series, &labels, value);
        }
    }

    fn put(&mut self, series: &'static Described, labels: &[&str], value: f64) {
        let mut metric = Metric::from_label(label_pairs(series, labels));
        if series.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.add(series, metric);
    }

    fn histogram(&mut self, series: &'static Described, labels: &[&str], counts: &BucketCounts) {
        let buckets = counts.cumulative().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.count());
        histogram.set_sample_sum(counts.sum());
        let mut metric = Metric::from_label(label_pairs(series, labels));
        metric.set_histogram(histogram);
        self.add(series, metric);
    }

    fn add(&mut self, series: &'static Described, metric: Metric) {
        self.samples.entry(series.name).or_insert_with(|| (series, Vec::new())).1.push(metric);
    }

    fn families(self) -> Vec<MetricFamily> {
        let family = |(series, metrics): (&Described, Vec<Metric>)| {
            let mut family = MetricFamily::default();
            family.set_name(series.name.into());
            family.set_help(series.help.into());
            family.set_field_type(series.kind);
            family.set_metric(metrics);
            family
        };
        self.samples.into_values().map(family).collect()
    }
}

fn label_pairs(series: &Described, values: &[&str]) -> Vec<LabelPair> {
    debug_assert_eq!(series.labels.len(), values.len(), "labels of {}", series.name);
    let pair = |(name, value): (&&str, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).into());
        pair.set_value((*value).into());
        pair
    };
    series.labels.iter().zip(values).map(pair).collect()
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// A count as Prometheus has it: exact up to 2^53.
fn whole(count: u64) -> f64 {
    count as f64
}
