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

/// What decides, by what is known of the run: the best evidence that there is.
enum Basis {
    /// Errors of both sets.
    Errors,
    /// Losses of both sets, without classes.
    Losses,
    /// Predicted classes of unseen rows.
    Consensus,
    /// The neurons alone.
    Information,
}

impl ExampleLevel {
    fn basis(&self) -> Basis {
        if self.errors.judges() {
            Basis::Errors
        } else if self.losses.judges() {
            Basis::Losses
        } else if self.consensus.is_fed() {
            Basis::Consensus
        } else {
            Basis::Information
        }
    }
}

impl Detector for ExampleLevel {
    fn kind(&self) -> Kind {
        Kind::ExampleLevel
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        // Each follows the run from its start, since what is known of it may change.
        let errors = self.errors.judge(observation, params);
        let losses = self.losses.judge(observation, params);
        let rote = self.rote.judge(observation, params);
        let consensus = self.consensus.judge(observation, params);
        let information = self.information.judge(observation, params);
        match self.basis() {
            Basis::Errors => strongest([errors, losses, rote]),
            Basis::Losses => losses,
            Basis::Consensus => consensus,
            Basis::Information => information,
        }
    }

    fn possible_onsets(&self, params: &DetectParams) -> Vec<Epoch> {
        let deciding: &[&dyn Detector] = match self.basis() {
            Basis::Errors => &[&self.errors, &self.losses, &self.rote],
            Basis::Losses => &[&self.losses],
            Basis::Consensus => &[&self.consensus],
            Basis::Information => &[&self.information],
        };
        let mut onsets: Vec<Epoch> = deciding.iter().flat_map(|detector| detector.possible_onsets(params)).collect();
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
    fn without_labels_of_unseen_rows_the_consensus_decides_and_falling_information_waits_for_it() {
        let mut detector = ExampleLevel::default();
        let unlabelled = |rows: Option<Arc<RowNumbers>>| {
            let predictions = (0..1000).map(|row| row % 10).collect();
            rows.map(|_| Arc::new(RowNumbers::of_predictions(predictions)))
        };
        let answers = (1_u16..10).map(|epoch| {
            let rows = EpochRows { unseen: unlabelled(rows(300, 1.0)), seen: rows(300 - 20 * epoch, 1.0) };
            let class = Some(0.9 - 0.05 * f64::from(epoch));
            let observation = Observation { rows, neighbour_agreement: Some(0.9), ..observation(epoch.into(), class, Some(0.2)) };
            detector.judge(&observation, &params())
        });
        let answers: Vec<Answer> = answers.collect();
        assert!(answers[..7].iter().all(|answer| matches!(answer, Answer::TooEarly { .. })), "{answers:?}");
        assert!(matches!(answers[8], Answer::Quiet { .. }), "it stays with what it agreed on");
        assert_eq!(detector.possible_onsets(&params()), [Epoch(9)]);
    }

    #[test]
    fn errors_show_the_harm_that_losses_suspect() {
        let series = [[rows(300, 1.0), rows(290, 0.9)], [rows(301, 1.2), rows(200, 0.7)], [rows(340, 1.4), rows(100, 0.5)]];
        assert_eq!(found(&series), [None, Some(Harm::Suspected), Some(Harm::Shown)]);
    }
}
