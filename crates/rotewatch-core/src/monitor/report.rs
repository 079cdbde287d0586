//! An epoch's measures with their coverage, as the monitor hands them to all consumers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::detect::{ClassInformation, Hints, LayerObservation};
use crate::intake::event::EpochMetrics;
use crate::intake::run::Run;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Alarm, Answer, Kind, Verdict};
use rotewatch_info::measures::{Distribution, LayerMeasures};

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
    pub statistics: Option<LayerStatistics>,
    /// Means of `statistics` over the newest reports; `None` before the first.
    pub rolling: Option<RollingStatistics>,
}

/// Distributions over a layer's neurons or pairs of neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStatistics {
    /// Entropy in nats, with shared bin edges for all tapped layers.
    pub entropy_network_nats: Distribution,
    /// The entropy above as a share of ln(number of bins).
    pub entropy_network_ratio: Distribution,
    /// Entropy in nats, with each neuron's own bin edges.
    pub entropy_neuron_nats: Distribution,
    /// The entropy above as a share of ln(number of bins).
    pub entropy_neuron_ratio: Distribution,
    /// Mutual information of all pairs in nats; `None` for a layer with one neuron.
    pub mutual_information_nats: Option<Distribution>,
    /// Mutual information of all pairs as a share of the smaller entropy.
    pub mutual_information_ratio: Option<Distribution>,
    /// Information about the predicted class in nats; `None` without predictions.
    pub class_information_nats: Option<Distribution>,
}

impl LayerStatistics {
    /// Summarizes a layer's measures; `None` for a layer that was skipped.
    #[must_use]
    pub fn of(measures: &LayerMeasures) -> Option<Self> {
        let of = |values: &[f64]| Distribution::of(&mut values.to_vec());
        Some(LayerStatistics {
            entropy_network_nats: of(&measures.entropy_network_nats)?,
            entropy_network_ratio: of(&measures.entropy_network_ratio())?,
            entropy_neuron_nats: of(&measures.entropy_neuron_nats)?,
            entropy_neuron_ratio: of(&measures.entropy_neuron_ratio())?,
            mutual_information_nats: of(measures.mutual_information.condensed()),
            mutual_information_ratio: of(measures.normalised_mi.condensed()),
            class_information_nats: measures.class_information_nats.as_deref().and_then(of),
        })
    }
}

/// Returns what the detectors see of a layer; `None` if `statistics` are missing or unreliable (too few rows).
#[must_use]
pub fn layer_observation(layer: &LayerName, statistics: Option<&LayerStatistics>) -> LayerObservation {
    LayerObservation {
        layer: layer.clone(),
        mutual_information_mean_nats: statistics.and_then(|all| all.mutual_information_nats).map(|all| all.mean),
        class_information_nats: statistics
            .and_then(|all| all.class_information_nats)
            .map(|all| ClassInformation { p90: all.p90, mean: all.mean }),
    }
}

/// The parts of [`LayerStatistics`] of which rolling means are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct RollingStatistics {
    /// See [`LayerStatistics::entropy_network_nats`].
    pub entropy_network_nats: Distribution,
    /// See [`LayerStatistics::entropy_neuron_nats`].
    pub entropy_neuron_nats: Distribution,
    /// See [`LayerStatistics::mutual_information_nats`].
    pub mutual_information_nats: Option<Distribution>,
    /// See [`LayerStatistics::class_information_nats`].
    pub class_information_nats: Option<Distribution>,
}

/// The statistics of one layer in the newest reports.
#[derive(Debug)]
pub struct Rolling {
    reports: usize,
    newest: VecDeque<LayerStatistics>,
}

impl Rolling {
    /// Creates means over at most `reports` reports.
    #[must_use]
    pub fn new(reports: usize) -> Self {
        Rolling { reports, newest: VecDeque::new() }
    }

    /// Adds a report's statistics and returns the new means.
    pub fn push(&mut self, statistics: LayerStatistics) -> Option<RollingStatistics> {
        self.newest.push_back(statistics);
        while self.newest.len() > self.reports {
            self.newest.pop_front();
        }
        self.means()
    }

    /// Returns the means over the kept reports; `None` before the first.
    #[must_use]
    pub fn means(&self) -> Option<RollingStatistics> {
        let mean_of = |part: fn(&LayerStatistics) -> Option<Distribution>| mean(self.newest.iter().filter_map(part));
        Some(RollingStatistics {
            entropy_network_nats: mean_of(|statistics| Some(statistics.entropy_network_nats))?,
            entropy_neuron_nats: mean_of(|statistics| Some(statistics.entropy_neuron_nats))?,
            mutual_information_nats: mean_of(|statistics| statistics.mutual_information_nats),
            class_information_nats: mean_of(|statistics| statistics.class_information_nats),
        })
    }
}

/// Returns the mean of each statistic; `None` for an empty list.
fn mean(distributions: impl Iterator<Item = Distribution>) -> Option<Distribution> {
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

    fn statistics(value: f64, class: Option<f64>) -> LayerStatistics {
        LayerStatistics {
            entropy_network_nats: all(value),
            entropy_network_ratio: all(value),
            entropy_neuron_nats: all(value),
            entropy_neuron_ratio: all(value),
            mutual_information_nats: Some(all(value)),
            mutual_information_ratio: Some(all(value)),
            class_information_nats: class.map(all),
        }
    }

    #[test]
    fn rolling_means_cover_the_newest_reports() {
        let mut rolling = Rolling::new(2);
        assert_eq!(rolling.means(), None);
        rolling.push(statistics(1.0, None));
        rolling.push(statistics(2.0, None));
        let means = rolling.push(statistics(4.0, Some(1.0))).expect("three reports were pushed");
        assert_eq!(means.entropy_network_nats, all(3.0));
        assert_eq!(means.mutual_information_nats, Some(all(3.0)));
        assert_eq!(means.class_information_nats, Some(all(1.0)), "absent values do not count as 0");
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
