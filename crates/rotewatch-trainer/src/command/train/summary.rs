//! The summary of a training: one JSON document, or a few lines.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::final_layers;
use super::line::{EpochLine, LayerLine};
use rotewatch_core::detect::Hints;
use rotewatch_core::intake::gate::{DropReason, FlowCounts};
use rotewatch_core::intake::stop::StopReason;
use rotewatch_core::monitor::report::EpochReport;
use rotewatch_core::record::json::{self, distribution, finite, object};
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Verdict;

/// Collects the data of the summary.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// The run's name; `None` without a monitor.
    pub(super) run: Option<RunName>,
    /// A description of the measured rows; `None` without a monitor.
    pub(super) probe: Option<String>,
    /// The verdict after the last epoch; `None` without a monitor.
    pub(super) verdict: Option<Verdict>,
    /// Why training ended before its last epoch.
    pub(super) stopped: Option<StopReason>,
    /// The weights that were restored at the end.
    pub(super) restored: Option<Restored>,
    /// How many frames were measured and dropped.
    pub(super) flow: Option<FlowCounts>,
    /// The newest report, for data of the last epoch alone.
    pub(super) last_report: Option<Arc<EpochReport>>,
    history: Vec<EpochLine>,
}

/// Weights of an earlier epoch that were restored at the end of a training.
#[derive(Debug)]
pub(super) struct Restored {
    /// The epoch of the weights.
    pub(super) epoch: Epoch,
    /// Their accuracy on the clean test set.
    pub(super) test_accuracy: f64,
    /// Their file.
    pub(super) path: PathBuf,
}

impl Summary {
    /// Adds an epoch.
    pub(super) fn add(&mut self, line: EpochLine) {
        self.history.push(line);
    }

    fn test_accuracy_at(&self, epoch: u32) -> Option<f64> {
        self.history.iter().find(|line| line.epoch.0 == epoch)?.metrics.get("test_accuracy")
    }

    /// The test accuracy of the weights that the training ends with.
    fn last_test_accuracy(&self) -> Option<f64> {
        let trained = || self.history.last()?.metrics.get("test_accuracy");
        self.restored.as_ref().map(|restored| restored.test_accuracy).or_else(trained)
    }

    /// The best test accuracy, and the first epoch that reached it.
    fn best(&self) -> Option<(u32, f64)> {
        let accuracies = self.history.iter().filter_map(|line| Some((line.epoch.0, line.metrics.get("test_accuracy")?)));
        accuracies.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The document of `--json`, on one line.
    pub(super) fn to_json(&self) -> String {
        let alarm = self.verdict.as_ref().and_then(Verdict::alarm);
        let last = self.history.last();
        let best = self.best();
        let alarm_epoch = alarm.map(|alarm| alarm.alarm_epoch.0);
        let mut document = json::verdict(self.verdict.as_ref());
        document.extend(json::object(json!({
            "run": self.run.as_ref().map(RunName::as_str),
            "probe": self.probe,
            "epochs": last.map(|line| line.epoch.0),
            "hints": self.last_report.as_deref().map(|report| json::hints(&report.hints)),
            "stopped": self.stopped.as_ref().map(ToString::to_string),
            "restored_epoch": self.restored.as_ref().map(|restored| restored.epoch.0),
            "restored_from": self.restored.as_ref().map(|restored| restored.path.display().to_string()),
            "test_accuracy": self.last_test_accuracy(),
            "alarm_test_accuracy": alarm_epoch.and_then(|epoch| self.test_accuracy_at(epoch)),
            "best_test_accuracy": best.map(|(_, accuracy)| accuracy),
            "best_epoch": best.map(|(epoch, _)| epoch),
            "frames": self.flow.as_ref().map(frames),
            "final_layers": self.last_report.as_deref().map(final_layers::document),
            "history": self.history.iter().map(epoch).collect::<Vec<_>>(),
        })));
        Value::Object(document).to_string()
    }

    /// The lines for people.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(reason) = &self.stopped {
            let epoch = self.history.last().map_or(0, |line| line.epoch.0);
            lines.push(format!("stopped after epoch {epoch}: {reason}"));
        }
        if let Some(verdict) = &self.verdict {
            lines.push(format!("verdict: {verdict}"));
        }
        lines.extend(self.last_report.as_deref().and_then(|report| hints_in_words(&report.hints)));
        if let Some((best_epoch, best)) = self.best() {
            let mut line = format!("test accuracy: best {:.1} % at epoch {best_epoch}", 100.0 * best);
            let alarm = self.verdict.as_ref().and_then(Verdict::alarm);
            for (what, at) in
                [("onset", alarm.map(|alarm| alarm.finding.onset_epoch)), ("alarm", alarm.map(|alarm| alarm.alarm_epoch))]
            {
                if let Some((epoch, accuracy)) = at.and_then(|epoch| Some((epoch, self.test_accuracy_at(epoch.0)?))) {
                    let _ = write!(line, ", {:.1} % at the {what} (epoch {epoch})", 100.0 * accuracy);
                }
            }
            if let Some(last) = self.last_test_accuracy() {
                let whose = if self.restored.is_some() { "with the restored weights" } else { "at the end" };
                let _ = write!(line, ", {:.1} % {whose}", 100.0 * last);
            }
            lines.push(line);
        }
        if let Some(Restored { epoch, path, .. }) = &self.restored {
            lines.push(format!("weights of epoch {epoch}: {}", path.display()));
        }
        if let Some(flow) = self.flow.filter(|flow| flow.measured < flow.offered) {
            lines.push(format!("frames: {} of {} measured", flow.measured, flow.offered));
        }
        lines
    }
}

