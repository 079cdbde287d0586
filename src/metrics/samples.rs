//! The samples of a scrape.

use std::collections::BTreeMap;

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::series::{
    CHANNEL, CHANNEL_CAPACITY, DROPPED, Described, HARM, HOOK_ATTEMPTS, LAYER_CONSTANT, LAYER_MI_BIAS, LAYER_NEURONS, MEASURED,
    MEASURES, NONFINITE, OFFERED, ONSET, ONSET_EPOCH, ROWS, ROWS_ERROR, ROWS_LOSS, RUN_ACTIVE, RUN_COVERAGE, RUN_EPOCH, RUN_INFO,
    RUN_INTERVAL, RUN_LAST_EPOCH, RUN_METRIC, SCORE, SHARE, SHARE_HIGH, SHARE_LOW, STOP_REQUESTED, STORE_DEGRADED, STORE_ERRORS,
    TAP_WAIT, VERDICT,
};
use crate::history::{StoreCounts, StoreOp};
use crate::hooks::{HookCounts, HookResult};
use rotewatch_core::intake::gate::{DropReason, Gate};
use rotewatch_core::monitor::live_runs::RunView;
use rotewatch_core::monitor::report::{BucketCounts, EpochReport, LayerReport};
use rotewatch_core::record::RowsRecord;
use rotewatch_core::vocabulary::choices::Choice;
use rotewatch_core::vocabulary::rows::RowSet;
use rotewatch_core::vocabulary::verdict::{Answer, Harm, Kind, MemorizedShare, Verdict, VerdictWord};
use rotewatch_info::measures::Distribution;

/// Samples, by series.
#[derive(Default)]
pub(super) struct Samples {
    samples: BTreeMap<&'static str, (&'static Described, Vec<Metric>)>,
}

/// The families of a samples, each series once.
pub(super) struct Families {
    pub(super) families: Vec<MetricFamily>,
    /// Samples that were left out because their series was already there.
    pub(super) repeated: u64,
}

impl Samples {
    /// Adds the series of a run as a whole.
    pub(super) fn run(&mut self, view: &RunView) {
        let run = view.run.name().as_str();
        let declaration = view.run.declaration();
        let attempt = view.run.attempt().to_string();
        let source = declaration.source.to_string();
        self.put(&RUN_INFO, &[run, &attempt, &source, &declaration.framework], 1.0);
        self.put(&RUN_ACTIVE, &[run], truth(view.active));
        self.put(&STOP_REQUESTED, &[run], truth(view.run.stop().is_requested()));
        let verdict = view.report.as_ref().map_or(VerdictWord::TooEarly, |report| report.verdict.word());
        for word in VerdictWord::all() {
            self.put(&VERDICT, &[run, word.as_str()], truth(*word == verdict));
        }
        if let Some(report) = &view.report {
            self.report(run, report);
        }
    }

    /// Adds the series of its layers for the newest epoch.
    pub(super) fn layers(&mut self, view: &RunView) {
        for layer in view.report.iter().flat_map(|report| &report.layers) {
            self.layer(view.run.name().as_str(), layer);
        }
    }

