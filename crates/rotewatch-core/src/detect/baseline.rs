//! The baseline: compares this run with a run that is known to have gone well.
//!
//! Levels of mutual information differ between architectures, so a level means nothing alone. Compared with a run of the same
//! network on the same task it does. The neurons of a network that memorizes single examples share less information than the
//! reference's at the same epoch; those of a network that memorizes a shortcut share far more (Bansal, Pruthi, Belinkov 2022,
//! section 1).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DetectParams, Detector, Observation};
use crate::record::catalogue::Measure;
use crate::record::{LayerRecord, TrainingDocument};
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Evidence, Finding, Harm, Kind};
use rotewatch_info::statistics::TrailingMean;

/// The first epoch that is compared. Before it, a difference shows how fast two networks learn rather than what they learn.
const FROM_EPOCH: Epoch = Epoch(2);

/// The run that others are compared with: mean mutual information of its layers, in nats, for each epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    name: String,
    epochs: BTreeMap<Epoch, BTreeMap<LayerName, f64>>,
}

impl Reference {
    /// Reads the reference from the document of a training; `None` if nothing was measured.
    #[must_use]
    pub fn of(document: &TrainingDocument) -> Option<Self> {
        let measured = document.epochs.iter().map(|epoch| {
            let layer = |layer: &LayerRecord| {
                let mean = layer.mean(Measure::MutualInformationNats).filter(|mean| *mean > 0.0)?;
                Some((layer.layer.clone(), mean))
            };
            (epoch.epoch, epoch.layers.iter().filter_map(layer).collect::<BTreeMap<_, _>>())
        });
        let epochs: BTreeMap<_, _> = measured.filter(|(_, layers)| !layers.is_empty()).collect();
        let name = document.run.clone().unwrap_or_else(|| "(unnamed)".into());
        (!epochs.is_empty()).then_some(Reference { name, epochs })
    }

    /// The layers at an epoch, or at the last measured epoch before it.
    fn at(&self, epoch: Epoch) -> Option<(Epoch, &BTreeMap<LayerName, f64>)> {
        self.epochs.range(..=epoch).next_back().map(|(epoch, layers)| (*epoch, layers))
    }
}

/// Compares the layers that both runs have.
///
/// # Estimator
/// The ratio is the geometric mean over the common layers of mean mutual information, divided by that of the reference at the same
/// epoch (at its last one if it ended earlier), as a trailing mean of logarithms over `detect.smooth` observations. From epoch 2 on
/// there is a finding when the ratio is below `1 - below` or above `times_above`. The onset is the epoch of the first finding.
///
/// # Source
/// Own rule. Over the tuning runs of `config/experiments/onset.yaml`, runs of one cell that differ only by their seed stay within
/// -14 and +16 % of one another. Wrong labels lower the ratio by 20 to 55 % in MLPs and CNNs (by 11 to 21 % in a transformer);
/// shortcuts of 90 % and more raise it by 100 % and more. A run that learns more slowly than its reference also lies below it.
#[derive(Debug)]
pub struct Baseline {
    reference: Arc<Reference>,
    /// The newest logarithms of the ratio, as many as the mean is taken over.
    ratios: TrailingMean,
    newest: Option<Comparison>,
    first_finding: Option<Epoch>,
}

/// Both runs at one epoch: geometric means over the layers that they share.
#[derive(Clone, Debug)]
struct Comparison {
    epoch: Epoch,
    value: f64,
    reference: f64,
    reference_epoch: Epoch,
    layers: Vec<LayerName>,
}

impl Baseline {
    /// A rule that has seen no epoch yet.
    #[must_use]
    pub fn new(reference: Arc<Reference>) -> Self {
        Baseline { reference, ratios: TrailingMean::default(), newest: None, first_finding: None }
    }

    /// Compares an epoch, or returns the reason why it cannot be compared.
    fn take_in(&mut self, observation: &Observation, smooth: usize) -> Result<(), String> {
        if observation.epoch < FROM_EPOCH {
            return Err(format!("runs are compared from epoch {FROM_EPOCH} on"));
        }
        let name = &self.reference.name;
        let Some((reference_epoch, known)) = self.reference.at(observation.epoch) else {
            return Err(format!("baseline run {name} was not measured at epoch {} or earlier", observation.epoch));
        };
        let shared = observation.layers.iter().filter_map(|layer| {
            let value = layer.mutual_information_mean_nats.filter(|mean| *mean > 0.0)?;
            Some((layer.layer.clone(), value.ln(), known.get(&layer.layer)?.ln()))
        });
        let shared: Vec<(LayerName, f64, f64)> = shared.collect();
        if shared.is_empty() {
            return Err(format!("this run and baseline run {name} have no measured layer in common"));
        }
        let count = shared.len() as f64;
        let value = (shared.iter().map(|(_, value, _)| value).sum::<f64>() / count).exp();
        let reference = (shared.iter().map(|(_, _, reference)| reference).sum::<f64>() / count).exp();
        self.ratios.push((value / reference).ln(), smooth);
        let layers = shared.into_iter().map(|(layer, ..)| layer).collect();
        self.newest = Some(Comparison { epoch: observation.epoch, value, reference, reference_epoch, layers });
        Ok(())
    }
}

