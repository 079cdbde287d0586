//! Information: the neurons of the last hidden layer carry less and less information about the class. Weak evidence: it declines in many
//! healthy trainings too (`benches/record/alarm.md`).
//!
//! While a network learns what the examples of a class have in common, the neurons of its last hidden layer come to agree: each
//! neuron carries much information about the predicted class, and pairs of neurons carry much about each other. When the network
//! goes on to memorize wrong labels or single examples, both fall. Mutual information alone is not enough: early convolution
//! layers lose half of theirs in perfectly clean runs, and a transformer's rises while it memorizes.

use std::collections::VecDeque;

use super::{DetectParams, Detector, Observation};
use crate::vocabulary::choices::Mode;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Evidence, Finding, Harm, Kind};
use rotewatch_info::statistics::TrailingMean;

/// How many observations are kept. A run with more epochs than this is judged by its newest ones.
const SERIES_MAX: usize = 65_536;

/// The weight of the decline of mutual information; the decline of class information has the rest.
const MUTUAL_INFORMATION_WEIGHT: f64 = 0.1;

/// How many times its value in the untrained network the mean of class information must have reached before a decline counts. Weights
/// that take a random walk and learn nothing reach 1.0 to 1.4 times, in 2 of 90 runs up to 1.7 times (`detect/drift.rs`).
const RISE_LEAST: f64 = 1.5;

/// Names of the signals, with their units.
const SIGNALS: [&str; 3] = ["class_information_p90_nats", "class_information_mean_nats", "mutual_information_mean_nats"];

/// Judges the last layer that can be measured.
///
/// # Estimator
/// Three signals, smoothed by a trailing mean over `detect.smooth` observations: the 90th percentile and the mean over neurons of
/// class information, and mean mutual information. The *decline* of a signal is the share of its maximum that it has lost. The decline
/// of the layer is 90 % of the mean decline of the two signals of class information plus 10 % of that of mutual information. Mutual
/// information counts at most as much as class information, because it also falls in early epochs of clean runs. The decline is 0 as long
/// as either signal of class information is at its maximum.
/// From `from_epoch` on there is a finding when the decline from the maxima of the last `within_epochs` epochs exceeds `decline`, or the
/// decline from the maxima of the whole run exceeds `decline_ever`, which is larger because slow drifts do no harm. The onset is the
/// epoch at which the mean of class information was highest, in the last epochs or in the whole run.
///
/// A decline counts only once the mean of class information has reached 1.5 times its value in the untrained network, if that was
/// measured: what was never learned cannot be lost. A network that starts with much information about the class, as in fine-tuning, may
/// therefore decline without a finding.
///
/// Smoothing and maxima start at epoch 1, because mutual information of the untrained network can be higher than at any later epoch.
///
/// # Source
/// Own rule. The weight, both depths and the six epochs were chosen on runs of `config/experiments/onset.yaml` (seeds 1 to 3 and 11
/// to 15; 140 memorizing and 107 clean ones of an MLP, with batch normalisation and dropout, a CNN and a transformer); the details
/// are in `benches/record/onset.md`. Neighbouring choices (five to seven epochs, 0.06 to 0.065, a weight of mutual information from 0 to
/// 0.2) perform equally well.
#[derive(Debug, Default)]
pub struct Information {
    series: VecDeque<Point>,
    layer: Option<LayerName>,
    /// The last layer of the untrained network and the mean of its class information.
    untrained: Option<(LayerName, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    epoch: Epoch,
    /// In the order of [`SIGNALS`].
    signals: [f64; 3],
}

/// A smoothed signal and its maximum over some epochs.
#[derive(Clone, Copy, Debug)]
struct Decline {
    now: f64,
    maximum: f64,
    maximum_epoch: Epoch,
}

impl Decline {
    /// How far the signal lies below its maximum, as a share of the maximum; 0 if the maximum is 0.
    fn share(&self) -> f64 {
        if self.maximum > 0.0 { 1.0 - self.now / self.maximum } else { 0.0 }
    }
}

/// The declines of all signals from their maxima over the same epochs, and the threshold.
#[derive(Clone, Copy, Debug)]
struct Declines {
    signals: [Decline; 3],
    threshold: f64,
}

impl Declines {
    /// The weighted mean; 0 as long as either signal of class information is at its maximum.
    fn share(&self) -> f64 {
        let [highest, mean, mutual] = self.signals.map(|signal| signal.share());
        if highest <= 0.0 || mean <= 0.0 {
            return 0.0;
        }
        let class = f64::midpoint(highest, mean);
        class + MUTUAL_INFORMATION_WEIGHT * (mutual.min(class) - class)
    }

