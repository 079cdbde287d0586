//! Number types that could be confused with one another as bare numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of passes over the training data that the network has completed.
///
/// Epoch 0 is the untrained network, probed before the first step; epoch n follows the n-th pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The network before its first training step.
    pub const UNTRAINED: Epoch = Epoch(0);
}

impl TryFrom<u64> for Epoch {
    type Error = std::num::TryFromIntError;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        number.try_into().map(Self)
    }
}

impl From<Epoch> for u64 {
    fn from(epoch: Epoch) -> Self {
        epoch.0.into()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
