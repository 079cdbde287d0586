//! What a history holds, as plain values.

use serde_json::{Map, Value};

use rotewatch_core::intake::run::Attempt;
use rotewatch_core::monitor::live_runs::EpochSummary;
use rotewatch_core::vocabulary::choices::{Ending, Mode};
use rotewatch_core::vocabulary::identity::{LayerName, RunName};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_info::measures::PairMatrix;

/// A run as the history has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    pub(super) id: i64,
    /// The name.
    pub name: RunName,
    /// The training under that name.
    pub attempt: Attempt,
    /// What its rows are recognised by; `None` where nobody said.
    pub probe: Option<String>,
    /// The trainer's framework, for people.
    pub framework: String,
    /// Where the rows came from.
    pub mode: Mode,
    /// The tapped layers in forward order.
    pub layers: Vec<LayerName>,
    /// When it was declared, in seconds since 1970.
    pub declared_at: f64,
    /// How it ended; `None` while it is trained, or where its end was lost with its daemon.
    pub ending: Option<Ending>,
    /// Whether its end was lost with its daemon.
    pub is_interrupted: bool,
    /// When it ended, in seconds since 1970.
    pub finished_at: Option<f64>,
    /// Why it was asked to stop, if it was.
    pub stop_reason: Option<String>,
    /// When its newest epoch was reported, in seconds since 1970.
    pub updated_at: Option<f64>,
    /// Its newest epoch; every epoch here is committed.
    pub newest_epoch: Option<Epoch>,
    /// How many epochs are kept.
    pub epochs: u64,
    /// The newest verdict as [`rotewatch_core::record::json::verdict`] writes it; empty before the first epoch.
    pub standing: Map<String, Value>,
    /// Whether others are compared with it.
    pub is_baseline: bool,
}

/// An epoch as the history has it.
#[derive(Clone, Debug)]
pub struct StoredEpoch {
    /// Its figures.
    pub summary: EpochSummary,
    /// Whether the trainer's end of the epoch was lost.
    pub end_inferred: bool,
    /// Of each layer of the summary, whether it had enough rows for a verdict.
    pub reliable: Vec<bool>,
}

/// Which epochs of a run are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs {
    /// Those behind this one alone.
    pub after: Option<Epoch>,
    /// Those ahead of this one alone.
    pub before: Option<Epoch>,
    /// At most so many, the newest ones.
    pub most: usize,
}

impl Epochs {
    /// Every one.
    pub const ALL: Epochs = Epochs { after: None, before: None, most: usize::MAX >> 1 };

    /// The newest ones.
    #[must_use]
    pub fn newest(most: usize) -> Self {
        Epochs { most, ..Epochs::ALL }
    }

    /// Whether there can be any.
    #[must_use]
    pub fn holds_any(&self) -> bool {
        let first = self.after.map_or(0, |after| u64::from(after.0) + 1);
        self.most > 0 && self.before.is_none_or(|before| u64::from(before.0) > first)
    }
}

/// An alarm as the history has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFinding {
    /// As [`rotewatch_core::record::json::alarm`] writes it.
    pub alarm: Map<String, Value>,
    /// How far over the threshold it was.
    pub score: Option<f64>,
    /// The epoch from which it counts as ended; `None` while it stands.
    pub ended_epoch: Option<Epoch>,
}

/// What came of telling a hook, as the history has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredOutcome {
    /// The hook's name.
    pub hook: String,
    /// The kind of memorization.
    pub kind: String,
    /// When it set in.
    pub onset_epoch: Epoch,
    /// When it was found.
    pub alarm_epoch: Epoch,
    /// How often the hook was tried.
    pub tries: u32,
    /// What came of it.
    pub result: String,
    /// The same for people.
    pub detail: String,
    /// When, in seconds since 1970.
    pub at: f64,
}

/// A layer's values after an epoch, neuron by neuron, in nats.
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
    /// In nats, each value off by at most 1 / 131,070 of the largest.
    pub pairs: PairMatrix,
    /// Each neuron's entropy with its own edges, in nats: the diagonal.
    pub entropy_neuron_nats: Vec<f64>,
}