    /// Adds the histograms of its layers over all epochs.
    pub(super) fn histograms(&mut self, view: &RunView) {
        let run = view.run.name().as_str();
        for (layer, histograms) in view.histograms.iter() {
            for series in MEASURES.iter() {
                let counts = histograms.iter().find(|(measure, _)| *measure == series.measure).map(|(_, counts)| counts);
                if let (Some(described), Some(counts)) = (&series.histogram, counts) {
                    let labels: Vec<&str> = [run, layer.as_str()].into_iter().chain(series.scope).collect();
                    self.histogram(described, &labels, counts);
                }
            }
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
        // A loss that diverged is absent; else every rule and every dashboard would have to handle NaN.
        for (name, value) in report.metrics.iter().filter(|(_, value)| value.is_finite()) {
            self.put(&RUN_METRIC, &[run, name], value);
        }
        for (kind, answer) in &report.answers {
            self.answer(run, *kind, answer, &report.verdict);
        }
        // Without a verdict, "no harm" would be good news that nobody knows.
        if !matches!(report.verdict.word(), VerdictWord::TooEarly | VerdictWord::CannotJudge) {
            let harm = report.verdict.alarms().iter().map(|alarm| alarm.finding.harm).max();
            self.put(&HARM, &[run, "none"], truth(harm.is_none()));
            for state in Harm::ALL {
                self.put(&HARM, &[run, state.as_str()], truth(harm == Some(state)));
            }
        }
        if let Some(share) = report.memorized_share {
            self.memorized_share(run, share);
        }
        for set in RowSet::ALL {
            let Some(means) = report.row_numbers.of(set).as_deref().map(RowsRecord::of) else { continue };
            for (series, mean) in [(&ROWS_LOSS, means.loss), (&ROWS_ERROR, means.error_ratio)] {
                if let Some(mean) = mean.filter(|mean| mean.is_finite()) {
                    self.put(series, &[run, set.as_str()], mean);
                }
            }
        }
    }

    fn memorized_share(&mut self, run: &str, share: MemorizedShare) {
        for (series, value) in [(&SHARE, share.estimate), (&SHARE_LOW, share.low), (&SHARE_HIGH, share.high)] {
            self.put(series, &[run], value);
        }
    }

    fn answer(&mut self, run: &str, kind: Kind, answer: &Answer, verdict: &Verdict) {
        let alarm = verdict.alarm_of(kind);
        if let Some(score) = answer.score() {
            self.put(&SCORE, &[run, kind.as_str()], score);
        }
        // An alarm stays while its detector is not shown an epoch.
        if answer.score().is_some() || alarm.is_some() {
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
        let Some(figures) = &report.figures else { return };
        self.put(&LAYER_CONSTANT, &[run, layer], whole(measures.constant_neurons as u64));
        for series in MEASURES.iter() {
            let labels: Vec<&str> = [run, layer].into_iter().chain(series.scope).collect();
            if let Some(described) = &series.value {
                self.distribution(described, &labels, figures.get(series.measure));
            }
            if let (Some(described), Some(rolling)) = (&series.rolling, &report.rolling) {
                self.distribution(described, &labels, rolling.get(series.measure));
            }
        }
        if let Some(shuffle) = &measures.shuffle_bias {
            self.put(&LAYER_MI_BIAS, &[run, layer, "shuffle"], shuffle.mean_nats);
        }
        self.put(&LAYER_MI_BIAS, &[run, layer, "miller_madow"], measures.miller_madow_bias);
    }

    pub(super) fn flow(&mut self, gate: &Gate) {
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

    pub(super) fn hooks(&mut self, counts: &HookCounts) {
        for (hook, counts) in counts.snapshot() {
            for (result, count) in HookResult::ALL.into_iter().zip(counts) {
                self.put(&HOOK_ATTEMPTS, &[hook.as_str(), result.as_str()], whole(count));
            }
        }
    }

    pub(super) fn store(&mut self, counts: &StoreCounts) {
        for op in StoreOp::ALL {
            self.put(&STORE_ERRORS, &[op.as_str()], whole(counts.errors(op)));
        }
        self.put(&STORE_DEGRADED, &[], truth(counts.is_degraded()));
    }

    /// Adds one sample per statistic; the last label is its name.
    fn distribution(&mut self, series: &'static Described, labels: &[&str], distribution: Option<&Distribution>) {
        for (stat, value) in distribution.into_iter().flat_map(Distribution::by_name) {
            let mut labels = labels.to_vec();
            labels.push(stat);
            self.put(series, &labels, value);
        }
    }

    pub(super) fn put(&mut self, series: &'static Described, labels: &[&str], value: f64) {
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

    pub(super) fn histogram(&mut self, series: &'static Described, labels: &[&str], counts: &BucketCounts) {
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
        self.samples.entry(series.name.as_ref()).or_insert_with(|| (series, Vec::new())).1.push(metric);
    }

    /// Returns the families in the order of their names and labels, so that the same state gives the same text.
    pub(super) fn families(self) -> Families {
        let mut repeated = 0;
        let family = |(series, mut metrics): (&Described, Vec<Metric>)| {
            let put = metrics.len();
            // The sort is stable, so of two samples of a series the first one is kept.
            metrics.sort_by(|a, b| label_values(a).cmp(label_values(b)));
            metrics.dedup_by(|a, b| label_values(a).eq(label_values(b)));
            repeated += (put - metrics.len()) as u64;
            let mut family = MetricFamily::default();
            family.set_name(series.name.to_string());
            family.set_help(series.help.to_string());
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

/// Converts a count to Prometheus's number type; exact up to 2^53.
pub(super) fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_18_a_series_that_is_put_twice_stands_once_and_is_counted() {
        let mut samples = Samples::default();
        for (run, value) in [("b", 1.0), ("a", 2.0), ("b", 3.0), ("a", 4.0), ("a", 5.0)] {
            samples.put(&RUN_EPOCH, &[run], value);
        }
        samples.put(&RUN_ACTIVE, &["a"], 1.0);
        let Families { families, repeated } = samples.families();
        assert_eq!(repeated, 3);
        let epochs = families.iter().find(|family| family.name() == "rotewatch_run_epoch").expect("it was put");
        let told: Vec<_> = epochs.get_metric().iter().map(|m| (m.get_label()[0].value(), m.get_gauge().get_value())).collect();
        assert_eq!(told, [("a", 2.0), ("b", 1.0)]);
    }
}
