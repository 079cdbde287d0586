//! An epoch's measures with their coverage, as the monitor hands them to all consumers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::intake::run::Run;
use crate::record::catalogue::Measure;
use crate::record::{EpochRecord, Hints, LayerFigures, LayerRecord, RowsRecord};
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::metrics::EpochMetrics;
use crate::vocabulary::rows::EpochRows;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Alarm, Answer, Kind, MemorizedShare, Verdict};
use rotewatch_info::measures::{Density, Distribution, LayerMeasures, Quartiles};

/// Everything known about a run after an epoch.
#[derive(Debug)]
pub struct EpochReport {
    /// The run.
    pub run: Arc<Run>,
    /// The epoch.
    pub epoch: Epoch,
    /// Whether the trainer's epoch end was lost, and inferred from the next frame.
    pub end_inferred: bool,
    /// The trainer's own metrics.
    pub metrics: EpochMetrics,
    /// Rows in the window that the measures are computed from.
    pub rows: usize,
    /// Rows measured / rows offered in this epoch; `None` if none was offered.
    pub coverage: Option<f64>,
    /// Entropy in nats of the classes that the network predicts; `None` without predictions.
    pub prediction_entropy_nats: Option<f64>,
    /// See [`EpochRecord::neighbour_agreement`].
    pub neighbour_agreement: Option<f64>,
    /// What the network says of each row of the two fixed sets.
    pub row_numbers: EpochRows,
    /// The share of the training rows that the network knows by heart; `None` if that is unknown.
    pub memorized_share: Option<MemorizedShare>,
    /// The layers that were measured, in forward order.
    pub layers: Vec<LayerReport>,
    /// The finding of each detector.
    pub answers: Vec<(Kind, Answer)>,
    /// The verdict from all findings.
    pub verdict: Verdict,
    /// What the trainer's own metrics suggest; it does not affect the verdict.
    pub hints: Hints,
    /// The alarms raised in this epoch.
    pub raised: Vec<Alarm>,
    /// How long the measures took.
    pub compute: Duration,
    /// When the report was made, in seconds since 1970.
    pub made_at_unix_seconds: f64,
    /// The time since the run's previous report.
    pub interval: Option<Duration>,
}

/// A layer's measures after an epoch.
#[derive(Debug)]
pub struct LayerReport {
    /// The layer.
    pub layer: LayerName,
    /// Number of neurons; the measures may cover fewer, sampled with the seed.
    pub neurons_offered: usize,
    /// All values.
    pub measures: LayerMeasures,
    /// The summary; `None` for a layer that could not be measured.
    pub figures: Option<LayerFigures>,
    /// Means of `figures` over the newest reports; `None` before the first.
    pub rolling: Option<LayerFigures>,
}

impl EpochReport {
    /// The epoch without the values of single neurons and pairs.
    #[must_use]
    pub fn record(&self) -> EpochRecord {
        self.record_with(self.layers.iter().map(LayerReport::record).collect())
    }

    /// The same, of layers whose records are known.
    pub(super) fn record_with(&self, layers: Vec<LayerRecord>) -> EpochRecord {
        EpochRecord {
            epoch: self.epoch,
            metrics: self.metrics.clone(),
            rows: self.rows,
            coverage: self.coverage,
            prediction_entropy_nats: self.prediction_entropy_nats,
            neighbour_agreement: self.neighbour_agreement,
            unseen: self.row_numbers.unseen.as_deref().map(RowsRecord::of),
            seen: self.row_numbers.seen.as_deref().map(RowsRecord::of),
            memorized_share: self.memorized_share,
            verdict: Some(self.verdict.word()),
            hints: self.hints,
            compute_seconds: self.compute.as_secs_f64(),
            made_at: Some(self.made_at_unix_seconds),
            layers,
        }
    }
}

impl LayerReport {
    /// The layer without the values of single neurons and pairs.
    #[must_use]
    pub fn record(&self) -> LayerRecord {
        let (measures, measured) = (&self.measures, self.figures.is_some());
        LayerRecord {
            layer: self.layer.clone(),
            neurons: Some(self.neurons_offered),
            reliable: measures.reliable,
            shuffle_bias_nats: measures.shuffle_bias.as_ref().map(|bias| bias.mean_nats),
            ksg_pairs: measures.ksg.map(|sample| sample.pairs),
            entropy_network_box: measured.then(|| Quartiles::of(&mut measures.entropy_network_nats.clone())).flatten(),
            mutual_information_density: measured.then(|| Density::of(measures.mutual_information.condensed())).flatten(),
            figures: self.figures.clone().unwrap_or_default(),
        }
    }
}

