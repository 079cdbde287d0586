//! An epoch as the trainer shows it, in a line and in the JSON.

use rotewatch_core::intake::event::EpochMetrics;
use rotewatch_core::monitor::report::{EpochReport, LayerReport, LayerStatistics};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Verdict;
use rotewatch_info::measures::KsgSample;

/// An epoch as it is shown and summarised.
#[derive(Clone, Debug)]
pub(super) struct EpochLine {
    /// The epoch.
    pub(super) epoch: Epoch,
    /// The trainer's metrics.
    pub(super) metrics: EpochMetrics,
    /// Entropy of the predicted classes, in nats.
    pub(super) prediction_entropy_nats: Option<f64>,
    /// The monitor's measurements of each layer.
    pub(super) layers: Vec<LayerLine>,
    /// The verdict; `None` without a monitor.
    pub(super) verdict: Option<Verdict>,
}

/// A summary of a layer's measurements.
#[derive(Clone, Debug)]
pub(super) struct LayerLine {
    pub(super) name: String,
    /// `None` for a layer that was not measured.
    pub(super) statistics: Option<LayerStatistics>,
    /// Mutual information from nearest neighbours on a sample of pairs, if the configuration enables it.
    pub(super) ksg: Option<KsgSample>,
    /// The shuffle null of the mean mutual information, in nats.
    pub(super) shuffle_bias_nats: Option<f64>,
}

impl EpochLine {
    /// An epoch without a monitor.
    pub(super) fn unwatched(epoch: Epoch, metrics: EpochMetrics) -> Self {
        EpochLine { epoch, metrics, prediction_entropy_nats: None, layers: Vec::new(), verdict: None }
    }

    /// An epoch from its report.
    pub(super) fn of(report: &EpochReport) -> Self {
        let of_layer = |layer: &LayerReport| LayerLine {
            name: layer.layer.to_string(),
            statistics: layer.statistics.clone(),
            ksg: layer.measures.ksg,
            shuffle_bias_nats: layer.measures.shuffle_bias.as_ref().map(|bias| bias.mean_nats),
        };
        EpochLine {
            epoch: report.epoch,
            metrics: report.metrics.clone(),
            prediction_entropy_nats: report.prediction_entropy_nats,
            layers: report.layers.iter().map(of_layer).collect(),
            verdict: Some(report.verdict.clone()),
        }
    }

    /// The columns after the epoch's number. Measurements are those of the last hidden layer.
    pub(super) fn columns(&self) -> String {
        let last = self.layers.last().and_then(|layer| layer.statistics.as_ref());
        let share = |name: &str| self.metrics.get(name).map(|value| 100.0 * value);
        let columns = [
            column("loss", self.metrics.get("train_loss"), 3, ""),
            column("accuracy", share("train_accuracy"), 1, " %"),
            column("test", share("test_accuracy"), 1, " %"),
            column("entropy", last.map(|of| of.entropy_network_nats.mean), 3, ""),
            column("MI", last.and_then(|of| of.mutual_information_nats).map(|of| of.mean), 3, ""),
            column("class", last.and_then(|of| of.class_information_nats).map(|of| of.p90), 3, ""),
        ];
        let mut text = columns.into_iter().flatten().collect::<Vec<_>>().join("  ");
        if let Some(verdict) = &self.verdict {
            let in_short = match verdict {
                Verdict::TooEarly { .. } => "too early",
                Verdict::Learning { .. } => "learning",
                Verdict::Memorizing { .. } => "MEMORIZING",
            };
            text.push_str("  ");
            text.push_str(in_short);
        }
        text
    }
}

fn column(name: &str, value: Option<f64>, decimals: usize, unit: &str) -> Option<String> {
    value.map(|value| format!("{name} {value:.decimals$}{unit}"))
}
