//! The contents of the history, as plain values.

use serde::Serialize;

use rotewatch_core::record::VerdictRecord;
use rotewatch_core::vocabulary::choices::{Ending, Mode};
use rotewatch_core::vocabulary::identity::{Attempt, LayerName, RunName};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_info::measures::PairMatrix;

/// A run in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    pub(super) id: i64,
    /// The name.
    pub name: RunName,
    /// The attempt.
    pub attempt: Attempt,
    /// Identifies its rows; `None` if the client did not send it.
    pub probe: Option<String>,
    /// The trainer's framework, for display.
    pub framework: String,
    /// Where the rows came from.
    pub mode: Mode,
    /// The tapped layers in forward order.
    pub layers: Vec<LayerName>,
    /// When it was declared, in seconds since 1970.
    pub declared_at: f64,
    /// How it ended; `None` while it is training, or if it was interrupted.
    pub ending: Option<Ending>,
    /// Whether it was interrupted, since its daemon ended first.
    pub is_interrupted: bool,
    /// When it ended, in seconds since 1970.
    pub finished_at: Option<f64>,
    /// Why it was asked to stop, if it was.
    pub stop_reason: Option<String>,
    /// When its newest epoch was reported, in seconds since 1970.
    pub updated_at: Option<f64>,
    /// Its newest epoch; all epochs in the history are committed.
    pub newest_epoch: Option<Epoch>,
    /// The number of epochs that are kept.
    pub epochs: u64,
    /// The newest verdict; `None` before the first epoch.
    pub verdict: Option<VerdictRecord>,
    /// Whether it is the baseline that others are compared with.
    pub is_baseline: bool,
}

/// Selects the epochs of a run to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs {
    /// Only epochs after this one.
    pub after: Option<Epoch>,
    /// Only epochs before this one.
    pub before: Option<Epoch>,
    /// At most this number of epochs, the newest ones.
    pub most: usize,
}

impl Epochs {
    /// All epochs.
    pub const ALL: Epochs = Epochs { after: None, before: None, most: usize::MAX >> 1 };

    /// The newest epochs.
    #[must_use]
    pub fn newest(most: usize) -> Self {
        Epochs { most, ..Epochs::ALL }
    }

    /// Returns whether the selection can contain any epoch.
    #[must_use]
    pub fn holds_any(&self) -> bool {
        let first = self.after.map_or(0, |after| u64::from(after.0) + 1);
        self.most > 0 && self.before.is_none_or(|before| u64::from(before.0) > first)
    }
}

/// The result of notifying a hook, in the history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredOutcome {
    /// The hook's name.
    pub hook: String,
    /// The kind of memorization.
    pub kind: String,
    /// The epoch of the onset.
    pub onset_epoch: Epoch,
    /// The epoch of the alarm.
    pub alarm_epoch: Epoch,
    /// The number of tries.
    pub tries: u32,
    /// The result.
    pub result: String,
    /// The result in words.
    pub detail: String,
    /// The time, in seconds since 1970.
    #[serde(rename = "time")]
    pub at: f64,
}

/// The values of each neuron of a layer after an epoch, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredNeurons {
    /// Entropy with the network's edges.
    pub entropy_network_nats: Vec<f64>,
    /// Entropy with each neuron's own edges.
    pub entropy_neuron_nats: Vec<f64>,
    /// Information about the predicted class.
    pub class_information_nats: Option<Vec<f64>>,
}

/// The mutual information of a layer's neurons after an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMatrix {
    /// The epoch.
    pub epoch: Epoch,
    /// In nats; the error of each value is at most 1 / 131,070 of the largest.
    pub pairs: PairMatrix,
    /// Each neuron's entropy with its own edges, in nats: the diagonal.
    pub entropy_neuron_nats: Vec<f64>,
}
