//! A run as every surface writes and reads it.

use serde::{Deserialize, Serialize};

use super::epoch::CommittedEpoch;
use super::verdict::VerdictRecord;
use crate::vocabulary::identity::{Attempt, LayerName, RunName};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::Alarm;

/// The state of a run after its newest epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateRecord {
    /// The run.
    pub run: RunName,
    /// The id of this training under the run's name.
    pub attempt: Attempt,
    /// The newest epoch that was judged; `None` before the first.
    pub epoch: Option<Epoch>,
    /// The newest epoch that the history has committed.
    pub committed_epoch: Option<Epoch>,
    /// The verdict after that epoch.
    #[serde(flatten)]
    pub verdict: VerdictRecord,
    /// Whether the run was asked to stop.
    pub stop: bool,
    /// Why.
    pub reason: Option<String>,
}

/// A run in a list of runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its state.
    #[serde(flatten)]
    pub state: StateRecord,
    /// `training`, `finished`, `failed`, `stopped` or `interrupted`.
    pub status: String,
    /// Where the rows come from.
    pub mode: String,
    /// The trainer's framework.
    pub framework: String,
    /// When its newest epoch was reported, in seconds since 1970.
    pub updated_at: Option<f64>,
    /// Whether other runs are compared with it; only the history knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<bool>,
}

/// A run with its layers and its newest epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunDetail<'a> {
    /// The run as in a list.
    #[serde(flatten)]
    pub run: RunRecord,
    /// The layers that it declared, in forward order.
    pub declared_layers: &'a [LayerName],
    /// Its newest epoch; `None` before the first.
    pub last_epoch: Option<CommittedEpoch<'a>>,
}

/// The state of a run with every active alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerdictDetail {
    /// Its state.
    #[serde(flatten)]
    pub state: StateRecord,
    /// The active alarms, the one with the earliest onset first.
    pub findings: Vec<Alarm>,
}

/// Epochs of a run, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochsRecord<E> {
    /// The run.
    pub run: RunName,
    /// The id of this training under the run's name.
    pub attempt: Attempt,
    /// The newest epoch that the history has committed.
    pub committed_epoch: Option<Epoch>,
    /// The epochs.
    pub epochs: Vec<E>,
}

/// An alarm with its score and its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// The alarm.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// How far it was above the threshold: 1 is the threshold.
    pub score: Option<f64>,
    /// The epoch at which it ended; `None` while it is active.
    pub ended_epoch: Option<Epoch>,
}