impl Detector for Baseline {
    fn kind(&self) -> Kind {
        Kind::Baseline
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        let taken_in = self.take_in(observation, params.smooth);
        let (Some(newest), Some(ratio)) = (&self.newest, self.ratios.mean()) else {
            return Answer::TooEarly { reason: taken_in.err().unwrap_or_default() };
        };
        let thresholds = &params.baseline;
        let ratio = ratio.exp();
        let below = ratio < 1.0;
        let (difference, threshold) =
            if below { (1.0 - ratio, thresholds.below) } else { (ratio - 1.0, thresholds.times_above - 1.0) };
        let score = difference / threshold;
        if score <= 1.0 {
            return Answer::Quiet { score };
        }
        let onset_epoch = *self.first_finding.get_or_insert(newest.epoch);
        let name = &self.reference.name;
        let percent = 100.0 * difference;
        let (why, remedy) = if below {
            (
                format!(
                    "The neurons share {percent:.0} % less information with one another than those of baseline run {name} at the same epoch; \
                     typical when a network memorizes wrong labels or single examples, or learns more slowly"
                ),
                format!("Compare the labels, data and settings of both runs; keep the weights of epoch {onset_epoch} or earlier"),
            )
        } else {
            (
                format!(
                    "The neurons share {percent:.0} % more information with one another than those of baseline run {name} at the same epoch; \
                     typical when a network memorizes a shortcut"
                ),
                "Look for what reveals the class in this run's data, but not in the baseline run's".into(),
            )
        };
        Answer::Finding(Finding {
            kind: Kind::Baseline,
            harm: Harm::Suspected,
            score,
            onset_epoch,
            layers: newest.layers.clone(),
            why,
            remedy,
            evidence: vec![Evidence {
                signal: "mutual_information_mean_nats".into(),
                value: newest.value,
                reference: newest.reference,
                reference_epoch: newest.reference_epoch,
                ratio: difference,
                threshold,
            }],
        })
    }

    /// The run is compared with epochs of another run, not with its own, so there is no earlier epoch to keep.
    fn possible_onsets(&self, _: &DetectParams) -> Vec<Epoch> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{observation, params};
    use super::*;

    /// A reference of one layer, `fc3`, with this mutual information from epoch 0 on.
    fn reference(nats: &[f64]) -> Arc<Reference> {
        let layer = |nats: &f64| BTreeMap::from([("fc3".parse().expect("a good name"), *nats)]);
        let epochs = (0..).map(Epoch).zip(nats.iter().map(layer)).collect();
        Arc::new(Reference { name: "good".into(), epochs })
    }

    fn answers(reference_nats: &[f64], nats: &[f64]) -> Vec<Answer> {
        let mut detector = Baseline::new(reference(reference_nats));
        let judge = |(epoch, nats): (usize, &f64)| detector.judge(&observation(epoch, None, Some(*nats)), &params());
        nats.iter().enumerate().map(judge).collect()
    }

    /// A description, the run's mutual information by epoch, and the epochs of the first finding and of its onset.
    type Case = (&'static str, &'static [f64], Option<(usize, u32)>);

