//! Heuristic memorization: the network memorizes a shortcut instead of learning the task.
//!
//! A shortcut (the colour of a digit, a watermark) is simpler than the task, so the network finds it in its first epochs and then
//! needs little else. Single neurons of the very first layer already predict the class, and the neurons repeat one another far
//! more than before training. In a task without a shortcut, no single neuron of the first layer predicts the class, however
//! accurate the network is.

use super::{DetectParams, Detector, Observation};
use std::borrow::Cow;

use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Evidence, Finding, Harm, Kind};
use rotewatch_info::statistics::TrailingMean;

/// Below this entropy, in nats, predictions vary too little to show what determines them.
const PREDICTION_ENTROPY_LEAST: f64 = 0.1;

/// Judges the first tapped layer and, for amplification, all of them.
///
/// # Estimator
/// Two signals must agree. *Share*: the information about the predicted class in the best tenth of the first layer's neurons (its
/// 90th percentile), divided by the entropy of the predictions; smoothed by a trailing mean from epoch 1 on.
/// *Amplification*: the highest mean mutual information so far, divided by that of the untrained network, as a geometric mean over
/// the layers. There is a finding when both exceed their thresholds; the onset is the epoch of the first finding.
///
/// # Source
/// Amplification: a study of 48 runs on MNIST (clean ten-class runs 1.6 to 3.0, shortcuts of 90 % and more 4.2 to 8.9). The level
/// differs between architectures (the first layer of a convolution network is highly redundant before training), so it only
/// supports the share, which does not differ: over runs of seed 1 on coloured and plain digits of two kinds (MLP, with batch norm, with
/// dropout, CNN) the share stayed below 0.30 without a shortcut and above 0.88 with one of 90 % and more.
#[derive(Debug, Default)]
pub struct Heuristic {
    layers: Vec<Amplification>,
    /// The newest shares, as many as the mean is taken over.
    shares: TrailingMean,
    newest: Option<Epoch>,
    first_finding: Option<Epoch>,
}

/// A layer's mutual information, compared with that of the untrained network.
#[derive(Debug)]
struct Amplification {
    layer: LayerName,
    untrained: f64,
    highest: f64,
}

impl Heuristic {
    /// Adds an epoch, or returns the reason why it cannot be used.
    fn take_in(&mut self, observation: &Observation, smooth: usize) -> Result<(), Answer> {
        let measured = observation.layers.iter().filter_map(|of| Some((&of.layer, of.mutual_information_mean_nats?)));
        if observation.epoch == Epoch::UNTRAINED {
            self.layers =
                measured.map(|(layer, untrained)| Amplification { layer: layer.clone(), untrained, highest: 0.0 }).collect();
            return Err(Answer::TooEarly { reason: "the network is untrained".into() });
        }
        if self.layers.is_empty() {
            let reason = "the untrained network (epoch 0) was not measured, so there is nothing to compare with";
            return Err(Answer::CannotJudge { reason: reason.into() });
        }
        for (layer, mutual_information) in measured {
            if let Some(known) = self.layers.iter_mut().find(|known| known.layer == *layer) {
                known.highest = known.highest.max(mutual_information);
            }
        }
        let class_information = observation.layers.first().and_then(|first| Some(first.class_information_nats?.p90));
        let (Some(class_information), Some(entropy)) = (class_information, observation.prediction_entropy_nats) else {
            let reason = "the trainer sends no predictions, so class information is unknown";
            return Err(Answer::CannotJudge { reason: reason.into() });
        };
        let share = if entropy < PREDICTION_ENTROPY_LEAST { 0.0 } else { class_information / entropy };
        self.shares.push(share, smooth);
        self.newest = Some(observation.epoch);
        Ok(())
    }

    /// The geometric means over the layers of the highest mutual information so far, and of that before training. Layers without
    /// mutual information before training are left out.
    fn amplified(&self) -> Option<(f64, f64)> {
        let known: Vec<&Amplification> =
            self.layers.iter().filter(|layer| layer.untrained > 0.0 && layer.highest > 0.0).collect();
        let mean_of = |part: fn(&Amplification) -> f64| {
            let logs: f64 = known.iter().map(|layer| part(layer).ln()).sum();
            (logs / known.len() as f64).exp()
        };
        (!known.is_empty()).then(|| (mean_of(|layer| layer.highest), mean_of(|layer| layer.untrained)))
    }
}

