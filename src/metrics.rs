//! Every Prometheus series: name, help, labels. The only user of the crate `prometheus`.
//!
//! A scrape turns what stands on the [`Board`] and at the [`Gate`] into text, so a series exists exactly while there is
//! something to say: a score is absent while it is too early to tell. Nothing is measured in a scrape, and the text of a run is
//! made once for each of its reports.

mod requests;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::board::{Board, RunView};
use crate::gate::{DropReason, Gate};
use crate::hooks::{HookCounts, HookResult};
use crate::info::Distribution;
use crate::kernels::Kernel;
use crate::report::{BucketCounts, EpochReport, LayerReport};
use crate::store::{StoreCounts, StoreOp};
use crate::verdict::{Answer, Kind, Verdict};
pub use requests::RequestCounts;
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
        for family in own.families.iter().chain(&self.process.collect()) {
            page.family(family)?;
        }
        for (name, text) in texts.selected() {
            page.add(name, text);
        }
        Ok(Exposition { content_type: "text/plain; version=0.0.4; charset=utf-8", body: page.body() })
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
        "Smallest of decline / threshold over the signals that must agree; 1 is an alarm.");
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
    HTTP_REQUESTS = counter("http_requests_total", ["route", "code"],
        "Requests that were answered, by route and status; `other` stands for every path that is none.");
    EXPOSITION_ERRORS = counter("exposition_errors_total", [], "Samples left out of scrapes because their series stood there already.");
    SERIES_LIMITED = counter("series_limited_total", [],
        "Series left out of scrapes to keep to limits.series, added up over the scrapes.");
    BUILD_INFO = gauge("build_info", ["version", "kernel"], "Always 1; the version and the variant of the measures' kernels.");
}

/// Samples, by series.
#[derive(Default)]
struct Sheet {
    samples: BTreeMap<&'static str, (&'static Described, Vec<Metric>)>,
}

/// The families of a sheet, each series once.
struct Families {
    families: Vec<MetricFamily>,
    /// Samples that were left out because their series stood there already.
    repeated: u64,
}

impl Sheet {
    /// What is said of a run as a whole.
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
        if let Some(report) = &view.report {
            self.report(run, report);
        }
    }

    /// What is said of its layers' newest epoch.
    fn layers(&mut self, view: &RunView) {
        for layer in view.report.iter().flat_map(|report| &report.layers) {
            self.layer(view.run.name().as_str(), layer);
        }
    }

    /// What is said of all epochs of its layers.
    fn histograms(&mut self, view: &RunView) {
        let run = view.run.name().as_str();
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
        for (reason, count) in DropReason::ALL.into_iter().zip(counts.dropped) {
            self.put(&DROPPED, &[reason.as_str()], whole(count));
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

    /// In the order of the series' names and then of their labels, so that the same state gives the same text.
    fn families(self) -> Families {
        let mut repeated = 0;
        let family = |(series, mut metrics): (&Described, Vec<Metric>)| {
            let put = metrics.len();
            // The sort is stable: of two samples of one series the first one stays.
            metrics.sort_by(|a, b| label_values(a).cmp(label_values(b)));
            metrics.dedup_by(|a, b| label_values(a).eq(label_values(b)));
            repeated += (put - metrics.len()) as u64;
            let mut family = MetricFamily::default();
            family.set_name(series.name.into());
            family.set_help(series.help.into());
            family.set_field_type(series.kind);
            family.set_metric(metrics);
            family
        };
        let families = self.samples.into_values().map(family).collect();
        Families { families, repeated }
    }
}

fn label_values(metric: &Metric) -> impl Iterator<Item = &str> {
    metric.get_label().iter().map(LabelPair::value)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_18_a_series_that_is_put_twice_stands_once_and_is_counted() {
        let mut sheet = Sheet::default();
        for (run, value) in [("b", 1.0), ("a", 2.0), ("b", 3.0), ("a", 4.0), ("a", 5.0)] {
            sheet.put(&RUN_EPOCH, &[run], value);
        }
        sheet.put(&RUN_ACTIVE, &["a"], 1.0);
        let Families { families, repeated } = sheet.families();
        assert_eq!(repeated, 3);
        let epochs = families.iter().find(|family| family.name() == "rotewatch_run_epoch").expect("it was put");
        let told: Vec<_> = epochs.get_metric().iter().map(|m| (m.get_label()[0].value(), m.get_gauge().get_value())).collect();
        assert_eq!(told, [("a", 2.0), ("b", 1.0)]);
    }
}
