//! A measured network, as rankings use it.

use crate::record::catalogue::Measure;
use crate::record::{EpochRecord, LayerRecord, TrainingDocument};
use crate::vocabulary::choices::Kind;
use rotewatch_info::measures::{Distribution, LayerMeasures};

/// A finished network to be ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredNetwork {
    /// Its name.
    pub name: String,
    /// The measures of its neurons.
    pub means: LayerMeans,
    /// How it was measured.
    pub seen: MeasurementSetup,
    /// The kind of memorization in its run's verdict; `None` without an alarm, or without a verdict.
    pub kind: Option<Kind>,
}

/// The measures that networks are ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerMeans {
    /// Mean over layers of the mean entropy of their neurons, in nats, with one set of bin edges for all layers.
    pub entropy_nats: f64,
    /// Mean over layers of the mean mutual information of their pairs, in nats.
    pub mutual_information_nats: f64,
}

/// How a network was measured; must be equal for networks that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasurementSetup {
    /// The layers in forward order, each with its number of neurons, if known.
    pub layers: Vec<(String, Option<usize>)>,
    /// The rows that were measured.
    pub probe: Probe,
}

/// The rows that a network was measured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The trainer described them in words.
    Described(String),
    /// Only their number is known.
    Rows(usize),
    /// Nothing is known of them.
    Unknown,
}

impl LayerMeans {
    /// The means of an epoch; `None` if no layer was measured.
    #[must_use]
    pub fn of_epoch(epoch: &EpochRecord) -> Option<Self> {
        let layers = || epoch.layers.iter();
        Some(LayerMeans {
            entropy_nats: mean(layers().filter_map(|layer| layer.mean(Measure::EntropyNetworkNats)))?,
            mutual_information_nats: mean(layers().filter_map(|layer| layer.mean(Measure::MutualInformationNats)))?,
        })
    }

    /// The means of measured layers; `None` if all were skipped, or none has a pair of neurons.
    #[must_use]
    pub fn of_measures(layers: &[LayerMeasures]) -> Option<Self> {
        let mean_of = |values: &[f64]| Distribution::of(&mut values.to_vec()).map(|all| all.mean);
        Some(LayerMeans {
            entropy_nats: mean(layers.iter().filter_map(|layer| mean_of(&layer.entropy_network_nats)))?,
            mutual_information_nats: mean(layers.iter().filter_map(|layer| mean_of(layer.mutual_information.condensed())))?,
        })
    }
}

impl MeasuredNetwork {
    /// The network at the end of a recorded training; `None` if it was not measured.
    #[must_use]
    pub fn of_document(name: String, document: &TrainingDocument) -> Option<Self> {
        let last = document.epochs.last()?;
        let width = |layer: &LayerRecord| {
            let of_name = || document.final_layers.iter().flatten().find(|known| known.layer == layer.layer);
            layer.neurons.or_else(|| of_name().map(|known| known.entropy_network_nats.len()))
        };
        Some(MeasuredNetwork {
            name,
            means: LayerMeans::of_epoch(last)?,
            seen: MeasurementSetup {
                layers: last.layers.iter().map(|layer| (layer.layer.to_string(), width(layer))).collect(),
                probe: document.probe.clone().map_or(Probe::Unknown, Probe::Described),
            },
            kind: document.kind,
        })
    }

    /// A network from recorded activations; `None` if nothing could be measured.
    #[must_use]
    pub fn of_measures(name: String, layers: &[LayerMeasures]) -> Option<Self> {
        let rows = layers.first()?.rows;
        Some(MeasuredNetwork {
            name,
            means: LayerMeans::of_measures(layers)?,
            seen: MeasurementSetup {
                layers: layers.iter().map(|layer| (layer.name.clone(), Some(layer.neurons))).collect(),
                probe: Probe::Rows(rows),
            },
            kind: None,
        })
    }
}

impl MeasurementSetup {
    /// What differs, which makes a comparison meaningless; `None` if nothing differs.
    #[must_use]
    pub fn difference(&self, other: &MeasurementSetup) -> Option<String> {
        let names = |seen: &MeasurementSetup| seen.layers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let mut reasons = Vec::new();
        if names(self) != names(other) {
            reasons.push("different layers");
        } else if self.layers != other.layers {
            reasons.push("layers of different widths");
        }
        if self.probe != other.probe {
            reasons.push("different probes");
        }
        (!reasons.is_empty()).then(|| reasons.join(" and "))
    }
}

