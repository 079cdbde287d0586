//! Example-level memorization, from all that is known of it: one answer from several pieces of evidence.
//!
//! Where seen and unseen rows have labels, their divergence decides: by errors it shows harm, by losses it warns, as does a gap between them
//! from the start. Without labels of unseen rows, the network's own consensus decides. The information measures fall in healthy networks too
//! (batch norm, high learning rates, language models), so they raise an alarm of their own only where there is nothing better, and that
//! alarm warns.

use super::divergence::{Divergence, Signal};
use super::{Consensus, DetectParams, Detector, Information, Observation, Rote};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Harm, Kind};

/// Fuses the detectors of example-level memorization.
#[derive(Debug)]
pub struct ExampleLevel {
    errors: Divergence,
    losses: Divergence,
    rote: Rote,
    consensus: Consensus,
    information: Information,
}

impl Default for ExampleLevel {
    fn default() -> Self {
        ExampleLevel {
            errors: Divergence::of(Signal::Errors),
            losses: Divergence::of(Signal::Losses),
            rote: Rote::default(),
            consensus: Consensus::default(),
            information: Information::default(),
        }
    }
}

impl ExampleLevel {
    /// The detectors that decide, by what is known of the run: the best evidence that there is.
    fn deciding(&self) -> Vec<&dyn Detector> {
        if self.errors.judges() {
            vec![&self.errors, &self.losses, &self.rote]
        } else if self.losses.judges() {
            vec![&self.losses]
        } else if self.consensus.is_fed() {
            vec![&self.consensus]
        } else {
            vec![&self.information]
        }
    }
}

impl Detector for ExampleLevel {
    fn kind(&self) -> Kind {
        Kind::ExampleLevel
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        let errors = self.errors.judge(observation, params);
        let losses = self.losses.judge(observation, params);
        let rote = self.rote.judge(observation, params);
        let consensus = self.consensus.judge(observation, params);
        let information = self.information.judge(observation, params);
        // The order of the evidence is that of `deciding`.
        if self.errors.judges() {
            strongest([errors, losses, rote])
        } else if self.losses.judges() {
            losses
        } else if self.consensus.is_fed() {
            consensus
        } else {
            information
        }
    }

    fn possible_onsets(&self, params: &DetectParams) -> Vec<Epoch> {
        let mut onsets: Vec<Epoch> = self.deciding().into_iter().flat_map(|detector| detector.possible_onsets(params)).collect();
        onsets.sort_unstable();
        onsets.dedup();
        onsets
    }
}

/// The finding that shows harm, else one that suspects it, else the highest score.
fn strongest(answers: [Answer; 3]) -> Answer {
    let rank = |answer: &Answer| match answer {
        Answer::Finding(finding) if finding.harm == Harm::Shown => (3, finding.score),
        Answer::Finding(finding) => (2, finding.score),
        Answer::Quiet { score } => (1, *score),
        Answer::TooEarly { .. } | Answer::CannotJudge { .. } => (0, 0.0),
    };
    let [first, rest @ ..] = answers;
    rest.into_iter().fold(first, |best, other| {
        let ((best_rank, best_score), (other_rank, other_score)) = (rank(&best), rank(&other));
        if other_rank > best_rank || (other_rank == best_rank && other_score > best_score) { other } else { best }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::DivergenceParams;
    use super::super::tests::{observation, params};
    use super::*;
    use crate::vocabulary::rows::{EpochRows, RowNumbers};

    /// 1,000 rows with this share of errors and this loss.
    #[expect(clippy::unnecessary_wraps, reason = "a set that sent nothing has `None`")]
    fn rows(errors: u16, loss: f32) -> Option<Arc<RowNumbers>> {
        let losses = (0..1000_u16).map(|row| loss * (0.5 + f32::from(row) / 1000.0)).collect();
        let errors = (0..1000_u16).map(|row| if row < errors { 1.0 } else { 0.0 }).collect();
        Some(Arc::new(RowNumbers { losses: Some(losses), errors: Some(errors), ..RowNumbers::default() }))
    }

    /// The harm that is found at each epoch from 1 on, while class information falls.
    fn found(series: &[[Option<Arc<RowNumbers>>; 2]]) -> Vec<Option<Harm>> {
        let mut detector = ExampleLevel::default();
        let judge = |(number, [unseen, seen]): (usize, &[Option<Arc<RowNumbers>>; 2])| {
            let class = Some(0.9 - 0.1 * number as f64);
            let rows = EpochRows { unseen: unseen.clone(), seen: seen.clone() };
            let observation = Observation { rows, ..observation(number + 1, class, Some(0.2)) };
            match detector.judge(
                &observation,
                &DetectParams {
                    divergence: DivergenceParams { smooth: 1, epochs: 1, ..params().divergence },
                    smooth: 1,
                    ..params()
                },
            ) {
                Answer::Finding(finding) => Some(finding.harm),
                _ => None,
            }
        };
        series.iter().enumerate().map(judge).collect()
    }

    #[test]
    fn falling_information_warns_only_where_no_rows_are_known() {
        let healthy = [[rows(300, 1.0), rows(290, 0.9)], [rows(280, 0.9), rows(250, 0.8)], [rows(270, 0.8), rows(200, 0.7)]];
        assert_eq!(found(&healthy), [None, None, None]);
        assert_eq!(found(&[const { [None, None] }; 3]), [None, Some(Harm::Suspected), Some(Harm::Suspected)]);
    }

    #[test]
    fn errors_show_the_harm_that_losses_suspect() {
        let series = [[rows(300, 1.0), rows(290, 0.9)], [rows(301, 1.2), rows(200, 0.7)], [rows(340, 1.4), rows(100, 0.5)]];
        assert_eq!(found(&series), [None, Some(Harm::Suspected), Some(Harm::Shown)]);
    }
}