    fn score(&self) -> f64 {
        self.share() / self.threshold
    }

    fn evidence(&self) -> Vec<Evidence> {
        let of = |(signal, decline): (&'static str, Decline)| Evidence {
            signal: signal.into(),
            value: decline.now,
            reference: decline.maximum,
            reference_epoch: decline.maximum_epoch,
            ratio: decline.share(),
            threshold: self.threshold,
        };
        SIGNALS.into_iter().zip(self.signals).map(of).collect()
    }
}

impl Information {
    /// Adds an epoch to the series, or returns the reason why it cannot be used.
    fn take_in(&mut self, observation: &Observation) -> Result<(), Answer> {
        let too_early = |reason: String| Err(Answer::TooEarly { reason });
        let epoch = observation.epoch;
        if epoch == Epoch::UNTRAINED {
            let measured = observation.layers.last();
            self.untrained = measured.and_then(|last| Some((last.layer.clone(), last.class_information_nats?.mean)));
            return too_early("the network is untrained".into());
        }
        let Some(last) = observation.layers.last() else {
            return too_early("no layer was measured".into());
        };
        if let Some(known) = self.layer.as_ref().filter(|known| **known != last.layer) {
            if observation.layers.iter().any(|layer| layer.layer == *known) {
                // A later layer was measured for the first time: start a new series for it.
                self.series.clear();
            } else {
                return too_early(format!("layer {known} was not measured at epoch {epoch}"));
            }
        }
        let Some(mutual_information) = last.mutual_information_mean_nats else {
            return too_early(format!("layer {} had too few rows for its bins at epoch {epoch}; sample more rows", last.layer));
        };
        let Some(class_information) = last.class_information_nats else {
            let reason =
                "there are no losses of seen and unseen rows, and no predictions of classes, so nothing shows memorization";
            return Err(Answer::CannotJudge { reason: reason.into() });
        };
        self.layer = Some(last.layer.clone());
        self.series.push_back(Point { epoch, signals: [class_information.p90, class_information.mean, mutual_information] });
        if self.series.len() > SERIES_MAX {
            self.series.pop_front();
        }
        Ok(())
    }

    /// The smoothed signals now and at their maxima since an epoch; `None` before epoch 1.
    fn declines(&self, smooth: usize, since: Epoch) -> Option<[Decline; 3]> {
        let mut declines: Option<[Decline; 3]> = None;
        let mut smoothed = TrailingMean::default();
        for point in &self.series {
            let Some(now) = smoothed.push_all(Some(point.signals), smooth).filter(|_| point.epoch >= since) else { continue };
            let known = declines.get_or_insert(now.map(|now| Decline { now, maximum: now, maximum_epoch: point.epoch }));
            for (decline, now) in known.iter_mut().zip(now) {
                decline.now = now;
                if now > decline.maximum {
                    *decline = Decline { now, maximum: now, maximum_epoch: point.epoch };
                }
            }
        }
        declines
    }

    /// Whether the mean of class information has risen since training began; true if the untrained network was not measured.
    fn has_risen(&self, smooth: usize) -> bool {
        let untrained = self.untrained.as_ref().filter(|(layer, _)| Some(layer) == self.layer.as_ref());
        let highest = self.declines(smooth, Epoch::UNTRAINED).map(|[_, mean, _]| mean.maximum);
        untrained.zip(highest).is_none_or(|((_, untrained), highest)| highest >= RISE_LEAST * untrained)
    }