impl Detector for Heuristic {
    fn kind(&self) -> Kind {
        Kind::Heuristic
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        if let Err(answer) = self.take_in(observation, params.smooth)
            && self.newest.is_none()
        {
            return answer;
        }
        let thresholds = &params.heuristic;
        let (Some((highest, untrained)), Some(first), Some(epoch)) = (self.amplified(), self.layers.first(), self.newest) else {
            return Answer::TooEarly {
                reason: "the neurons of the untrained network shared no information, so there is nothing to compare with".into(),
            };
        };
        let Some(share) = self.shares.mean().filter(|_| self.shares.len() >= params.smooth) else {
            return Answer::TooEarly { reason: format!("this rule needs {} measured epochs", params.smooth) };
        };
        let amplification = highest / untrained;
        let score = (share / thresholds.class_information_share).min(amplification / thresholds.amplification);
        if score <= 1.0 {
            return Answer::Quiet { score };
        }
        let onset_epoch = *self.first_finding.get_or_insert(epoch);
        let evidence = |signal: &'static str, value, reference, reference_epoch, ratio, threshold| Evidence {
            signal: Cow::Borrowed(signal),
            value,
            reference,
            reference_epoch,
            ratio,
            threshold,
        };
        Answer::Finding(Finding {
            kind: Kind::Heuristic,
            harm: Harm::Suspected,
            score,
            onset_epoch,
            layers: self.layers.iter().map(|known| known.layer.clone()).collect(),
            why: format!(
                "Single neurons of the first layer, {}, already carry {:.0} % of the information about the class; typical when a network uses a \
                 shortcut instead of solving the task (mutual information between neurons: {amplification:.1} times that of the untrained network)",
                first.layer,
                100.0 * share,
            ),
            remedy: "Look for what reveals the class (a colour, a source, a watermark), balance or remove it, and train again; an earlier \
                     epoch does not help, because a network learns a shortcut first"
                .into(),
            evidence: vec![
                evidence("first_layer_class_information_share", share, 1.0, epoch, share, thresholds.class_information_share),
                evidence(
                    "mutual_information_highest_nats",
                    highest,
                    untrained,
                    Epoch::UNTRAINED,
                    amplification,
                    thresholds.amplification,
                ),
            ],
        })
    }

    /// The onset of a shortcut is the epoch of its first finding, so there is no earlier epoch to keep.
    fn possible_onsets(&self, _: &DetectParams) -> Vec<Epoch> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::params;
    use super::super::{ClassInformation, Condition, LayerObservation};
    use super::*;
    use crate::vocabulary::choices::Mode;
    use crate::vocabulary::rows::EpochRows;

    /// An epoch of a network of two layers: mutual information of each, class information of the first.
    fn epoch(epoch: usize, mutual: [f64; 2], class: f64) -> Observation {
        let layer = |name: &str, mutual, class| LayerObservation {
            layer: name.parse().expect("a good name"),
            condition: Condition::Measured,
            mutual_information_mean_nats: Some(mutual),
            class_information_nats: Some(ClassInformation { p90: class, mean: class / 2.0 }),
        };
        Observation {
            epoch: Epoch(u32::try_from(epoch).expect("a small epoch")),
            source: Mode::Probe,
            task: None,
            prediction_entropy_nats: Some(0.69),
            neighbour_agreement: None,
            layers: vec![layer("fc1", mutual[0], class), layer("fc2", mutual[1], 0.6)],
            rows: EpochRows::default(),
            received: None,
        }
    }

    fn last_answer(series: &[([f64; 2], f64)]) -> Answer {
        let mut detector = Heuristic::default();
        let answers = series.iter().enumerate().map(|(n, (mutual, class))| detector.judge(&epoch(n, *mutual, *class), &params()));
        answers.last().expect("a series has an epoch")
    }

    /// A description, the mutual information of both layers and the class information of the first, and whether it is a finding.
    type Case = (&'static str, ([f64; 2], f64), bool);

    #[test]
    fn runs_are_told_apart() {
        let untrained = ([0.09, 0.07], 0.02);
        let table: [Case; 5] = [
            ("a colour decides", ([0.46, 1.07], 0.688), true),
            ("a convolution network's first layer was redundant before", ([0.10, 0.60], 0.690), true),
            ("a binary task without a shortcut amplifies the last layer alone", ([0.13, 0.67], 0.11), false),
            ("the first layer knows the class and neurons stay as varied as they were", ([0.09, 0.08], 0.65), false),
            ("nothing happens", ([0.09, 0.07], 0.02), false),
        ];
        for (why, trained, expected) in table {
            let answer = last_answer(&[untrained, trained, trained]);
            assert_eq!(matches!(answer, Answer::Finding(_)), expected, "{why}: {answer:?}");
        }
    }

    #[test]
    fn without_the_untrained_network_it_cannot_judge_and_says_so() {
        let mut detector = Heuristic::default();
        let answer = detector.judge(&epoch(3, [0.4, 1.0], 0.69), &params());
        assert!(matches!(answer, Answer::CannotJudge { reason } if reason.contains("epoch 0")));
    }

    #[test]
    fn the_onset_is_the_first_epoch_over_the_threshold_and_the_finding_has_reasons() {
        let mut detector = Heuristic::default();
        let mut onsets = Vec::new();
        for (n, class) in [0.0, 0.2, 0.68, 0.69, 0.69].into_iter().enumerate() {
            if let Answer::Finding(finding) = detector.judge(&epoch(n, [0.1 + 0.1 * n as f64, 0.2], class), &params()) {
                assert_eq!(finding.evidence.len(), 2);
                assert!(finding.why.contains("fc1"), "{}", finding.why);
                onsets.push((n, finding.onset_epoch.0));
            }
        }
        assert_eq!(onsets, [(2, 2), (3, 2), (4, 2)]);
    }

    #[test]
    fn a_shortcut_that_is_unlearnt_falls_quiet() {
        let shortcut = ([0.4, 1.0], 0.69);
        let unlearnt = ([0.2, 0.5], 0.05);
        let answer = last_answer(&[([0.09, 0.07], 0.0), shortcut, shortcut, unlearnt, unlearnt]);
        assert!(matches!(answer, Answer::Quiet { .. }), "{answer:?}");
    }

    #[test]
    fn amplification_is_a_geometric_mean_over_layers_that_shared_something() {
        let mut detector = Heuristic::default();
        let mut three = |n, mutual: [f64; 3]| {
            let mut observation = epoch(n, [mutual[0], mutual[1]], 0.69);
            let mut third = observation.layers[1].clone();
            third.layer = "fc3".parse().expect("a good name");
            third.mutual_information_mean_nats = Some(mutual[2]);
            observation.layers.push(third);
            detector.judge(&observation, &DetectParams { smooth: 1, ..params() })
        };
        three(0, [0.1, 0.1, 0.0]);
        // 2 and 8 times; the third layer shared nothing before, so it has no ratio.
        let Answer::Finding(finding) = three(1, [0.2, 0.8, 0.9]) else { panic!("4 times") };
        let amplification = &finding.evidence[1];
        assert!((amplification.ratio - 4.0).abs() < 1e-9 && (amplification.value - 0.4).abs() < 1e-9, "{amplification:?}");
        // Of each layer its own highest counts.
        let Answer::Finding(finding) = three(2, [0.1, 0.1, 0.1]) else { panic!("4 times still") };
        assert!((finding.evidence[1].ratio - 4.0).abs() < 1e-9, "{finding:?}");
    }

    #[test]
    fn a_layer_that_never_shares_anything_is_left_out() {
        let answers = [([0.1, 0.1], 0.0), ([0.4, 0.0], 0.69), ([0.4, 0.0], 0.69)];
        let answer = last_answer(&answers);
        assert!(matches!(&answer, Answer::Finding(finding) if (finding.evidence[1].ratio - 4.0).abs() < 1e-9), "{answer:?}");
    }

    #[test]
    fn shares_are_smoothed_before_they_count() {
        let mut detector = Heuristic::default();
        detector.judge(&epoch(0, [0.1, 0.1], 0.0), &params());
        assert!(matches!(detector.judge(&epoch(1, [0.4, 0.8], 0.69), &params()), Answer::TooEarly { .. }));
        assert!(matches!(detector.judge(&epoch(2, [0.4, 0.8], 0.69), &params()), Answer::Finding(_)));
    }

    #[test]
    fn predictions_that_never_vary_are_no_shortcut() {
        let mut detector = Heuristic::default();
        let mut collapsed = epoch(1, [0.9, 0.9], 0.01);
        collapsed.prediction_entropy_nats = Some(0.01);
        detector.judge(&epoch(0, [0.1, 0.1], 0.0), &params());
        detector.judge(&collapsed, &params());
        collapsed.epoch = Epoch(2);
        assert!(matches!(detector.judge(&collapsed, &params()), Answer::Quiet { score } if score == 0.0));
    }
}
