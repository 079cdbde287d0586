//! The series: those of layers come from the catalogue of measures, the others are listed here.

use std::borrow::Cow;
use std::sync::LazyLock;

use prometheus::proto::MetricType;
use rotewatch_core::record::catalogue::{HistogramSeries, LayerSeries, Measure};

/// A series' name, type, help and labels.
pub(super) struct Described {
    pub(super) name: Cow<'static, str>,
    pub(super) kind: MetricType,
    pub(super) help: Cow<'static, str>,
    pub(super) labels: &'static [&'static str],
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name: Cow::Borrowed(name), kind: MetricType::GAUGE, help: Cow::Borrowed(help), labels }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name: Cow::Borrowed(name), kind: MetricType::COUNTER, help: Cow::Borrowed(help), labels }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name: Cow::Borrowed(name), kind: MetricType::HISTOGRAM, help: Cow::Borrowed(help), labels }
}

/// The series of one measure of the catalogue.
pub(super) struct MeasureSeries {
    pub(super) measure: Measure,
    pub(super) value: Option<Described>,
    pub(super) rolling: Option<Described>,
    pub(super) histogram: Option<Described>,
    /// The label `scope` of all of them, if they have it.
    pub(super) scope: Option<&'static str>,
}

/// The series of every measure, in the order of the catalogue.
pub(super) static MEASURES: LazyLock<Vec<MeasureSeries>> =
    LazyLock::new(|| Measure::ALL.iter().copied().map(of_measure).collect());

fn of_measure(measure: Measure) -> MeasureSeries {
    let entry = measure.entry();
    let scope = entry.series.and_then(|series| series.scope);
    let described = |name: &str, kind, help: String, labels| Described {
        name: format!("rotewatch_{name}").into(),
        kind,
        help: help.into(),
        labels,
    };
    let labels: &[&str] = if scope.is_some() { &["run", "layer", "scope", "stat"] } else { &["run", "layer", "stat"] };
    let of_values: &[&str] = if scope.is_some() { &["run", "layer", "scope"] } else { &["run", "layer"] };
    let value = |series: LayerSeries| described(series.name, MetricType::GAUGE, series.help.to_owned(), labels);
    let rolling = |series: LayerSeries| {
        let help = format!("Mean of {} over the newest reports.", series.name);
        Some(described(series.rolling?, MetricType::GAUGE, help, labels))
    };
    let histogram = |series: HistogramSeries| described(series.name, MetricType::HISTOGRAM, series.help.to_owned(), of_values);
    MeasureSeries {
        measure,
        value: entry.series.map(value),
        rolling: entry.series.and_then(rolling),
        histogram: entry.histogram.map(histogram),
        scope,
    }
}

macro_rules! series {
    ($($constant:ident = $make:ident($name:literal, [$($label:literal),*], $help:literal);)*) => {
        $(pub(super) static $constant: Described = $make(concat!("rotewatch_", $name), &[$($label),*], $help);)*
    };
}

