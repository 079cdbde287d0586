//! What every rule does.

use super::{DetectParams, Observation};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Kind};

/// A rule that judges one run, epoch by epoch.
pub trait Detector: Send {
    /// The kind of memorization it looks for.
    fn kind(&self) -> Kind;

    /// Adds an epoch and answers for the run so far. Observations come in the order of their epochs.
    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer;

    /// The epochs so far that a finding, now or later, may name as its onset. Empty if it is too early, or if the onset is always the
    /// epoch of the finding itself.
    fn possible_onsets(&self, params: &DetectParams) -> Vec<Epoch>;
}
