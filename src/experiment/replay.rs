//! The recorded epochs handed to the detectors again, so that a threshold is judged without training.

use crate::choices::Mode;
use crate::detect::{DetectParams, Judge, LayerObservation, Observation};
use crate::document::{EpochRecord, LayerRecord, TrainingDocument};
use crate::units::Epoch;
use crate::verdict::Kind;

/// The first alarm of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayedAlarm {
    /// When the detector fired.
    pub alarm_epoch: u32,
    /// The epoch whose weights would be restored.
    pub onset_epoch: u32,
}

/// What the detectors make of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// The first alarm for examples learnt by heart.
    pub example_level: Option<ReplayedAlarm>,
    /// The first alarm for a shortcut.
    pub heuristic: Option<ReplayedAlarm>,
}

/// Runs the detectors over a recorded run.
#[must_use]
pub fn replay(history: &TrainingDocument, source: Mode, params: &DetectParams) -> Alarms {
    let mut judge = Judge::new(None);
    let mut alarms = Alarms::default();
    for epoch in &history.epochs {
        for alarm in judge.judge(&observation(epoch, source), params).raised {
            let first = match alarm.finding.kind {
                Kind::ExampleLevel => &mut alarms.example_level,
                Kind::Heuristic => &mut alarms.heuristic,
                // A recorded run is compared with none.
                Kind::Baseline => continue,
            };
            let replayed = ReplayedAlarm { alarm_epoch: alarm.alarm_epoch.0, onset_epoch: alarm.finding.onset_epoch.0 };
            first.get_or_insert(replayed);
        }
    }
    alarms
}

/// What the monitor told the detectors after this epoch.
fn observation(epoch: &EpochRecord, source: Mode) -> Observation {
    Observation {
        epoch: Epoch(epoch.epoch),
        source,
        prediction_entropy_nats: epoch.prediction_entropy_nats,
        layers: epoch.layers.iter().filter_map(layer).collect(),
    }
}

fn layer(record: &LayerRecord) -> Option<LayerObservation> {
    let layer = record.name.parse().ok()?;
    Some(LayerObservation::of(layer, record.mutual_information_nats, record.class_information_nats))
}
