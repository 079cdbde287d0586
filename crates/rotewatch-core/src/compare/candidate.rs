//! A finished network as rankings see it.

use crate::record::training::{EpochRecord, LayerRecord, TrainingDocument};
use crate::vocabulary::choices::Kind;
use rotewatch_info::measures::{Distribution, LayerMeasures};

/// A finished network that is to be ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it is called.
    pub name: String,
    /// What its neurons say.
    pub means: LayerMeans,
    /// How it was looked at.
    pub seen: Seen,
    /// What its run's verdict names; `None` without an alarm, or without a verdict.
    pub kind: Option<Kind>,
}

/// What a network is ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerMeans {
    /// Mean over layers of the mean entropy of their neurons, in nats, one set of edges over all layers.
    pub entropy_nats: f64,
    /// Mean over layers of the mean mutual information of their pairs, in nats.
    pub mutual_information_nats: f64,
}

/// What must be the same in networks that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The layers in forward order, each with its number of neurons, where that is known.
    pub layers: Vec<(String, Option<usize>)>,
    /// The rows that were looked at.
    pub probe: Probe,
}

/// The rows that a network was looked at with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Its trainer said which, in words.
    Told(String),
    /// So many, and nobody said which.
    Rows(usize),
    /// Nothing is known of them.
    Untold,
}

impl LayerMeans {
    /// Of an epoch; `None` where no layer was measured.
    #[must_use]
    pub fn of_epoch(epoch: &EpochRecord) -> Option<Self> {
        let layers = || epoch.layers.iter();
        Some(LayerMeans {
            entropy_nats: mean(layers().filter_map(|layer| layer.entropy_network_nats?.mean))?,
            mutual_information_nats: mean(layers().filter_map(|layer| layer.mutual_information_nats?.mean))?,
        })
    }

    /// Of measured layers; `None` where all were skipped, or none has a pair.
    #[must_use]
    pub fn of_measures(layers: &[LayerMeasures]) -> Option<Self> {
        let mean_of = |values: &[f64]| Distribution::of(&mut values.to_vec()).map(|all| all.mean);
        Some(LayerMeans {
            entropy_nats: mean(layers.iter().filter_map(|layer| mean_of(&layer.entropy_network_nats)))?,
            mutual_information_nats: mean(layers.iter().filter_map(|layer| mean_of(layer.mutual_information.condensed())))?,
        })
    }
}

impl Candidate {
    /// The network at the end of a recorded training; `None` where nobody watched it.
    #[must_use]
    pub fn of_document(name: String, document: &TrainingDocument) -> Option<Self> {
        let last = document.epochs.last()?;
        let width = |layer: &LayerRecord| {
            let of_name = || document.final_layers.iter().flatten().find(|known| known.name == layer.name);
            layer.neurons.or_else(|| of_name().map(|known| known.entropy_network_nats.len()))
        };
        Some(Candidate {
            name,
            means: LayerMeans::of_epoch(last)?,
            seen: Seen {
                layers: last.layers.iter().map(|layer| (layer.name.clone(), width(layer))).collect(),
                probe: document.probe.clone().map_or(Probe::Untold, Probe::Told),
            },
            kind: document.kind.as_deref().and_then(|kind| Kind::ALL.into_iter().find(|known| known.as_str() == kind)),
        })
    }

    /// A network of which activations were recorded; `None` where nothing could be measured.
    #[must_use]
    pub fn of_measures(name: String, layers: &[LayerMeasures]) -> Option<Self> {
        let rows = layers.first()?.rows;
        Some(Candidate {
            name,
            means: LayerMeans::of_measures(layers)?,
            seen: Seen {
                layers: layers.iter().map(|layer| (layer.name.clone(), Some(layer.neurons))).collect(),
                probe: Probe::Rows(rows),
            },
            kind: None,
        })
    }
}