    #[test]
    fn runs_are_told_apart() {
        let good = [0.5, 0.3, 0.20, 0.20, 0.20, 0.20];
        let table: [Case; 6] = [
            ("another seed", &[0.5, 0.2, 0.18, 0.22, 0.19, 0.21], None),
            ("memorized examples", &[0.5, 0.3, 0.20, 0.18, 0.15, 0.10], Some((5, 5))),
            ("a shortcut", &[0.5, 0.9, 0.90, 0.95, 0.99, 0.99], Some((2, 2))),
            ("one epoch far below is smoothed away", &[0.5, 0.3, 0.20, 0.14, 0.20, 0.20], None),
            ("the first epochs are not compared", &[5.0, 0.01, 0.20, 0.20, 0.20, 0.20], None),
            (
                "a run that is longer is compared with the last epoch of the reference",
                &[0.5, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1],
                Some((7, 7)),
            ),
        ];
        for (why, nats, expected) in table {
            let found = answers(&good, nats).into_iter().enumerate().find_map(|(epoch, answer)| match answer {
                Answer::Finding(finding) => Some((epoch, finding.onset_epoch.0)),
                _ => None,
            });
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn the_reason_names_the_direction_and_the_onset_stays() {
        let below = answers(&[0.2; 5], &[0.2, 0.2, 0.1, 0.1, 0.1]);
        let (Answer::Finding(first), Answer::Finding(last)) = (&below[2], &below[4]) else { panic!("{below:?}") };
        assert!(first.why.contains("50 % less") && first.why.contains("run good"), "{}", first.why);
        assert_eq!((first.onset_epoch, last.onset_epoch), (Epoch(2), Epoch(2)));
        let above = answers(&[0.2; 3], &[0.2, 0.2, 0.4]);
        assert!(matches!(&above[2], Answer::Finding(finding) if finding.why.contains("100 % more")), "{above:?}");
    }

    #[test]
    fn a_quiet_answer_has_a_score() {
        let near = answers(&[0.2; 3], &[0.2, 0.2, 0.18]);
        assert!(matches!(near[2], Answer::Quiet { score } if (score - 0.5).abs() < 1e-9), "{near:?}");
    }

    #[test]
    fn without_a_common_layer_it_is_too_early_and_says_so() {
        let mut detector = Baseline::new(reference(&[0.2; 5]));
        let mut other = observation(3, None, Some(0.2));
        other.layers[0].layer = "conv1".parse().expect("a good name");
        assert!(
            matches!(detector.judge(&other, &params()), Answer::TooEarly { reason } if reason.contains("no measured layer in common"))
        );
        assert!(matches!(detector.judge(&observation(1, None, Some(0.2)), &params()), Answer::TooEarly { .. }));
    }

    #[test]
    fn the_ratio_is_that_of_geometric_means_over_common_layers_that_share_anything() {
        let layers = |nats: [f64; 2]| -> BTreeMap<LayerName, f64> {
            let names = ["fc3", "fc4"].map(|name| name.parse().expect("a good name"));
            names.into_iter().zip(nats).collect()
        };
        let epochs = BTreeMap::from([(Epoch(2), layers([0.1, 0.4]))]);
        let mut detector = Baseline::new(Arc::new(Reference { name: "good".into(), epochs }));
        let mut of_run = |nats: [Option<f64>; 2]| {
            let mut observation = observation(2, None, nats[0]);
            let mut second = observation.layers[0].clone();
            second.layer = "fc4".parse().expect("a good name");
            second.mutual_information_mean_nats = nats[1];
            observation.layers.push(second);
            detector.judge(&observation, &DetectParams { smooth: 1, ..params() })
        };
        // Geometric means: 0.06 beside 0.2.
        let Answer::Finding(finding) = of_run([Some(0.04), Some(0.09)]) else { panic!("70 % less") };
        let evidence = &finding.evidence[0];
        assert!((evidence.value - 0.06).abs() < 1e-12 && (evidence.reference - 0.2).abs() < 1e-12, "{evidence:?}");
        assert!((evidence.ratio - 0.7).abs() < 1e-12);
        // Neurons that share nothing have no logarithm: that layer is left out, and the other is 10 % above.
        assert!(matches!(of_run([Some(0.0), Some(0.44)]), Answer::Quiet { score } if (score - 0.1 / 0.6).abs() < 1e-9));
    }

    #[test]
    fn a_document_becomes_a_reference_without_its_layers_that_share_nothing() {
        let text = r#"{"run":"a","history":[
            {"epoch":0,"metrics":{},"layers":[{"name":"x","mutual_information_nats":{"mean":0.0}}]},
            {"epoch":3,"metrics":{},"layers":[{"name":"x","mutual_information_nats":{"mean":0.3}}, {"name":"y"}]}]}"#;
        let reference = Reference::of(&text.parse().expect("a document")).expect("epoch 3 was measured");
        assert_eq!((reference.name.as_str(), reference.at(Epoch(2))), ("a", None));
        let (epoch, layers) = reference.at(Epoch(7)).expect("its last epoch");
        assert_eq!((epoch, layers.values().copied().collect::<Vec<_>>()), (Epoch(3), vec![0.3]));
    }

    #[test]
    fn a_document_without_measures_is_no_reference() {
        let text = r#"{"run":"a","history":[{"epoch":0,"metrics":{},"layers":[]}]}"#;
        let document: TrainingDocument = text.parse().expect("a document");
        assert_eq!(Reference::of(&document), None);
    }
}