series! {
    LAYER_MI_BIAS = gauge("layer_mutual_information_bias_nats", ["run", "layer", "method"],
        "Estimated bias of the layer's mean mutual information, in nats; it is not subtracted.");
    LAYER_CONSTANT = gauge("layer_constant_neurons", ["run", "layer"],
        "Measured neurons whose activation is the same in every row.");
    LAYER_NEURONS = gauge("layer_neurons", ["run", "layer"],
        "Neurons of the layer that are measured.");
    RUN_EPOCH = gauge("run_epoch", ["run"], "Newest reported epoch; 0 is the untrained network.");
    RUN_LAST_EPOCH = gauge("run_last_epoch_timestamp_seconds", ["run"], "Time at which the newest epoch was reported, in seconds since 1970.");
    RUN_INTERVAL = gauge("run_epoch_interval_seconds", ["run"], "Time between the two newest reports.");
    RUN_ACTIVE = gauge("run_active", ["run"], "1 while the run may still send data.");
    RUN_METRIC = gauge("run_metric", ["run", "name"], "Losses and accuracies that the trainer sent with the newest epoch.");
    RUN_INFO = gauge("run_info", ["run", "attempt", "source", "framework"], "Always 1; what the trainer declared.");
    RUN_COVERAGE = gauge("run_coverage_ratio", ["run"], "Rows measured / rows offered in the newest epoch.");
    SCORE = gauge("memorization_score_ratio", ["run", "kind"],
        "Smallest of decline / threshold over the signals that must agree; 1 is an alarm.");
    ONSET = gauge("memorization_onset", ["run", "kind"], "1 while an alarm of this kind is active; absent while the verdict is too early or cannot be given.");
    ONSET_EPOCH = gauge("memorization_onset_epoch", ["run", "kind"], "Epoch at which memorization set in, while the alarm is active.");
    VERDICT = gauge("run_verdict", ["run", "verdict"], "1 for the current verdict.");
    HARM = gauge("harm", ["run", "state"],
        "1 for the current state: none, suspected (an alarm warns) or shown (an alarm asks to stop by default); absent while the verdict is too early or cannot be given.");
    ROWS_LOSS = gauge("rows_loss_nats", ["run", "rows"],
        "Mean loss over the unseen rows or the seen rows, by the labels that the trainer has; in nats for cross-entropy.");
    ROWS_ERROR = gauge("rows_error_ratio", ["run", "rows"],
        "Share of the unseen rows or the seen rows whose predicted class is not the label that the trainer has.");
    SHARE = gauge("memorized_share_ratio", ["run"],
        "Share of the training rows that the network knows by heart, from the gap between seen and unseen rows; absent if unknown.");
    SHARE_LOW = gauge("memorized_share_low_ratio", ["run"], "Lower end of the 95 % interval of memorized_share_ratio.");
    SHARE_HIGH = gauge("memorized_share_high_ratio", ["run"], "Upper end of the 95 % interval of memorized_share_ratio.");
    STOP_REQUESTED = gauge("stop_requested", ["run"], "1 once the run was asked to stop.");
    OFFERED = counter("frames_offered_total", [], "Frames that trainers offered.");
    MEASURED = counter("frames_measured_total", [], "Frames that were added to a window.");
    DROPPED = counter("frames_dropped_total", ["reason"], "Frames that were dropped and not measured, by reason.");
    ROWS = counter("rows_received_total", [], "Rows of the frames that were added to a window.");
    NONFINITE = counter("nonfinite_values_total", [], "Activations that were NaN or infinite; they are masked.");
    TAP_WAIT = counter("tap_wait_seconds_total", [], "Time that trainers have waited for room in the channel.");
    CHANNEL = gauge("channel_frames", [], "Frames in the channel.");
    CHANNEL_CAPACITY = gauge("channel_capacity_frames", [], "Largest number of frames in the channel.");
    COMPUTE = histogram("epoch_compute_seconds", [], "Time that the measures of an epoch took.");
    HOOK_ATTEMPTS = counter("hook_attempts_total", ["hook", "result"],
        "Attempts to notify a hook of an alarm, and alarms that were not sent, by result.");
    STORE_ERRORS = counter("store_errors_total", ["op"], "Failed operations of the history; `queue` counts records that were lost because the queue was full.");
    STORE_DEGRADED = gauge("store_degraded", [], "1 while measurements are not written to the history.");
    RELOAD_OK = gauge("config_last_reload_successful", [], "1 if the newest attempt to read the configuration file succeeded.");
    RELOAD_TIME = gauge("config_last_reload_success_timestamp_seconds", [],
        "Time at which the configuration file was last read successfully, in seconds since 1970.");
    HTTP_REQUESTS = counter("http_requests_total", ["route", "code"],
        "Requests that were answered, by route and status; `other` counts all unknown paths.");
    EXPOSITION_ERRORS = counter("exposition_errors_total", [], "Samples left out of scrapes because their series was already there.");
    SERIES_LIMITED = counter("series_limited_total", [],
        "Series left out of scrapes because of limits.series, summed over all scrapes.");
    BUILD_INFO = gauge("build_info", ["version", "kernel"], "Always 1; the version and the variant of the measures' kernels.");
}
