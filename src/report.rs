//! An epoch's numbers with their coverage: what the monitor hands to everything downstream.

use std::sync::Arc;
use std::time::Duration;

use crate::choices::Mode;
use crate::detect::{Hints, LayerObservation, Observation};
use crate::document::Spread;
use crate::event::EpochMetrics;
use crate::identity::LayerName;
use crate::info::{Distribution, LayerMeasures};
use crate::run::Run;
use crate::statistics::TrailingMean;
use crate::units::Epoch;
use crate::verdict::{Alarm, Answer, Kind, Verdict};

/// Everything that is known of a run after an epoch.
#[derive(Debug)]
pub struct EpochReport {
    /// The run.
    pub run: Arc<Run>,
    /// The epoch.
    pub epoch: Epoch,
    /// Whether the trainer's end of the epoch was lost and inferred from what came after it.
    pub end_inferred: bool,
    /// What the trainer measured itself.
    pub metrics: EpochMetrics,
    /// Rows in the window that the numbers are computed from.
    pub rows: usize,
    /// Rows measured / rows offered in this epoch; `None` where none was offered.
    pub coverage: Option<f64>,
    /// Entropy in nats of the classes that the network predicts; `None` without predictions.
    pub prediction_entropy_nats: Option<f64>,
    /// The layers that were measured, in forward order.
    pub layers: Vec<LayerReport>,
    /// What each detector says.
    pub answers: Vec<(Kind, Answer)>,
    /// What it adds up to.
    pub verdict: Verdict,
    /// What the trainer's own numbers hint at; it decides nothing.
    pub hints: Hints,
    /// The alarms raised by this very epoch.
    pub raised: Vec<Alarm>,
    /// How long the measures took.
    pub compute: Duration,
    /// When the report was made, in seconds since 1970.
    pub made_at_unix_seconds: f64,
    /// The time since the run's report before this one.
    pub interval: Option<Duration>,
}

/// A layer's numbers after an epoch.
#[derive(Debug)]
pub struct LayerReport {
    /// The layer.
    pub layer: LayerName,
    /// How many neurons it has; the measures may hold fewer, chosen by seed.
    pub neurons_offered: usize,
    /// Value by value.
    pub measures: LayerMeasures,
    /// In brief; `None` for a layer that could not be measured.
    pub statistics: Option<LayerStatistics>,
    /// Means of `statistics` over the newest reports; `None` before the first.
    pub rolling: Option<RollingStatistics>,
}

/// Distributions over a layer's neurons or pairs of neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStatistics {
    /// Entropy in nats, one set of edges over all tapped layers.
    pub entropy_network_nats: Distribution,
    /// The same as a share of ln(number of bins).
    pub entropy_network_ratio: Distribution,
    /// Entropy in nats, each neuron with its own edges.
    pub entropy_neuron_nats: Distribution,
    /// The same as a share of ln(number of bins).
    pub entropy_neuron_ratio: Distribution,
    /// Mutual information of all pairs in nats; `None` for a layer of one neuron.
    pub mutual_information_nats: Option<Distribution>,
    /// Mutual information of all pairs as a share of the smaller entropy.
    pub mutual_information_ratio: Option<Distribution>,
    /// Information about the predicted class in nats; `None` without predictions.
    pub class_information_nats: Option<Distribution>,
}

impl LayerStatistics {
    /// Sums up a layer's measures; `None` for a layer that was skipped.
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

/// What detectors may know of an epoch, by each layer's statistics and whether they are reliable: of too few rows, none counts.
#[must_use]
pub fn observation<'layer>(
    epoch: Epoch,
    source: Mode,
    prediction_entropy_nats: Option<f64>,
    layers: impl IntoIterator<Item = (&'layer LayerName, Option<&'layer LayerStatistics>, bool)>,
) -> Observation {
    let of_layer = |(layer, statistics, reliable): (&LayerName, Option<&LayerStatistics>, bool)| {
        let statistics = statistics.filter(|_| reliable);
        let spread = |part: fn(&LayerStatistics) -> Option<&Distribution>| statistics.and_then(part).map(Spread::from);
        LayerObservation::of(
            layer.clone(),
            spread(|all| all.mutual_information_nats.as_ref()),
            spread(|all| all.class_information_nats.as_ref()),
        )
    };
    Observation { epoch, source, prediction_entropy_nats, layers: layers.into_iter().map(of_layer).collect() }
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

/// The newest reports' statistics of one layer.
#[derive(Debug)]
pub struct Rolling {
    reports: usize,
    entropy_network_nats: TrailingMean<5>,
    entropy_neuron_nats: TrailingMean<5>,
    mutual_information_nats: TrailingMean<5>,
    class_information_nats: TrailingMean<5>,
}

impl Rolling {
    /// Means over at most `reports` reports.
    #[must_use]
    pub fn new(reports: usize) -> Self {
        let [entropy_network_nats, entropy_neuron_nats, mutual_information_nats, class_information_nats] = Default::default();
        Rolling { reports, entropy_network_nats, entropy_neuron_nats, mutual_information_nats, class_information_nats }
    }

    /// Adds a report's statistics and returns the means that now hold.
    pub fn push(&mut self, statistics: &LayerStatistics) -> Option<RollingStatistics> {
        let parts = [
            (&mut self.entropy_network_nats, Some(&statistics.entropy_network_nats)),
            (&mut self.entropy_neuron_nats, Some(&statistics.entropy_neuron_nats)),
            (&mut self.mutual_information_nats, statistics.mutual_information_nats.as_ref()),
            (&mut self.class_information_nats, statistics.class_information_nats.as_ref()),
        ];
        for (mean, part) in parts {
            mean.push_all(part.map(|part| part.by_name().map(|(_, value)| value)), self.reports);
        }
        self.means()
    }

    /// The means over the kept reports; `None` before the first.
    #[must_use]
    pub fn means(&self) -> Option<RollingStatistics> {
        let of =
            |part: &TrailingMean<5>| part.means().map(|[mean, p05, p50, p90, p95]| Distribution { mean, p05, p50, p90, p95 });
        Some(RollingStatistics {
            entropy_network_nats: of(&self.entropy_network_nats)?,
            entropy_neuron_nats: of(&self.entropy_neuron_nats)?,
            mutual_information_nats: of(&self.mutual_information_nats),
            class_information_nats: of(&self.class_information_nats),
        })
    }
}

/// Counts of values up to each of a list of bounds: a Prometheus histogram, filled epoch by epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketCounts {
    bounds: &'static [f64],
    /// One per bound and one for what lies above all of them; not cumulative.
    counts: Vec<u64>,
    sum: f64,
}

impl BucketCounts {
    /// No values yet; `bounds` ascend and belong to the bucket below them.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        BucketCounts { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    /// Adds one observation per value.
    #[expect(clippy::indexing_slicing, reason = "there is one count more than bounds, for what lies above all of them")]
    pub fn observe(&mut self, values: impl IntoIterator<Item = f64>) {
        for value in values {
            let bucket = self.bounds.partition_point(|bound| *bound < value);
            self.counts[bucket] += 1;
            self.sum += value;
        }
    }

    /// Each bound with the number of values at or below it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let totals = self.counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        });
        self.bounds.iter().copied().zip(totals)
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What they add up to.
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
        rolling.push(&statistics(1.0, None));
        rolling.push(&statistics(2.0, None));
        let means = rolling.push(&statistics(4.0, Some(1.0))).expect("three reports were pushed");
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
