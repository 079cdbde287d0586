//! The detectors of one run and its active alarms.

use std::sync::Arc;

use super::{Assessment, Baseline, DetectParams, Detector, ExampleLevel, Gap, Heuristic, Observation, Reference, Validity};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Alarm, Answer, Kind, MemorizedShare, Verdict, Weakness};

/// What to do where no detector has what it needs.
const LABELS: &str =
    "Send seen rows and the labels of both sets, or at least the predicted classes (Python: `seen=` and `loss=`)";

/// Runs the detectors for one attempt of one run. A new attempt gets a new judge, so every detector starts afresh.
pub struct Judge {
    benches: Vec<Bench>,
    validity: Validity,
    ended: Option<(Alarm, Epoch)>,
    gap: Gap,
}

/// A detector and the alarm it has raised.
struct Bench {
    detector: Box<dyn Detector>,
    alarm: Option<Alarm>,
    quiet_in_a_row: u32,
}

/// The answers of the detectors for an epoch, and the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Each detector's answer.
    pub answers: Vec<(Kind, Answer)>,
    /// The verdict that follows from them and from the alarms that are still active.
    pub verdict: Verdict,
    /// The alarms that this epoch raised.
    pub raised: Vec<Alarm>,
    /// The epochs so far that an alarm, now or later, may name as its onset.
    pub possible_onsets: Vec<Epoch>,
    /// The share of the training rows that the network knows by heart; `None` if that is unknown. It raises no alarm.
    pub memorized_share: Option<MemorizedShare>,
}

impl Judge {
    /// A judge that has seen no epoch yet. Without a reference, the run is not compared with a baseline.
    #[must_use]
    pub fn new(reference: Option<Arc<Reference>>) -> Self {
        let mut detectors: Vec<Box<dyn Detector>> = vec![Box::new(ExampleLevel::default()), Box::new(Heuristic::default())];
        detectors.extend(reference.map(|reference| Box::new(Baseline::new(reference)) as Box<dyn Detector>));
        Judge::of(detectors)
    }

    fn of(detectors: Vec<Box<dyn Detector>>) -> Self {
        let benches = detectors.into_iter().map(|detector| Bench { detector, alarm: None, quiet_in_a_row: 0 }).collect();
        Judge { benches, validity: Validity::default(), ended: None, gap: Gap::default() }
    }

    /// Judges an epoch. An alarm stays active until `quiet_epochs` quiet epochs in a row have passed. While it is active,
    /// further findings of the same detector do not raise it again, unless they show harm that was only suspected. An epoch whose
    /// evidence is unfit reaches no detector, so it neither raises an alarm nor ends one.
    pub fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Judgement {
        let assessment = self.validity.assess(observation);
        let mut answers = Vec::with_capacity(self.benches.len());
        let mut raised = Vec::new();
        for bench in &mut self.benches {
            let answer = match &assessment.unfit {
                Some(Weakness { reason, .. }) => Answer::CannotJudge { reason: reason.clone() },
                None => bench.detector.judge(observation, params),
            };
            match &answer {
                Answer::Finding(finding) => {
                    let before = bench.alarm.as_ref().map(|alarm| alarm.finding.harm);
                    // Harm that was shown and is only suspected since ends as an alarm does.
                    bench.quiet_in_a_row = if before > Some(finding.harm) { bench.quiet_in_a_row + 1 } else { 0 };
                    let has_eased = bench.quiet_in_a_row >= params.quiet_epochs;
                    // Harm that was suspected and is now shown is an alarm of its own.
                    if before < Some(finding.harm) || has_eased {
                        let alarm = Alarm { finding: finding.clone(), alarm_epoch: observation.epoch };
                        raised.push(alarm.clone());
                        let eased = bench.alarm.replace(alarm).filter(|_| has_eased);
                        self.ended = eased.map(|alarm| (alarm, observation.epoch)).or(self.ended.take());
                        bench.quiet_in_a_row = 0;
                    }
                }
                Answer::Quiet { .. } => {
                    bench.quiet_in_a_row += 1;
                    if bench.quiet_in_a_row >= params.quiet_epochs
                        && let Some(alarm) = bench.alarm.take()
                    {
                        self.ended = Some((alarm, observation.epoch));
                    }
                }
                Answer::TooEarly { .. } | Answer::CannotJudge { .. } => {}
            }
            answers.push((bench.detector.kind(), answer));
        }
        let is_fit = assessment.unfit.is_none();
        let verdict = self.verdict(&answers, assessment);
        let possible_onsets = self.benches.iter().flat_map(|bench| bench.detector.possible_onsets(params)).collect();
        let memorized_share = self.gap.memorized_share(observation.epoch, &observation.rows, params.smooth).filter(|_| is_fit);
        Judgement { answers, verdict, raised, possible_onsets, memorized_share }
    }