impl Seen {
    /// Why a comparison with what was seen otherwise means nothing; `None` where nothing differs.
    #[must_use]
    pub fn difference(&self, other: &Seen) -> Option<String> {
        let names = |seen: &Seen| seen.layers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let mut reasons = Vec::new();
        if names(self) != names(other) {
            reasons.push("other layers");
        } else if self.layers != other.layers {
            reasons.push("layers of other widths");
        }
        if self.probe != other.probe {
            reasons.push("another probe");
        }
        (!reasons.is_empty()).then(|| reasons.join(" and "))
    }
}

impl Probe {
    /// What a comparison takes for granted where nobody tells of the rows; `None` where somebody does.
    #[must_use]
    pub fn doubt(&self) -> Option<&'static str> {
        match self {
            Probe::Told(_) => None,
            Probe::Rows(_) => Some("that these are the same rows, the files do not tell: else this means nothing"),
            Probe::Untold => Some("that all saw the same rows, nobody tells: else this means nothing"),
        }
    }
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Probe::Told(words) => f.write_str(words),
            Probe::Rows(rows) => write!(f, "{rows} rows"),
            Probe::Untold => f.write_str("rows that nobody tells of"),
        }
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let layer = |(name, neurons): &(String, Option<usize>)| match neurons {
            Some(neurons) => format!("{name} ({neurons})"),
            None => name.clone(),
        };
        let layers: Vec<String> = self.layers.iter().map(layer).collect();
        write!(f, "layers {}, seen on {}", layers.join(", "), self.probe)
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
    fn a_document_tells_its_last_epoch_and_how_it_was_seen() {
        let text = r#"{"run": "a", "kind": "heuristic", "probe": "1000 rows of the test set of colored-mnist",
            "final_layers": [{"name": "h1", "entropy_network_nats": [1.0, 2.0], "mutual_information": {"upper": 1.0, "counts": [1]}}],
            "history": [
                {"epoch": 0, "metrics": {}, "layers": []},
                {"epoch": 1, "metrics": {}, "layers": [
                    {"name": "h1", "entropy_network_nats": {"mean": 1.5}, "mutual_information_nats": {"mean": 0.25}},
                    {"name": "h2", "entropy_network_nats": {"mean": 2.5}, "mutual_information_nats": null}]}]}"#;
        let candidate = Candidate::of_document("a".into(), &text.parse().unwrap()).unwrap();
        assert_eq!(candidate.means, LayerMeans { entropy_nats: 2.0, mutual_information_nats: 0.25 });
        assert_eq!(candidate.kind, Some(Kind::Heuristic));
        assert_eq!(candidate.seen.to_string(), "layers h1 (2), h2, seen on 1000 rows of the test set of colored-mnist");
        let unwatched = r#"{"history": [{"epoch": 0, "metrics": {}, "layers": []}]}"#;
        assert_eq!(Candidate::of_document("b".into(), &unwatched.parse().unwrap()), None);
    }

    #[test]
    fn what_makes_a_comparison_meaningless_is_named() {
        let seen = |layer: &str, neurons, probe| Seen { layers: vec![(layer.into(), Some(neurons))], probe };
        let one = seen("a", 3, Probe::Rows(60));
        assert_eq!(one.difference(&one), None);
        assert_eq!(one.difference(&seen("a", 4, Probe::Rows(60))).unwrap(), "layers of other widths");
        assert_eq!(one.difference(&seen("b", 3, Probe::Untold)).unwrap(), "other layers and another probe");
    }

    #[test]
    fn measures_give_the_same_means_as_the_documents_that_are_made_of_them() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let columns = Columns::from_row_major(60, 3, &(0..180).map(|at| (at * at % 17) as f32).collect::<Vec<_>>());
        let layers = measure_layers(&[LayerSamples { name: "a", columns: &columns }], None, &MeasureParams::default(), &pool);
        let candidate = Candidate::of_measures("net".into(), &layers).unwrap();
        assert_eq!(candidate.means.entropy_nats, layers[0].entropy_network_nats.iter().sum::<f64>() / 3.0);
        assert_eq!(candidate.seen, Seen { layers: vec![("a".into(), Some(3))], probe: Probe::Rows(60) });
        assert_eq!(Candidate::of_measures("net".into(), &[]), None);
    }
}