/// The hints in words; `None` without any.
fn hints_in_words(hints: &Hints) -> Option<String> {
    let wave = hints.label_wave_epoch.map(|epoch| format!("predictions changed least around epoch {epoch} (Label Wave)"));
    let gap = hints.loss_gap.map(|gap| {
        format!(
            "held-out loss is {:.2} nats above training loss (lowest: {:.2} at epoch {})",
            gap.nats, gap.lowest_nats, gap.lowest_epoch
        )
    });
    let all: Vec<String> = [wave, gap].into_iter().flatten().collect();
    (!all.is_empty()).then(|| format!("hints (no effect on the verdict): {}", all.join("; ")))
}

fn frames(flow: &FlowCounts) -> Value {
    let dropped: Map<String, Value> =
        DropReason::ALL.into_iter().zip(flow.dropped).map(|(reason, count)| (reason.to_string(), count.into())).collect();
    json!({
        "offered": flow.offered,
        "measured": flow.measured,
        "dropped": dropped,
        "queued": flow.queued,
        "wait_seconds": flow.tap_wait.as_secs_f64(),
    })
}

fn epoch(line: &EpochLine) -> Value {
    let metrics: Map<String, Value> = line.metrics.iter().map(|(name, value)| (name.to_owned(), finite(value))).collect();
    json!({
        "epoch": line.epoch.0,
        "metrics": metrics,
        "prediction_entropy_nats": line.prediction_entropy_nats.map(finite),
        "verdict": line.verdict.as_ref().map(Verdict::as_str),
        "layers": line.layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

fn layer(layer: &LayerLine) -> Value {
    let mut document = object(json!({ "name": layer.name, "shuffle_bias_nats": layer.shuffle_bias_nats.map(finite) }));
    if let Some(ksg) = &layer.ksg {
        document.insert("ksg_nats".to_owned(), distribution(&ksg.nats));
        document.insert("ksg_pairs".to_owned(), ksg.pairs.into());
    }
    let Some(statistics) = &layer.statistics else { return Value::Object(document) };
    let measures = [
        ("entropy_network_nats", Some(&statistics.entropy_network_nats)),
        ("entropy_neuron_nats", Some(&statistics.entropy_neuron_nats)),
        ("mutual_information_nats", statistics.mutual_information_nats.as_ref()),
        ("mutual_information_ratio", statistics.mutual_information_ratio.as_ref()),
        ("class_information_nats", statistics.class_information_nats.as_ref()),
    ];
    for (name, measure) in measures {
        document.insert(name.to_owned(), measure.map_or(Value::Null, distribution));
    }
    Value::Object(document)
}
