//! A layer's pairs as every surface writes them.

use rotewatch_info::measures::PairMatrix;
use rotewatch_info::measures::blocks::block_means;
use serde::Serialize;

use crate::vocabulary::identity::{Attempt, LayerName, RunName};
use crate::vocabulary::units::Epoch;

/// The mutual information of a layer's pairs after an epoch, as means over blocks of neighbouring neurons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatrixRecord {
    /// The run.
    pub run: RunName,
    /// The id of this training under the run's name.
    pub attempt: Attempt,
    /// The epoch.
    pub epoch: Epoch,
    /// The layer.
    pub layer: LayerName,
    /// Number of neurons.
    pub neurons: usize,
    /// Blocks a side.
    pub blocks: usize,
    /// Means in nats, row by row; the diagonal has each neuron's entropy.
    pub mutual_information_nats: Vec<Vec<f64>>,
}

impl MatrixRecord {
    /// Makes at most `most_blocks` blocks a side; `diagonal` has each neuron's entropy.
    #[must_use]
    pub fn of(
        (run, attempt): (RunName, Attempt),
        epoch: Epoch,
        layer: LayerName,
        (pairs, diagonal): (&PairMatrix, &[f64]),
        most_blocks: usize,
    ) -> Self {
        let means = block_means(pairs, diagonal, most_blocks);
        MatrixRecord { run, attempt, epoch, layer, neurons: pairs.neurons(), blocks: means.len(), mutual_information_nats: means }
    }
}