    fn verdict(&self, answers: &[(Kind, Answer)], Assessment { unfit, caveat }: Assessment) -> Verdict {
        let mut alarms: Vec<Alarm> = self.benches.iter().filter_map(|bench| bench.alarm.clone()).collect();
        if !alarms.is_empty() {
            alarms.sort_by_key(|alarm| (alarm.finding.onset_epoch, alarm.finding.kind));
            return Verdict::Memorizing { alarms, caveat: unfit };
        }
        if let Some(Weakness { reason, remedy }) = unfit {
            return Verdict::CannotJudge { reason, remedy, ended: self.ended.clone() };
        }
        let is_silent = answers.iter().all(|(_, answer)| answer.score().is_none());
        let early = answers.iter().find_map(|(_, answer)| match answer {
            Answer::TooEarly { reason } => Some(reason),
            _ => None,
        });
        if let Some(reason) = early.filter(|_| is_silent) {
            return Verdict::TooEarly { reason: reason.clone() };
        }
        let unable = answers.iter().find_map(|(kind, answer)| match answer {
            Answer::CannotJudge { reason } => Some((kind, reason)),
            _ => None,
        });
        match unable {
            Some((_, reason)) if is_silent => {
                Verdict::CannotJudge { reason: reason.clone(), remedy: LABELS.into(), ended: self.ended.clone() }
            }
            // The other kinds are for some tasks only.
            Some((Kind::ExampleLevel, reason)) => {
                let caveat = Weakness { reason: reason.clone(), remedy: LABELS.into() };
                Verdict::Learning { ended: self.ended.clone(), caveat: Some(caveat) }
            }
            _ => Verdict::Learning { ended: self.ended.clone(), caveat },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{observation, params};
    use super::*;
    use crate::vocabulary::verdict::{Finding, Harm};

    /// Answers a finding where the observed class information is below 0.5, quiet otherwise.
    struct BelowHalf(Kind);

    impl Detector for BelowHalf {
        fn kind(&self) -> Kind {
            self.0
        }

        fn judge(&mut self, observation: &Observation, _: &DetectParams) -> Answer {
            match observation.layers[0].class_information_nats.map(|class| class.p90) {
                None => Answer::TooEarly { reason: "nothing yet".into() },
                Some(value) if value < 0.5 => Answer::Finding(Finding {
                    kind: self.0,
                    harm: if value < 0.2 { Harm::Shown } else { Harm::Suspected },
                    score: 2.0,
                    onset_epoch: observation.epoch,
                    layers: Vec::new(),
                    evidence: Vec::new(),
                    why: String::new(),
                    remedy: String::new(),
                }),
                Some(_) => Answer::Quiet { score: 0.5 },
            }
        }

        fn possible_onsets(&self, _: &DetectParams) -> Vec<Epoch> {
            Vec::new()
        }
    }

    #[test]
    fn an_alarm_is_raised_once_and_ends_after_quiet_epochs_in_a_row() {
        let mut judge = Judge::of(vec![Box::new(BelowHalf(Kind::ExampleLevel))]);
        let mut told = Vec::new();
        for (epoch, value) in [0.9, 0.1, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9].into_iter().enumerate() {
            let judgement = judge.judge(&observation(epoch, Some(value), None), &params());
            told.push((judgement.verdict.as_str(), judgement.raised.len()));
        }
        let expected = [
            ("learning", 0),
            ("memorizing", 1),
            ("memorizing", 0),
            ("memorizing", 0),
            ("memorizing", 0),
            ("memorizing", 0),
            ("learning", 0),
            ("learning", 0),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn harm_that_is_shown_after_it_was_suspected_is_raised_once_more() {
        let mut judge = Judge::of(vec![Box::new(BelowHalf(Kind::ExampleLevel))]);
        let mut raised = Vec::new();
        for (epoch, value) in [0.9, 0.4, 0.4, 0.1, 0.4, 0.1].into_iter().enumerate() {
            let judgement = judge.judge(&observation(epoch, Some(value), None), &params());
            raised.extend(judgement.raised.iter().map(|alarm| (epoch, alarm.finding.harm)));
        }
        assert_eq!(raised, [(1, Harm::Suspected), (3, Harm::Shown)]);
    }

    #[test]
    fn harm_that_was_shown_and_is_only_suspected_since_is_an_alarm_that_warns_in_the_end() {
        let mut judge = Judge::of(vec![Box::new(BelowHalf(Kind::ExampleLevel))]);
        let mut standing = Vec::new();
        for (epoch, value) in [0.9, 0.1, 0.4, 0.4, 0.1, 0.4, 0.4, 0.4, 0.4].into_iter().enumerate() {
            let judgement = judge.judge(&observation(epoch, Some(value), None), &params());
            standing.push(judgement.verdict.alarm().map(|alarm| (alarm.finding.harm, alarm.alarm_epoch.0)));
        }
        let shown = Some((Harm::Shown, 1));
        let suspected = Some((Harm::Suspected, 7));
        assert_eq!(standing, [None, shown, shown, shown, shown, shown, shown, suspected, suspected]);
    }

    #[test]
    fn an_alarm_that_ended_is_named_in_the_verdict() {
        let mut judge = Judge::of(vec![Box::new(BelowHalf(Kind::ExampleLevel))]);
        let values = [0.1, 0.9, 0.9, 0.9];
        let verdicts: Vec<Verdict> = (1..)
            .zip(values)
            .map(|(epoch, value)| judge.judge(&observation(epoch, Some(value), None), &params()).verdict)
            .collect();
        let words = verdicts.last().map(ToString::to_string);
        assert_eq!(
            words.as_deref(),
            Some(
                "learning; alarm at epoch 1, ended at epoch 4 (memorizing wrong labels or single examples); the evidence is weak: losses \
                 of seen and unseen rows are unknown, so the network's neurons alone are judged"
            )
        );
    }

    #[test]
    fn too_early_carries_its_reason_and_needs_every_detector_to_say_it() {
        let mut judge = Judge::of(vec![Box::new(BelowHalf(Kind::ExampleLevel))]);
        let verdict = judge.judge(&observation(0, None, None), &params()).verdict;
        assert_eq!(verdict, Verdict::TooEarly { reason: "nothing yet".into() });
    }

    #[test]
    fn one_detector_that_can_answer_makes_it_learning() {
        /// Never has enough data.
        struct NeverReady;

        impl Detector for NeverReady {
            fn kind(&self) -> Kind {
                Kind::Heuristic
            }

            fn judge(&mut self, _: &Observation, _: &DetectParams) -> Answer {
                Answer::TooEarly { reason: "no epoch 0".into() }
            }

            fn possible_onsets(&self, _: &DetectParams) -> Vec<Epoch> {
                Vec::new()
            }
        }

        let mut judge = Judge::of(vec![Box::new(NeverReady), Box::new(BelowHalf(Kind::ExampleLevel))]);
        let verdict = judge.judge(&observation(1, Some(0.9), None), &params()).verdict;
        assert_eq!(verdict.as_str(), "learning");
    }

    #[test]
    fn of_two_alarms_the_earlier_onset_comes_first() {
        let mut judge = Judge::of(vec![Box::new(BelowHalf(Kind::Heuristic)), Box::new(BelowHalf(Kind::ExampleLevel))]);
        let judgement = judge.judge(&observation(3, Some(0.1), None), &params());
        assert_eq!(judgement.raised.len(), 2);
        assert_eq!(judgement.verdict.alarm().map(|alarm| alarm.finding.kind), Some(Kind::ExampleLevel));
        assert!(judgement.verdict.alarm_of(Kind::Heuristic).is_some());
    }
}
