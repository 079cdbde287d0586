//! The summary of a training: one JSON document, or a few lines.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::final_layers;
use rotewatch_core::intake::gate::{DropReason, FlowCounts};
use rotewatch_core::intake::stop::StopReason;
use rotewatch_core::monitor::report::EpochReport;
use rotewatch_core::record::training::FinalLayer;
use rotewatch_core::record::{EpochRecord, Hints, VerdictRecord, document};
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::{MemorizedShare, Verdict};

/// Collects the data of the summary.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// The run's name; `None` without a monitor.
    pub(super) run: Option<RunName>,
    /// A description of the measured rows; `None` without a monitor.
    pub(super) probe: Option<String>,
    /// The verdict after the last epoch; `None` without a monitor.
    pub(super) verdict: Option<Verdict>,
    /// The share of the training rows that the network knows by heart after the last epoch.
    pub(super) memorized_share: Option<MemorizedShare>,
    /// Why training ended before its last epoch.
    pub(super) stopped: Option<StopReason>,
    /// The weights that were restored at the end.
    pub(super) restored: Option<Restored>,
    /// How many frames were measured and dropped.
    pub(super) flow: Option<FlowCounts>,
    /// The newest report, for data of the last epoch alone.
    pub(super) last_report: Option<Arc<EpochReport>>,
    epochs: Vec<EpochRecord>,
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

/// The document of `--json`.
#[derive(Serialize)]
struct Training<'a> {
    #[serde(flatten)]
    verdict: VerdictRecord,
    run: Option<&'a RunName>,
    probe: Option<&'a str>,
    last_epoch: Option<Epoch>,
    hints: Option<Hints>,
    stopped: Option<String>,
    restored_epoch: Option<Epoch>,
    restored_from: Option<String>,
    test_accuracy: Option<f64>,
    alarm_test_accuracy: Option<f64>,
    best_test_accuracy: Option<f64>,
    best_epoch: Option<u32>,
    frames: Option<Value>,
    final_layers: Option<Vec<FinalLayer>>,
    epochs: &'a [EpochRecord],
}

impl Summary {
    /// Adds an epoch.
    pub(super) fn add(&mut self, epoch: EpochRecord) {
        self.epochs.push(epoch);
    }

    fn test_accuracy_at(&self, epoch: u32) -> Option<f64> {
        self.epochs.iter().find(|line| line.epoch.0 == epoch)?.metrics.get("test_accuracy")
    }

    /// The test accuracy of the weights that the training ends with.
    fn last_test_accuracy(&self) -> Option<f64> {
        let trained = || self.epochs.last()?.metrics.get("test_accuracy");
        self.restored.as_ref().map(|restored| restored.test_accuracy).or_else(trained)
    }

    /// The best test accuracy, and the first epoch that reached it.
    fn best(&self) -> Option<(u32, f64)> {
        let accuracies = self.epochs.iter().filter_map(|line| Some((line.epoch.0, line.metrics.get("test_accuracy")?)));
        accuracies.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The document of `--json`, on one line.
    pub(super) fn to_json(&self) -> String {
        let alarm = self.verdict.as_ref().and_then(Verdict::last_alarm);
        let best = self.best();
        let training = Training {
            verdict: VerdictRecord::from(self.verdict.as_ref()).with_share(self.memorized_share),
            run: self.run.as_ref(),
            probe: self.probe.as_deref(),
            last_epoch: self.epochs.last().map(|epoch| epoch.epoch),
            hints: self.last_report.as_ref().map(|report| report.hints),
            stopped: self.stopped.as_ref().map(ToString::to_string),
            restored_epoch: self.restored.as_ref().map(|restored| restored.epoch),
            restored_from: self.restored.as_ref().map(|restored| restored.path.display().to_string()),
            test_accuracy: self.last_test_accuracy(),
            alarm_test_accuracy: alarm.and_then(|alarm| self.test_accuracy_at(alarm.alarm_epoch.0)),
            best_test_accuracy: best.map(|(_, accuracy)| accuracy),
            best_epoch: best.map(|(epoch, _)| epoch),
            frames: self.flow.as_ref().map(frames),
            final_layers: self.last_report.as_deref().map(final_layers::of),
            epochs: &self.epochs,
        };
        document(&training).to_string()
    }

    /// The lines for people.
    pub(super) fn to_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(reason) = &self.stopped {
            let epoch = self.epochs.last().map_or(0, |line| line.epoch.0);
            lines.push(format!("stopped after epoch {epoch}: {reason}"));
        }
        if let Some(verdict) = &self.verdict {
            lines.push(format!("verdict: {verdict}"));
        }
        lines.extend(self.memorized_share.map(|share| share.to_string()));
        lines.extend(self.last_report.as_deref().and_then(|report| hints_in_words(&report.hints)));
        if let Some((best_epoch, best)) = self.best() {
            let mut line = format!("test accuracy: best {:.1} % at epoch {best_epoch}", 100.0 * best);
            let alarm = self.verdict.as_ref().and_then(Verdict::last_alarm);
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