impl Probe {
    /// A warning if the rows are not known to be the same; `None` if the trainer described them.
    #[must_use]
    pub fn doubt(&self) -> Option<&'static str> {
        match self {
            Probe::Described(_) => None,
            Probe::Rows(_) => Some("note: only valid if the files have the same rows, which cannot be checked"),
            Probe::Unknown => Some("note: only valid if all networks were measured on the same rows, which is not recorded"),
        }
    }
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Probe::Described(words) => f.write_str(words),
            Probe::Rows(rows) => write!(f, "{rows} rows"),
            Probe::Unknown => f.write_str("unknown rows"),
        }
    }
}

impl std::fmt::Display for MeasurementSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let layer = |(name, neurons): &(String, Option<usize>)| match neurons {
            Some(neurons) => format!("{name} ({neurons})"),
            None => name.clone(),
        };
        let layers: Vec<String> = self.layers.iter().map(layer).collect();
        write!(f, "layers {}, measured on {}", layers.join(", "), self.probe)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut count, mut sum) = (0.0, 0.0);
    for value in values {
        count += 1.0;
        sum += value;
    }
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rotewatch_info::measures::{Columns, LayerSamples, MeasureParams, measure_layers};

    #[test]
    fn a_document_gives_its_last_epoch_and_how_it_was_measured() {
        let text = r#"{"run": "a", "kind": "heuristic", "probe": "1000 rows of the test set of colored-mnist",
            "final_layers": [{"name": "h1", "entropy_network_nats": [1.0, 2.0], "mutual_information": {"upper": 1.0, "counts": [1]}}],
            "history": [
                {"epoch": 0, "metrics": {}, "layers": []},
                {"epoch": 1, "metrics": {}, "layers": [
                    {"name": "h1", "entropy_network_nats": {"mean": 1.5}, "mutual_information_nats": {"mean": 0.25}},
                    {"name": "h2", "entropy_network_nats": {"mean": 2.5}, "mutual_information_nats": null}]}]}"#;
        let candidate = MeasuredNetwork::of_document("a".into(), &text.parse().unwrap()).unwrap();
        assert_eq!(candidate.means, LayerMeans { entropy_nats: 2.0, mutual_information_nats: 0.25 });
        assert_eq!(candidate.kind, Some(Kind::Heuristic));
        assert_eq!(candidate.seen.to_string(), "layers h1 (2), h2, measured on 1000 rows of the test set of colored-mnist");
        let unwatched = r#"{"history": [{"epoch": 0, "metrics": {}, "layers": []}]}"#;
        assert_eq!(MeasuredNetwork::of_document("b".into(), &unwatched.parse().unwrap()), None);
    }

    #[test]
    fn differences_that_make_a_comparison_meaningless_are_named() {
        let seen = |layer: &str, neurons, probe| MeasurementSetup { layers: vec![(layer.into(), Some(neurons))], probe };
        let one = seen("a", 3, Probe::Rows(60));
        assert_eq!(one.difference(&one), None);
        assert_eq!(one.difference(&seen("a", 4, Probe::Rows(60))).unwrap(), "layers of different widths");
        assert_eq!(one.difference(&seen("b", 3, Probe::Unknown)).unwrap(), "different layers and different probes");
    }

    #[test]
    fn measures_give_the_same_means_as_the_documents_that_are_made_of_them() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let columns = Columns::from_row_major(60, 3, &(0..180).map(|at| (at * at % 17) as f32).collect::<Vec<_>>());
        let layers = measure_layers(&[LayerSamples { name: "a", columns: &columns }], None, &MeasureParams::default(), &pool);
        let candidate = MeasuredNetwork::of_measures("net".into(), &layers).unwrap();
        assert_eq!(candidate.means.entropy_nats, layers[0].entropy_network_nats.iter().sum::<f64>() / 3.0);
        assert_eq!(candidate.seen, MeasurementSetup { layers: vec![("a".into(), Some(3))], probe: Probe::Rows(60) });
        assert_eq!(MeasuredNetwork::of_measures("net".into(), &[]), None);
    }
}
