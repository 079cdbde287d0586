//! The thresholds of the detectors.

use std::path::PathBuf;

use crate::vocabulary::choices::StopOn;
use crate::vocabulary::identity::RunName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Finding, Harm, Kind};

/// The thresholds of all detectors: the section `detect` of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectParams {
    /// Observations in a trailing mean.
    pub smooth: usize,
    /// Quiet epochs in a row after which an alarm ends.
    pub quiet_epochs: u32,
    /// The rule that compares rows that are trained on with rows that are not.
    pub divergence: DivergenceParams,
    /// The rule that compares what the network predicts with what it predicted before, where unseen rows have no labels.
    pub consensus: ConsensusParams,
    /// The rule for learning by heart from the start.
    pub gap: GapParams,
    /// The rule that watches the information of the neurons, where there are no such rows.
    pub information: InformationParams,
    /// The rule for memorizing a shortcut.
    pub heuristic: HeuristicParams,
    /// The rule that compares with the baseline run.
    pub baseline: BaselineParams,
    /// The alarms that ask the trainer to stop.
    pub stop_on: Vec<StopOn>,
}

impl Default for DetectParams {
    fn default() -> Self {
        DetectParams {
            smooth: 2,
            quiet_epochs: 3,
            divergence: DivergenceParams::default(),
            consensus: ConsensusParams::default(),
            gap: GapParams::default(),
            information: InformationParams::default(),
            heuristic: HeuristicParams::default(),
            baseline: BaselineParams::default(),
            stop_on: vec![StopOn::Shown],
        }
    }
}

impl DetectParams {
    /// Whether an alarm of this finding asks the trainer to stop.
    #[must_use]
    pub fn stops_on(&self, finding: &Finding) -> bool {
        self.stop_on.iter().any(|on| match on {
            StopOn::Shown | StopOn::ExampleLevel => (finding.kind, finding.harm) == (Kind::ExampleLevel, Harm::Shown),
            StopOn::Suspected => finding.kind == Kind::ExampleLevel,
            StopOn::Heuristic => finding.kind == Kind::Heuristic,
            StopOn::Baseline => finding.kind == Kind::Baseline,
        })
    }
}

/// The thresholds of [`Divergence`](super::Divergence).
#[derive(Clone, Debug, PartialEq)]
pub struct DivergenceParams {
    /// Epochs in the mean of each row.
    pub smooth: usize,
    /// For how many epochs in a row.
    pub epochs: u32,
    /// How many standard errors the seen rows must have become better.
    pub seen_z: f64,
    /// How many standard errors the errors on unseen rows must have become more.
    pub errors_z: f64,
    /// How many standard errors the losses of unseen rows must have risen.
    pub losses_z: f64,
    /// The share of the unseen rows by which their errors must have become more.
    pub errors: f64,
    /// The share of its lowest value by which the loss on unseen rows must have risen.
    pub losses: f64,
}

impl Default for DivergenceParams {
    fn default() -> Self {
        DivergenceParams { smooth: 3, epochs: 2, seen_z: 2.5, errors_z: 1.5, losses_z: 2.5, errors: 0.01, losses: 0.02 }
    }
}

/// The thresholds of [`Consensus`](super::Consensus).
#[derive(Clone, Debug, PartialEq)]
pub struct ConsensusParams {
    /// How many standard errors the agreement with earlier epochs must have fallen.
    pub z: f64,
    /// The share of the unseen rows by which it must have fallen.
    pub agreement: f64,
}

impl Default for ConsensusParams {
    fn default() -> Self {
        ConsensusParams { z: 1.05, agreement: 0.01 }
    }
}

/// The thresholds of [`Rote`](super::Rote).
#[derive(Clone, Debug, PartialEq)]
pub struct GapParams {
    /// The share of the seen rows by which their errors must have become fewer.
    pub errors: f64,
    /// The share of that by which errors on unseen rows must at most have become fewer.
    pub share: f64,
    /// How many standard errors the two changes must differ by.
    pub z: f64,
}

impl Default for GapParams {
    fn default() -> Self {
        GapParams { errors: 0.05, share: 0.2, z: 3.0 }
    }
}

/// The thresholds of [`Information`](super::Information).
#[derive(Clone, Debug, PartialEq)]
pub struct InformationParams {
    /// The share of its recent maximum that a signal must have lost.
    pub decline: f64,
    /// How many epochs before the newest one the recent maximum may lie.
    pub within_epochs: u32,
    /// The share of its maximum over the whole run that a signal must have lost.
    pub decline_ever: f64,
    /// The first epoch that may raise an alarm.
    pub from_epoch: Epoch,
}

impl Default for InformationParams {
    fn default() -> Self {
        InformationParams { decline: 0.06, within_epochs: 6, decline_ever: 0.15, from_epoch: Epoch(2) }
    }
}

/// The thresholds of [`Heuristic`](super::Heuristic).
#[derive(Clone, Debug, PartialEq)]
pub struct HeuristicParams {
    /// The share of the predictions' entropy that single neurons of the first layer must explain.
    pub class_information_share: f64,
    /// How many times its value in the untrained network mutual information must reach at least.
    pub amplification: f64,
}

impl Default for HeuristicParams {
    fn default() -> Self {
        HeuristicParams { class_information_share: 0.6, amplification: 1.7 }
    }
}

/// The thresholds of [`Baseline`](super::Baseline), and the baseline run.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineParams {
    /// The output of `rotewatch train --json` for the baseline run. It is read where the [`Reference`](super::Reference) is made.
    pub file: Option<PathBuf>,
    /// The name of the baseline run in the history.
    pub run: Option<RunName>,
    /// How far mutual information must lie below the baseline run's, as a share of it.
    pub below: f64,
    /// How many times the baseline run's mutual information must be reached.
    pub times_above: f64,
}

impl Default for BaselineParams {
    fn default() -> Self {
        BaselineParams { file: None, run: None, below: 0.2, times_above: 1.6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_alarms_that_are_listed_stop() {
        let stops = |on, kind, harm| {
            let finding = Finding {
                kind,
                harm,
                score: 2.0,
                onset_epoch: Epoch(1),
                layers: Vec::new(),
                evidence: Vec::new(),
                why: String::new(),
                remedy: String::new(),
            };
            DetectParams { stop_on: vec![on], ..DetectParams::default() }.stops_on(&finding)
        };
        let all = [
            (Kind::ExampleLevel, Harm::Suspected),
            (Kind::ExampleLevel, Harm::Shown),
            (Kind::Heuristic, Harm::Suspected),
            (Kind::Baseline, Harm::Suspected),
        ];
        let table = [
            (StopOn::Shown, [false, true, false, false]),
            (StopOn::ExampleLevel, [false, true, false, false]),
            (StopOn::Suspected, [true, true, false, false]),
            (StopOn::Heuristic, [false, false, true, false]),
            (StopOn::Baseline, [false, false, false, true]),
        ];
        for (on, expected) in table {
            assert_eq!(all.map(|(kind, harm)| stops(on, kind, harm)), expected, "{on}");
        }
        assert_eq!(DetectParams::default().stop_on, [StopOn::Shown], "weak evidence stops nothing by default");
    }
}
