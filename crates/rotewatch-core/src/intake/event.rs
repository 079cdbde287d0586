//! The messages from the trainers to the monitor.

use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::intake::gate::Permit;
use crate::intake::run::{NewestVerdict, Run};
use crate::vocabulary::metrics::EpochMetrics;
use crate::vocabulary::rows::{RowNumbers, RowSet};
use crate::vocabulary::units::Epoch;

/// One message to the monitor.
#[derive(Debug)]
pub enum Event {
    /// A run was declared.
    Declared(Arc<Run>),
    /// Activations of some rows.
    Frame(Frame),
    /// A pass over the training data is complete.
    EpochEnd(EpochEnd),
    /// A run will send nothing more.
    Finished(Arc<Run>),
}

impl Event {
    /// Returns the run that the event belongs to.
    #[must_use]
    pub fn run(&self) -> &Arc<Run> {
        match self {
            Event::Declared(run) | Event::Finished(run) => run,
            Event::Frame(frame) => &frame.run,
            Event::EpochEnd(end) => &end.run,
        }
    }
}

/// The activations of the same rows in every tapped layer.
#[derive(Debug)]
pub struct Frame {
    /// The run it belongs to.
    pub run: Arc<Run>,
    /// The epoch in which it was taken.
    pub epoch: Epoch,
    /// Number of rows (examples).
    pub rows: usize,
    /// One entry per declared layer, in declared order; `None` if the layer sent nothing.
    pub layers: Vec<Option<LayerActivations>>,
    /// Whether the network is trained on these rows.
    pub set: RowSet,
    /// What the network says of each row.
    pub numbers: RowNumbers,
    /// The frame's place in the channel.
    pub permit: Permit,
}

/// One layer's part of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerActivations {
    /// Number of sampled neurons; `values` holds rows x neurons numbers.
    pub neurons: usize,
    /// Number of neurons in the layer.
    pub neurons_offered: usize,
    /// Row-major: the neurons of row 0, then those of row 1.
    pub values: Vec<f32>,
}

/// The end of an epoch, with the trainer's own metrics.
#[derive(Debug)]
pub struct EpochEnd {
    /// The run it belongs to.
    pub run: Arc<Run>,
    /// The epoch that ended.
    pub epoch: Epoch,
    /// Losses and accuracies.
    pub metrics: EpochMetrics,
    /// All rows that this run has offered so far, including dropped ones.
    pub rows_offered: u64,
    /// Where to send the verdict after this epoch, if the trainer waits for it.
    pub reply: Option<Sender<Arc<NewestVerdict>>>,
}
