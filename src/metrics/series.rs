//! The catalogue of series.

use prometheus::proto::MetricType;

/// A series' name, type, help and labels.
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) kind: MetricType,
    pub(super) help: &'static str,
    pub(super) labels: &'static [&'static str],
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
        $(pub(super) const $constant: Described = $make(concat!("rotewatch_", $name), &[$($label),*], $help);)*
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
    RUN_LAST_EPOCH = gauge("run_last_epoch_timestamp_seconds", ["run"], "Time at which the newest epoch was reported, in seconds since 1970.");
    RUN_INTERVAL = gauge("run_epoch_interval_seconds", ["run"], "Time between the two newest reports.");
    RUN_ACTIVE = gauge("run_active", ["run"], "1 while the run may still send data.");
    RUN_METRIC = gauge("run_metric", ["run", "name"], "Losses and accuracies that the trainer sent with the newest epoch.");
    RUN_INFO = gauge("run_info", ["run", "attempt", "source", "framework"], "Always 1; what the trainer declared.");
    RUN_COVERAGE = gauge("run_coverage_ratio", ["run"], "Rows measured / rows offered in the newest epoch.");
    SCORE = gauge("memorization_score_ratio", ["run", "kind"],
        "Smallest of decline / threshold over the signals that must agree; 1 is an alarm.");
    ONSET = gauge("memorization_onset", ["run", "kind"], "1 while an alarm of this kind is active; absent while the verdict is too early.");
    ONSET_EPOCH = gauge("memorization_onset_epoch", ["run", "kind"], "Epoch at which memorization set in, while the alarm is active.");
    VERDICT = gauge("run_verdict", ["run", "verdict"], "1 for the current verdict.");
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