/// The newest figures of one layer.
#[derive(Debug)]
pub struct Rolling {
    reports: usize,
    newest: VecDeque<LayerFigures>,
}

impl Rolling {
    /// Creates means over at most `reports` reports.
    #[must_use]
    pub fn new(reports: usize) -> Self {
        Rolling { reports, newest: VecDeque::new() }
    }

    /// Adds a report's figures and returns the new means.
    pub fn push(&mut self, figures: LayerFigures) -> Option<LayerFigures> {
        self.newest.push_back(figures);
        while self.newest.len() > self.reports {
            self.newest.pop_front();
        }
        self.means()
    }

    /// Returns the means over the kept reports of every measure that has a rolling series; `None` before the first.
    #[must_use]
    pub fn means(&self) -> Option<LayerFigures> {
        let rolls = |measure: &&Measure| measure.entry().series.is_some_and(|series| series.rolling.is_some());
        let mean_of = |measure: &Measure| (*measure, mean(self.newest.iter().filter_map(|figures| figures.get(*measure))));
        let means: LayerFigures = Measure::ALL.iter().filter(rolls).map(mean_of).collect();
        (!means.is_empty()).then_some(means)
    }
}

/// Returns the mean of each statistic; `None` for an empty list.
fn mean<'a>(distributions: impl Iterator<Item = &'a Distribution>) -> Option<Distribution> {
    let mut count = 0.0;
    let mut sums = [0.0; 5];
    for distribution in distributions {
        count += 1.0;
        for (sum, (_, value)) in sums.iter_mut().zip(distribution.by_name()) {
            *sum += value;
        }
    }
    let [mean, p05, p50, p90, p95] = sums.map(|sum| sum / count);
    (count > 0.0).then_some(Distribution { mean, p05, p50, p90, p95 })
}

/// Counts of values in buckets: a Prometheus histogram, filled epoch by epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketCounts {
    bounds: &'static [f64],
    /// One count per bound and one for values above all bounds; not cumulative.
    counts: Vec<u64>,
    sum: f64,
}

impl BucketCounts {
    /// Creates an empty histogram. `bounds` ascend; each is the inclusive upper end of a bucket.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        BucketCounts { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    /// Adds one observation per value.
    #[expect(clippy::indexing_slicing, reason = "there is one more count than bounds, for values above all bounds")]
    pub fn observe(&mut self, values: impl IntoIterator<Item = f64>) {
        for value in values {
            let bucket = self.bounds.partition_point(|bound| *bound < value);
            self.counts[bucket] += 1;
            self.sum += value;
        }
    }

    /// Returns each bound with the number of values at or below it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let totals = self.counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        });
        self.bounds.iter().copied().zip(totals)
    }

    /// Returns the number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of the values.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(value: f64) -> Distribution {
        Distribution { mean: value, p05: value, p50: value, p90: value, p95: value }
    }

    fn figures(value: f64, class: Option<f64>) -> LayerFigures {
        let mut figures: LayerFigures = Measure::ALL.iter().map(|measure| (*measure, Some(all(value)))).collect();
        figures.set(Measure::ClassInformationNats, class.map(all));
        figures
    }

    #[test]
    fn rolling_means_cover_the_newest_reports() {
        let mut rolling = Rolling::new(2);
        assert_eq!(rolling.means(), None);
        rolling.push(figures(1.0, None));
        rolling.push(figures(2.0, None));
        let means = rolling.push(figures(4.0, Some(1.0))).expect("three reports were pushed");
        assert_eq!(means.get(Measure::EntropyNetworkNats), Some(&all(3.0)));
        assert_eq!(means.get(Measure::MutualInformationNats), Some(&all(3.0)));
        assert_eq!(means.get(Measure::ClassInformationNats), Some(&all(1.0)), "absent values do not count as 0");
        assert_eq!(means.get(Measure::EntropyNetworkRatio), None, "it has no rolling series");
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let mut buckets = BucketCounts::new(&[0.1, 1.0]);
        buckets.observe([0.0, 0.1, 0.5, 1.0, 7.0]);
        assert_eq!(buckets.cumulative().collect::<Vec<_>>(), [(0.1, 2), (1.0, 4)]);
        assert_eq!(buckets.count(), 5);
        assert!((buckets.sum() - 8.6).abs() < 1e-12);
    }
}
