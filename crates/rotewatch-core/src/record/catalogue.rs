//! The catalogue of measures: the one list from which reports, JSON, history columns, CSV, Prometheus series, `rotewatch top`, the live page
//! and the table in the documentation are made.
//!
//! A new measure is its mathematics in `rotewatch-info`, an entry here, and its oracle. Its name is a key in JSON, the start of its columns in
//! the history and in CSV files, and never changes once it was released.

use rotewatch_info::measures::{Distribution, LayerMeasures};
use strum::{VariantArray, VariantNames};

/// The unit of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Unit {
    /// Natural logarithm.
    Nats,
    /// A share of the largest possible value.
    Ratio,
    /// A number without a unit.
    Number,
}

/// What one value of a measure describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Of {
    /// One neuron.
    Neuron,
    /// One pair of neurons of a layer.
    Pair,
}

/// A Prometheus series of layers. Measures that differ in the scope of their bin edges share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSeries {
    /// Its name without the prefix `rotewatch_`.
    pub name: &'static str,
    /// Its help text.
    pub help: &'static str,
    /// The value of the label `scope`; `None` for a series without that label.
    pub scope: Option<&'static str>,
    /// The name of the series that has the means over the newest reports; `None` if there is none.
    pub rolling: Option<&'static str>,
}

/// A Prometheus histogram of all values of all epochs.
#[derive(Clone, Copy, Debug)]
pub struct HistogramSeries {
    /// Its name without the prefix `rotewatch_`.
    pub name: &'static str,
    /// Its help text.
    pub help: &'static str,
    /// Upper bounds of its buckets, ascending.
    pub bounds: &'static [f64],
    /// The values of a layer, one observation each.
    pub values: fn(&LayerMeasures) -> &[f64],
}

/// How a measure is drawn over epochs: a chart of the live page, a line of `rotewatch top`, a column of `runs show` and `train`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The statistic that is drawn.
    pub statistic: &'static str,
    /// The name where there is room for one word.
    pub heading: &'static str,
    /// What the chart shows, for people.
    pub about: &'static str,
    /// What the chart says if there are epochs, but not this measure.
    pub missing: &'static str,
    /// Whether the axis starts at 0.
    pub from_zero: bool,
}

/// Everything that is said about a measure.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name in charts and tables for people.
    pub title: &'static str,
    /// The unit.
    pub unit: Unit,
    /// What one value describes.
    pub of: Of,
    /// One sentence about it.
    pub help: &'static str,
    /// Mean and quantiles over a layer; `None` if the layer lacks the measure.
    pub of_layer: fn(&LayerMeasures) -> Option<Distribution>,
    /// Its Prometheus series; `None` if it has none.
    pub series: Option<LayerSeries>,
    /// The histogram of its values; `None` if it has none.
    pub histogram: Option<HistogramSeries>,
    /// How it is drawn over epochs; `None` for a measure that only programs read.
    pub line: Option<Line>,
}

/// Upper bounds in nats of the buckets of `neuron_entropy_nats`: up to ln(100) = 4.6, for 100 bins.
const ENTROPY_BOUNDS: &[f64] = &[0.01, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0];
/// Upper bounds in nats of the buckets of `pair_mutual_information_nats`: up to ln(10) = 2.3, for 10 bins.
const MUTUAL_INFORMATION_BOUNDS: &[f64] = &[0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0];

/// What a chart says while no layer has been measured.
const UNMEASURED: &str = "No layer has been measured yet.";

const ENTROPY_NATS: LayerSeries = LayerSeries {
    name: "layer_entropy_nats",
    help: "Entropy of the layer's binned activations over its neurons, in nats, by scope of the bin edges.",
    scope: None,
    rolling: Some("layer_entropy_rolling_nats"),
};
const ENTROPY_RATIO: LayerSeries = LayerSeries {
    name: "layer_entropy_ratio",
    help: "Entropy of the layer's binned activations as a share of ln(number of bins).",
    scope: None,
    rolling: None,
};
const NEURON_ENTROPY: HistogramSeries = HistogramSeries {
    name: "neuron_entropy_nats",
    help: "Entropy in nats, one observation per neuron and epoch.",
    bounds: ENTROPY_BOUNDS,
    values: |layer| &layer.entropy_network_nats,
};