    /// The decline that is nearer to its threshold: that of the newest epochs or that of the whole run.
    fn nearer(&self, newest: Epoch, params: &DetectParams) -> Option<Declines> {
        let thresholds = &params.information;
        let within = Epoch(newest.0.saturating_sub(thresholds.within_epochs));
        let recent = Declines { signals: self.declines(params.smooth, within)?, threshold: thresholds.decline };
        let ever = Declines { signals: self.declines(params.smooth, Epoch::UNTRAINED)?, threshold: thresholds.decline_ever };
        Some(if ever.score() > recent.score() { ever } else { recent })
    }
}

impl Detector for Information {
    fn kind(&self) -> Kind {
        Kind::ExampleLevel
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        if let Err(answer) = self.take_in(observation)
            && self.series.is_empty()
        {
            return answer;
        }
        let newest = self.series.back().map_or(Epoch::UNTRAINED, |point| point.epoch);
        let (Some(declines), Some(layer)) = (self.nearer(newest, params), &self.layer) else {
            return Answer::TooEarly { reason: "the network is untrained".into() };
        };
        let from_epoch = params.information.from_epoch;
        if newest < from_epoch {
            return Answer::TooEarly { reason: format!("this rule judges from epoch {from_epoch} on") };
        }
        let score = if self.has_risen(params.smooth) { declines.score() } else { 0.0 };
        if score <= 1.0 {
            return Answer::Quiet { score };
        }
        let [highest, mean, mutual] = declines.signals;
        let onset_epoch = mean.maximum_epoch;
        let caveat = match observation.source {
            Mode::Probe => "",
            // The network treats rows that it trains on differently: in the benchmark, the false alarms are those of stream mode.
            Mode::Stream => "; measured on training batches, which cause more false alarms than a probe",
        };
        let turn = |decline: Decline| if decline.share() > 0.0 { "fell" } else { "did not fall" };
        Answer::Finding(Finding {
            kind: Kind::ExampleLevel,
            harm: Harm::Suspected,
            score,
            onset_epoch,
            layers: vec![layer.clone()],
            why: format!(
                "Layer {layer} carries {:.1} % less information about the class than at epoch {}; typical when a network starts to fit wrong \
                 labels (mean over neurons {:.3} nats, was {:.3}; best tenth of neurons {:.1} % less; mutual information between neurons {}: \
                 {:.3}, was {:.3} at epoch {}{caveat})",
                100.0 * mean.share(),
                mean.maximum_epoch,
                mean.now,
                mean.maximum,
                100.0 * highest.share(),
                turn(mutual),
                mutual.now,
                mutual.maximum,
                mutual.maximum_epoch,
            ),
            remedy: format!("Keep the weights of epoch {onset_epoch}; to train longer, check the labels, add data or regularise"),
            evidence: declines.evidence(),
        })
    }

