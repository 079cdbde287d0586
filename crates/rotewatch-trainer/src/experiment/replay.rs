//! Runs the detectors on recorded epochs, so that a threshold can be judged without training.

use rotewatch_core::detect::{DetectParams, Judge, Observation};
use rotewatch_core::record::TrainingDocument;
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_core::vocabulary::rows::EpochRows;
use rotewatch_core::vocabulary::verdict::Kind;

/// The first alarm of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayedAlarm {
    /// The epoch of the alarm.
    pub alarm_epoch: u32,
    /// The epoch whose weights would be restored.
    pub onset_epoch: u32,
}

/// The alarms of the detectors for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    /// The first alarm for memorizing wrong labels or single examples.
    pub example_level: Option<ReplayedAlarm>,
    /// The first alarm for memorizing a shortcut.
    pub heuristic: Option<ReplayedAlarm>,
}

/// Runs the detectors on a recorded run.
#[must_use]
pub fn replay(history: &TrainingDocument, source: Mode, params: &DetectParams) -> Alarms {
    let mut judge = Judge::new(None);
    let mut alarms = Alarms::default();
    for epoch in &history.epochs {
        let observation = Observation::of(
            epoch.epoch,
            (source, None),
            (epoch.prediction_entropy_nats, None),
            &epoch.layers,
            EpochRows::default(),
        );
        for alarm in judge.judge(&observation, params).raised {
            let first = match alarm.finding.kind {
                Kind::ExampleLevel => &mut alarms.example_level,
                Kind::Heuristic => &mut alarms.heuristic,
                // A recorded run has no baseline run.
                Kind::Baseline => continue,
            };
            let replayed = ReplayedAlarm { alarm_epoch: alarm.alarm_epoch.0, onset_epoch: alarm.finding.onset_epoch.0 };
            first.get_or_insert(replayed);
        }
    }
    alarms
}