macro_rules! catalogue {
    ($($(#[$about:meta])* $measure:ident { $($field:ident: $value:expr,)* })*) => {
        /// A measure of a layer, summed up over its neurons or pairs of neurons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray, VariantNames, strum::IntoStaticStr)]
        #[strum(serialize_all = "snake_case")]
        pub enum Measure {
            $($(#[$about])* $measure,)*
        }

        impl Measure {
            /// What the catalogue says about it.
            #[must_use]
            pub fn entry(self) -> &'static Entry {
                match self {
                    $(Measure::$measure => {
                        static ENTRY: Entry = Entry { $($field: $value,)* };
                        &ENTRY
                    })*
                }
            }
        }
    };
}

catalogue! {
    /// Entropy of each neuron, with one set of bin edges for all layers.
    EntropyNetworkNats {
        title: "Entropy",
        unit: Unit::Nats,
        of: Of::Neuron,
        help: "Entropy of each neuron's binned activations, with one set of bin edges for all layers.",
        of_layer: |layer| over(&layer.entropy_network_nats),
        series: Some(LayerSeries { scope: Some("network"), ..ENTROPY_NATS }),
        histogram: Some(NEURON_ENTROPY),
        line: Some(Line {
            statistic: "mean",
            heading: "entropy",
            about: "Mean over neurons: how evenly each neuron uses its range",
            missing: UNMEASURED,
            from_zero: false,
        }),
    }
    /// The same as a share of the largest entropy that the bins allow.
    EntropyNetworkRatio {
        title: "Entropy, as a share of ln(bins)",
        unit: Unit::Ratio,
        of: Of::Neuron,
        help: "Entropy with one set of bin edges for all layers, as a share of ln(number of bins).",
        of_layer: |layer| over(&layer.entropy_network_ratio()),
        series: Some(LayerSeries { scope: Some("network"), ..ENTROPY_RATIO }),
        histogram: None,
        line: None,
    }
    /// Entropy of each neuron, with its own bin edges.
    EntropyNeuronNats {
        title: "Entropy, own edges",
        unit: Unit::Nats,
        of: Of::Neuron,
        help: "Entropy of each neuron's binned activations, with each neuron's own bin edges.",
        of_layer: |layer| over(&layer.entropy_neuron_nats),
        series: Some(LayerSeries { scope: Some("neuron"), ..ENTROPY_NATS }),
        histogram: Some(HistogramSeries { values: |layer| &layer.entropy_neuron_nats, ..NEURON_ENTROPY }),
        line: None,
    }
    /// The same as a share of the largest entropy that the bins allow.
    EntropyNeuronRatio {
        title: "Entropy, own edges, as a share of ln(bins)",
        unit: Unit::Ratio,
        of: Of::Neuron,
        help: "Entropy with each neuron's own bin edges, as a share of ln(number of bins).",
        of_layer: |layer| over(&layer.entropy_neuron_ratio()),
        series: Some(LayerSeries { scope: Some("neuron"), ..ENTROPY_RATIO }),
        histogram: None,
        line: None,
    }
    /// Mutual information of each pair of neurons.
    MutualInformationNats {
        title: "Mutual information",
        unit: Unit::Nats,
        of: Of::Pair,
        help: "Mutual information of each pair of neurons of the layer.",
        of_layer: |layer| over(layer.mutual_information.condensed()),
        series: Some(LayerSeries {
            name: "layer_mutual_information_nats",
            help: "Mutual information over all pairs of the layer's neurons, in nats.",
            scope: None,
            rolling: Some("layer_mutual_information_rolling_nats"),
        }),
        histogram: Some(HistogramSeries {
            name: "pair_mutual_information_nats",
            help: "Mutual information in nats, one observation per pair of neurons and epoch.",
            bounds: MUTUAL_INFORMATION_BOUNDS,
            values: |layer| layer.mutual_information.condensed(),
        }),
        line: Some(Line {
            statistic: "mean",
            heading: "MI",
            about: "Mean over pairs: how much two neurons have in common",
            missing: UNMEASURED,
            from_zero: true,
        }),
    }
    /// The same as a share of the smaller entropy of the pair.
    MutualInformationRatio {
        title: "Mutual information, as a share of the smaller entropy",
        unit: Unit::Ratio,
        of: Of::Pair,
        help: "Mutual information of each pair as a share of the smaller entropy of the two neurons.",
        of_layer: |layer| over(layer.normalised_mi.condensed()),
        series: Some(LayerSeries {
            name: "layer_mutual_information_ratio",
            help: "Mutual information over all pairs of the layer's neurons as a share of the smaller entropy.",
            scope: None,
            rolling: None,
        }),
        histogram: None,
        line: None,
    }
    /// Information between each neuron and the predicted class.
    ClassInformationNats {
        title: "Class information",
        unit: Unit::Nats,
        of: Of::Neuron,
        help: "Information between each neuron and the class that the network predicts.",
        of_layer: |layer| over(layer.class_information_nats.as_ref()?),
        series: Some(LayerSeries {
            name: "layer_class_information_nats",
            help: "Information between each neuron and the predicted class, in nats.",
            scope: None,
            rolling: Some("layer_class_information_rolling_nats"),
        }),
        histogram: None,
        line: Some(Line {
            statistic: "p90",
            heading: "class",
            about: "90th percentile over neurons: information about the predicted class",
            missing: "The trainer sends no predicted classes.",
            from_zero: true,
        }),
    }
    /// Excess kurtosis of each neuron's activations.
    ExcessKurtosis {
        title: "Excess kurtosis",
        unit: Unit::Number,
        of: Of::Neuron,
        help: "Excess kurtosis of each neuron's activations; large where a few rows have outliers, 0 for a normal distribution.",
        of_layer: |layer| over(&layer.excess_kurtosis),
        series: Some(LayerSeries {
            name: "layer_excess_kurtosis",
            help: "Excess kurtosis of each neuron's activations; 0 for a normal distribution.",
            scope: None,
            rolling: None,
        }),
        histogram: None,
        line: Some(Line {
            statistic: "p95",
            heading: "kurtosis",
            about: "95th percentile over neurons: how far outliers stick out; 0 is a normal distribution",
            missing: UNMEASURED,
            from_zero: false,
        }),
    }
    /// Mutual information from nearest neighbours, on a sample of pairs.
    KsgNats {
        title: "Mutual information by nearest neighbours",
        unit: Unit::Nats,
        of: Of::Pair,
        help: "Mutual information from nearest neighbours (KSG) on a sample of pairs, if measures.ksg_pairs is set.",
        of_layer: |layer| layer.ksg.map(|sample| sample.nats),
        series: None,
        histogram: None,
        line: None,
    }
}

impl Measure {
    /// Every measure, in the order of the catalogue.
    pub const ALL: &'static [Measure] = <Measure as VariantArray>::VARIANTS;

    /// The name of every measure, in the same order.
    pub const NAMES: &'static [&'static str] = <Measure as VariantNames>::VARIANTS;

    /// The measures that are drawn over epochs.
    pub fn drawn() -> impl Iterator<Item = (Measure, Line)> {
        Measure::ALL.iter().filter_map(|measure| Some((*measure, measure.entry().line?)))
    }

    /// The key in JSON, and the start of columns in the history and in CSV files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Mean and quantiles of the values that are numbers; `None` if there are none.
fn over(values: &[f64]) -> Option<Distribution> {
    let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    Distribution::of(&mut finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_series_are_unique_and_carry_their_unit() {
        let mut names = std::collections::BTreeSet::new();
        for measure in Measure::ALL {
            let entry = measure.entry();
            let series = entry.series.map(|series| (series.name, series.scope));
            assert!(names.insert(measure.name().to_owned()), "{measure:?}");
            assert!(series.is_none_or(|(name, scope)| names.insert(format!("{name} {scope:?}"))), "{measure:?}");
            if entry.unit != Unit::Number {
                let suffix = format!("_{}", entry.unit);
                assert!(measure.name().ends_with(&suffix), "{measure:?}");
                assert!(series.is_none_or(|(name, _)| name.ends_with(&suffix)), "{measure:?}");
            }
            assert!(entry.help.ends_with('.') && !entry.title.is_empty(), "{measure:?}");
        }
    }
}