    /// The epoch of the maximum of the whole run, and each of the newest epochs that no later epoch has surpassed: one of them stays
    /// the maximum of the newest epochs until a later epoch surpasses it.
    fn possible_onsets(&self, params: &DetectParams) -> Vec<Epoch> {
        let (Some([_, mean, _]), Some(newest)) = (self.declines(params.smooth, Epoch::UNTRAINED), self.series.back()) else {
            return Vec::new();
        };
        let mut onsets = vec![mean.maximum_epoch];
        let mut within = Epoch(newest.epoch.0.saturating_sub(params.information.within_epochs));
        while let Some([_, mean, _]) = self.declines(params.smooth, within) {
            if !onsets.contains(&mean.maximum_epoch) {
                onsets.push(mean.maximum_epoch);
            }
            within = Epoch(mean.maximum_epoch.0 + 1);
        }
        onsets
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{observation, params};
    use super::super::{ClassInformation, InformationParams};
    use super::*;

    /// The answers to a series of (class information, mutual information) that begins at epoch 0.
    fn answers(series: &[(f64, f64)]) -> Vec<Answer> {
        let mut detector = Information::default();
        let judge = |(epoch, (class, mutual)): (usize, &(f64, f64))| {
            detector.judge(&observation(epoch, Some(*class), Some(*mutual)), &params())
        };
        series.iter().enumerate().map(judge).collect()
    }

    fn first_finding(series: &[(f64, f64)]) -> Option<(usize, u32)> {
        answers(series).iter().enumerate().find_map(|(epoch, answer)| match answer {
            Answer::Finding(finding) => Some((epoch, finding.onset_epoch.0)),
            _ => None,
        })
    }

    /// A description, class and mutual information by epoch, and the epochs of the first finding and of its onset.
    type Case<'a> = (&'a str, &'a [(f64, f64)], Option<(usize, u32)>);

    #[test]
    fn runs_are_told_apart() {
        let clean = [(0.1, 0.5), (0.5, 0.15), (0.58, 0.20), (0.62, 0.19), (0.65, 0.18), (0.68, 0.17), (0.70, 0.17), (0.70, 0.17)];
        let noisy = [(0.1, 0.5), (0.5, 0.15), (0.60, 0.18), (0.64, 0.17), (0.61, 0.15), (0.55, 0.13), (0.50, 0.11), (0.48, 0.10)];
        let only_mutual_falls =
            [(0.1, 0.5), (0.5, 0.82), (0.58, 0.70), (0.62, 0.60), (0.65, 0.50), (0.68, 0.45), (0.70, 0.42), (0.70, 0.42)];
        let transformer = [(0.1, 0.05), (0.2, 0.06), (0.32, 0.11), (0.33, 0.11), (0.31, 0.11), (0.29, 0.12), (0.27, 0.12)];
        let high_before_training =
            [(0.9, 0.9), (0.5, 0.15), (0.52, 0.15), (0.55, 0.16), (0.58, 0.16), (0.60, 0.16), (0.61, 0.16), (0.62, 0.16)];
        let one_bad_epoch =
            [(0.1, 0.5), (0.6, 0.15), (0.60, 0.15), (0.60, 0.15), (0.56, 0.13), (0.60, 0.15), (0.60, 0.15), (0.60, 0.15)];
        let dead = [(0.0, 0.0); 8];
        let table: [Case<'_>; 7] = [
            ("a clean run rises and holds", &clean, None),
            ("both fall once the network fits wrong labels", &noisy, Some((5, 4))),
            ("early convolution layers grow different without harm", &only_mutual_falls, None),
            ("a transformer memorizes while its mutual information rises", &transformer, Some((5, 3))),
            ("a high value of the untrained network is no maximum", &high_before_training, None),
            ("one bad epoch is smoothed away", &one_bad_epoch, None),
            ("a network of constant neurons gives no finding", &dead, None),
        ];
        for (why, series, expected) in table {
            assert_eq!(first_finding(series), expected, "{why}");
        }
    }

    /// Class information that rises to 1 at epoch 1 and then loses a share of its height each epoch; mutual information likewise.
    fn falling(share_an_epoch: f64, epochs: i32) -> Vec<(f64, f64)> {
        (0..=epochs).map(|epoch| if epoch == 0 { (0.0, 0.5) } else { ((1.0 - share_an_epoch).powi(epoch - 1), 0.3) }).collect()
    }

    #[test]
    fn a_slow_drift_is_found_only_once_it_is_deep() {
        // 1 % an epoch: 0.9 of 5.8 % within six epochs.
        let slow = first_finding(&falling(0.008, 60));
        let deep = slow.expect("60 epochs lose 38 %").0;
        assert!((20..30).contains(&deep), "{deep}");
        assert_eq!(first_finding(&falling(0.002, 60)), None, "11 % in 60 epochs");
        assert_eq!(first_finding(&falling(0.02, 60)), Some((5, 1)), "7 % within four epochs");
    }

    #[test]
    fn the_onset_of_a_finding_was_always_among_the_possible_onsets() {
        // Rises, holds, falls, recovers and falls again, so that the newest maximum moves.
        let class = [0.0, 0.5, 0.7, 0.8, 0.79, 0.78, 0.77, 0.76, 0.75, 0.74, 0.75, 0.74, 0.72, 0.70, 0.66, 0.62, 0.60];
        let unsmoothed = DetectParams { smooth: 1, ..params() };
        let mut detector = Information::default();
        let mut possible: Vec<Vec<Epoch>> = Vec::new();
        let mut named = Vec::new();
        for (epoch, class) in class.into_iter().enumerate() {
            if let Answer::Finding(finding) = detector.judge(&observation(epoch, Some(class), Some(0.2)), &unsmoothed) {
                for (since, possible) in possible.iter().enumerate().skip(finding.onset_epoch.0 as usize) {
                    assert!(
                        possible.contains(&finding.onset_epoch),
                        "at epoch {since} onset {} was not possible",
                        finding.onset_epoch
                    );
                }
                named.push((epoch, finding.onset_epoch.0));
            }
            possible.push(detector.possible_onsets(&unsmoothed));
            assert!(possible[epoch].len() <= 8, "{possible:?}");
        }
        assert_eq!(named, [(9, 3), (13, 7), (14, 8), (15, 10), (16, 10)], "the newest maximum");
        assert_eq!(possible[9], [3, 4, 5, 6, 7, 8, 9].map(Epoch));
        assert_eq!(possible[3], [Epoch(3)]);
    }

    #[test]
    fn both_signals_of_class_information_must_have_fallen() {
        let mut detector = Information::default();
        let mut judge = |epoch, p90, mean| {
            let mut observation = observation(epoch, Some(p90), Some(0.1));
            observation.layers[0].class_information_nats = Some(ClassInformation { p90, mean });
            detector.judge(&observation, &DetectParams { smooth: 1, ..params() })
        };
        judge(1, 0.6, 0.4);
        assert_eq!(judge(2, 0.3, 0.4), Answer::Quiet { score: 0.0 });
        assert_eq!(judge(3, 0.7, 0.2), Answer::Quiet { score: 0.0 });
        assert!(matches!(judge(4, 0.6, 0.3), Answer::Finding(finding) if finding.onset_epoch == Epoch(1)));
    }

    #[test]
    fn a_later_layer_begins_a_series_of_its_own() {
        let mut detector = Information::default();
        let unsmoothed = DetectParams { smooth: 1, ..params() };
        for epoch in 0..4 {
            detector.judge(&observation(epoch, Some(0.9), Some(0.2)), &unsmoothed);
        }
        let mut two_layers = observation(4, Some(0.9), Some(0.2));
        let mut later = two_layers.layers[0].clone();
        later.layer = "fc4".parse().expect("a good name");
        later.class_information_nats = Some(ClassInformation { p90: 0.3, mean: 0.2 });
        two_layers.layers.push(later);
        assert!(
            matches!(detector.judge(&two_layers, &unsmoothed), Answer::Quiet { .. }),
            "0.3 is no decline from another layer's 0.9"
        );
        two_layers.epoch = Epoch(5);
        two_layers.layers[1].class_information_nats = Some(ClassInformation { p90: 0.29, mean: 0.19 });
        let before = detector.judge(&two_layers, &unsmoothed);
        assert!(matches!(before, Answer::Quiet { score } if score > 0.5), "{before:?}");
        let only_the_first = observation(6, Some(0.1), Some(0.01));
        assert_eq!(detector.judge(&only_the_first, &unsmoothed), before, "the judged layer is missing");
    }

    #[test]
    fn a_finding_in_stream_mode_warns_of_false_alarms() {
        let mut detector = Information::default();
        let mut why = String::new();
        for (epoch, (class, mutual)) in falling(0.05, 6).into_iter().enumerate() {
            let observation = Observation { source: Mode::Stream, ..observation(epoch, Some(class), Some(mutual)) };
            if let Answer::Finding(finding) = detector.judge(&observation, &params()) {
                why = finding.why;
            }
        }
        assert!(why.ends_with("; measured on training batches, which cause more false alarms than a probe)"), "{why}");
    }

    #[test]
    fn it_is_too_early_before_the_second_epoch() {
        let answers = answers(&[(0.1, 0.5), (0.9, 0.9), (0.1, 0.1)]);
        assert!(matches!(answers[0], Answer::TooEarly { .. }));
        assert!(matches!(answers[1], Answer::TooEarly { .. }));
        assert!(answers[2].score().is_some());
    }

    #[test]
    fn the_threshold_must_be_passed_not_met_and_the_weights_are_as_documented() {
        let exact = InformationParams { decline: 0.25, decline_ever: 0.9, ..params().information };
        let unsmoothed = DetectParams { smooth: 1, information: exact, ..params() };
        let second = |class: f64, mutual: f64| {
            let mut detector = Information::default();
            detector.judge(&observation(1, Some(1.0), Some(1.0)), &unsmoothed);
            detector.judge(&observation(2, Some(class), Some(mutual)), &unsmoothed)
        };
        assert_eq!(second(0.75, 0.75), Answer::Quiet { score: 1.0 });
        let Answer::Finding(finding) = second(0.70, 0.9) else { panic!("0.9 x 30 % and 0.1 x 10 % are 28 %") };
        assert!((finding.score - 0.28 / 0.25).abs() < 1e-9, "{finding:?}");
        assert_eq!((finding.onset_epoch, finding.evidence.len()), (Epoch(1), 3));
        assert!(finding.why.contains("30.0 % less information about the class than at epoch 1"), "{}", finding.why);
        assert!(finding.why.contains("mutual information between neurons fell"), "{}", finding.why);
        assert!(
            matches!(second(0.5, 2.0), Answer::Finding(finding) if finding.why.contains("mutual information between neurons did not fall"))
        );
        // Mutual information that falls further counts no more than class information does.
        assert!(matches!(second(0.70, 0.1), Answer::Finding(finding) if (finding.score - 0.30 / 0.25).abs() < 1e-9));
        // Mutual information that rises stands at its maximum: it counts nothing, for or against.
        assert!(matches!(second(0.73, 2.0), Answer::Quiet { score } if (score - 0.9 * 0.27 / 0.25).abs() < 1e-9));
    }

    #[test]
    fn changed_thresholds_act_on_the_next_epoch() {
        let mut detector = Information::default();
        let mut thresholds = DetectParams { smooth: 1, ..params() };
        detector.judge(&observation(1, Some(1.0), Some(1.0)), &thresholds);
        assert!(matches!(detector.judge(&observation(2, Some(0.97), Some(0.95)), &thresholds), Answer::Quiet { .. }));
        thresholds.information.decline = 0.02;
        assert!(matches!(detector.judge(&observation(3, Some(0.97), Some(0.95)), &thresholds), Answer::Finding(_)));
    }

    #[test]
    fn an_unreliable_epoch_freezes_the_answer() {
        let mut detector = Information::default();
        for epoch in 0..4 {
            detector.judge(&observation(epoch, Some(0.6), Some(0.2)), &params());
        }
        let before = detector.judge(&observation(4, Some(0.59), Some(0.15)), &params());
        let frozen = detector.judge(&observation(5, None, None), &params());
        assert_eq!(before, frozen);
    }

    #[test]
    fn without_predictions_it_says_what_is_missing() {
        let mut detector = Information::default();
        let answer = detector.judge(&observation(3, None, Some(0.2)), &params());
        assert!(matches!(answer, Answer::CannotJudge { reason } if reason.contains("no predictions")));
    }
}
