//! All measures of one epoch's layers: the entry point of the monitor.

use rayon::prelude::*;

use super::all_pairs::Pairing;
use super::binning::InnerEdges;
use super::class::ClassGroups;
use super::entropy::entropy_ratio;
use super::ksg_sample::{KsgSample, ksg_sample};
use super::kurtosis::excess_kurtosis;
use super::neurons::{BinnedNeurons, shared_entropies_nats};
use super::pairwise::PairMatrix;
use super::params::{MeasureParams, RELIABLE_ROWS_PER_BIN};
use super::samples::{Columns, Value};
use super::shuffle::{ShuffleBias, shuffle_bias};
use super::surprisal::own_surprisals_nats;
use super::terms::Terms;
use crate::kernels::Kernel;

/// The samples of one layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerSamples<'a, V: Value = f32> {
    /// The layer's name.
    pub name: &'a str,
    /// Its samples.
    pub columns: &'a Columns<V>,
}

/// Why a layer was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// There are fewer finite rows than bins.
    #[error("only {finite_rows} finite rows for {needed} bins")]
    TooFewFiniteRows {
        /// Finite values per neuron, averaged over the layer and rounded down.
        finite_rows: usize,
        /// The minimum: one row per bin.
        needed: usize,
    },
}

/// The measures of one layer. Vectors have one entry per neuron, or per row where documented; those of a skipped layer are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerMeasures {
    /// The layer's name.
    pub name: String,
    /// Number of measured neurons.
    pub neurons: usize,
    /// Number of rows.
    pub rows: usize,
    /// Number of values that were infinite or NaN, and left out.
    pub nonfinite: u64,
    /// Number of neurons with one value on all finite rows, or no finite row.
    pub constant_neurons: usize,
    /// Whether there are at least [`RELIABLE_ROWS_PER_BIN`] finite rows per bin of scope `neuron`.
    pub reliable: bool,
    /// Why the layer was not measured, if it was skipped.
    pub skipped: Option<Skipped>,
    /// Number of bins in scope `network`, including the maximum's own bin.
    pub network_bin_count: usize,
    /// Number of bins in scope `neuron`, including the maximum's own bin.
    pub neuron_bin_count: usize,
    /// Entropy in nats with shared bin edges for all layers.
    pub entropy_network_nats: Vec<f64>,
    /// Entropy in nats with each neuron's own bin edges.
    pub entropy_neuron_nats: Vec<f64>,
    /// Mutual information in nats of every pair.
    pub mutual_information: PairMatrix,
    /// Mutual information as a share of the smaller entropy of the pair.
    pub normalised_mi: PairMatrix,
    /// Information in nats between each neuron and the predicted class, if there are predictions.
    pub class_information_nats: Option<Vec<f64>>,
    /// Excess kurtosis of each neuron; NaN for a constant.
    pub excess_kurtosis: Vec<f64>,
    /// Surprisal in nats of each row among these same rows, with the bins of scope `neuron`; NaN for a row without a finite value.
    pub surprisal_nats: Vec<f64>,
    /// The shuffle null; `None` if it is turned off or there are no pairs.
    pub shuffle_bias: Option<ShuffleBias>,
    /// Miller-Madow bias of the mutual information in nats, averaged over the pairs; 0 without pairs.
    pub miller_madow_bias: f64,
    /// Nearest-neighbour mutual information on a sample of pairs; `None` if it is turned off or no pair has enough rows.
    pub ksg: Option<KsgSample>,
}

impl LayerMeasures {
    /// Returns the entropy in scope `network` as a share of the maximum for its bins.
    #[must_use]
    pub fn entropy_network_ratio(&self) -> Vec<f64> {
        self.entropy_network_nats.iter().map(|&nats| entropy_ratio(nats, self.network_bin_count)).collect()
    }

    /// Returns the entropy in scope `neuron` as a share of the maximum for its bins.
    #[must_use]
    pub fn entropy_neuron_ratio(&self) -> Vec<f64> {
        self.entropy_neuron_nats.iter().map(|&nats| entropy_ratio(nats, self.neuron_bin_count)).collect()
    }
}

/// Measures every layer of an epoch.
///
/// # Shape
/// `layers`: any number of layers, of any widths. `predictions`: one class per row; a layer with a different number of rows has no
/// class information. The result has one entry per layer, in the same order.
///
/// # Estimator
/// Plug-in measures as documented at [`entropy_nats`](super::entropy::entropy_nats),
/// [`pair_information`](super::pairwise::pair_information), [`ClassGroups::information_nats`], [`own_surprisals_nats`] and [`shuffle_bias`]. The edges of scope `network` are computed over all layers that are not skipped. Values that are
/// not finite are left out one by one; a pair uses the rows where both are finite.
///
/// # Cost
/// Quadratic in neurons, linear in rows. Runs on `pool` and gives the same bits for any number of threads, because no
/// floating-point sum is split between tasks.
#[must_use]
pub fn measure_layers<V: Value>(
    layers: &[LayerSamples<'_, V>],
    predictions: Option<&[i64]>,
    params: &MeasureParams,
    pool: &rayon::ThreadPool,
) -> Vec<LayerMeasures> {
    let skipped: Vec<Option<Skipped>> = layers.iter().map(|layer| reason_to_skip(layer.columns, params)).collect();
    let measured = layers.iter().zip(&skipped).filter(|(_, skipped)| skipped.is_none()).map(|(layer, _)| layer.columns);
    let network = InnerEdges::of(measured.flat_map(Columns::columns), params.network_bins(), params.binning(), params.edges());
    let groups = predictions.map(ClassGroups::of);
    pool.install(|| {
        let each = layers.iter().zip(&skipped).enumerate();
        each.map(|(at, (layer, &skipped))| match skipped {
            Some(reason) => skipped_layer(layer, reason, params),
            None => measure_layer(at, layer, &network, groups.as_ref(), params),
        })
        .collect()
    })
}

fn reason_to_skip<V: Value>(columns: &Columns<V>, params: &MeasureParams) -> Option<Skipped> {
    let finite_rows = finite_rows(columns);
    let needed = params.bins();
    (finite_rows < needed).then_some(Skipped::TooFewFiniteRows { finite_rows, needed })
}

/// Returns the finite values per neuron, averaged over the layer and rounded down.
fn finite_rows<V: Value>(columns: &Columns<V>) -> usize {
    let masked = columns.nonfinite() as usize;
    let all = columns.rows() * columns.neurons();
    (all - masked).checked_div(columns.neurons()).unwrap_or(0)
}

fn skipped_layer<V: Value>(layer: &LayerSamples<'_, V>, reason: Skipped, params: &MeasureParams) -> LayerMeasures {
    LayerMeasures {
        name: layer.name.to_owned(),
        neurons: layer.columns.neurons(),
        rows: layer.columns.rows(),
        nonfinite: layer.columns.nonfinite(),
        skipped: Some(reason),
        network_bin_count: params.edges().bin_count(params.network_bins()),
        neuron_bin_count: params.edges().bin_count(params.bins()),
        ..LayerMeasures::default()
    }
}

fn measure_layer<V: Value>(
    at: usize,
    layer: &LayerSamples<'_, V>,
    network: &InnerEdges,
    groups: Option<&ClassGroups>,
    params: &MeasureParams,
) -> LayerMeasures {
    let kernel = Kernel::get();
    let columns = layer.columns;
    let (rows, neurons) = (columns.rows(), columns.neurons());
    let network_bin_count = params.edges().bin_count(params.network_bins());
    let neuron_bin_count = params.edges().bin_count(params.bins());
    let terms = Terms::up_to(rows);
    let entropy_network_nats = shared_entropies_nats(columns, network, network_bin_count, &terms, kernel);
    let binned = BinnedNeurons::of(columns, params.bins(), params.binning(), params.edges(), &terms, kernel);
    let pairing = Pairing::new(&binned.layer, &binned.marginals, &terms, kernel);
    let pairs = pairing.measure();
    let class_information = |groups: &ClassGroups| {
        let of_neuron = |neuron| groups.information_nats(binned.layer.column(neuron), neuron_bin_count);
        (0..neurons).into_par_iter().map(of_neuron).collect()
    };
    LayerMeasures {
        name: layer.name.to_owned(),
        neurons,
        rows,
        nonfinite: columns.nonfinite(),
        constant_neurons: binned.constant,
        reliable: finite_rows(columns) >= RELIABLE_ROWS_PER_BIN * params.bins(),
        skipped: None,
        network_bin_count,
        neuron_bin_count,
        entropy_network_nats,
        entropy_neuron_nats: binned.entropies_nats(&terms),
        mutual_information: pairs.mutual,
        normalised_mi: pairs.normalised,
        class_information_nats: groups.filter(|groups| groups.rows() == rows).map(class_information),
        excess_kurtosis: columns.columns().map(excess_kurtosis).collect(),
        surprisal_nats: own_surprisals_nats(&binned.layer, &binned.marginals),
        shuffle_bias: shuffle_bias(&pairing, &binned.layer, params.shuffle_pairs(), params.seed(), at as u64),
        miller_madow_bias: pairs.miller_madow_nats,
        ksg: (params.ksg_pairs() > 0)
            .then(|| ksg_sample(columns, params.ksg_pairs(), params.knn(), params.seed(), at as u64, kernel))
            .flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::params::{BinEdges, Binning};

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    fn noise(rows: usize, neurons: usize) -> Columns {
        let mut state = 0x9e37_79b9_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        let values: Vec<f32> = (0..rows * neurons).map(|_| next() + next() + next()).collect();
        Columns::from_row_major(rows, neurons, &values)
    }

    #[test]
    fn threads_change_no_bit() {
        let (a, b) = (noise(203, 17), noise(203, 9));
        let layers = [LayerSamples { name: "a", columns: &a }, LayerSamples { name: "b", columns: &b }];
        let predictions: Vec<i64> = (0..203).map(|row| row % 4).collect();
        let params = MeasureParams::default();
        let one = measure_layers(&layers, Some(&predictions), &params, &pool(1));
        for threads in 2..5 {
            assert_eq!(measure_layers(&layers, Some(&predictions), &params, &pool(threads)), one);
        }
        assert!(one.iter().all(|layer| layer.reliable && layer.skipped.is_none()));
        assert!(one[0].class_information_nats.as_ref().is_some_and(|nats| nats.len() == 17));
    }

    #[test]
    fn a_layer_without_finite_rows_is_skipped_and_moves_no_edge() {
        let good = noise(100, 5);
        let bad = Columns::from_row_major(100, 2, &[f32::NAN; 200]);
        let alone = [LayerSamples { name: "good", columns: &good }];
        let both = [alone[0], LayerSamples { name: "bad", columns: &bad }];
        let params = MeasureParams::default();
        let measured = measure_layers(&both, None, &params, &pool(2));
        assert_eq!(measured[0], measure_layers(&alone, None, &params, &pool(2))[0]);
        assert_eq!(measured[1].skipped, Some(Skipped::TooFewFiniteRows { finite_rows: 0, needed: 10 }));
        assert_eq!(measured[1].nonfinite, 200);
        assert!(measured[1].entropy_neuron_nats.is_empty());
    }

    #[test]
    fn constants_are_counted_and_carry_nothing() {
        let rows = 60;
        let values: Vec<f32> = (0..rows).flat_map(|row| [3.0, row as f32, f32::NAN]).collect();
        let columns = Columns::from_row_major(rows, 3, &values);
        let layers = [LayerSamples { name: "c", columns: &columns }];
        for binning in [Binning::EqualWidth, Binning::EqualFrequency] {
            for edges in [BinEdges::Closed, BinEdges::HalfOpen] {
                let params = MeasureParams::new(10, 100, edges, binning, 10, 1).unwrap();
                let measured = &measure_layers(&layers, None, &params, &pool(1))[0];
                assert_eq!(measured.constant_neurons, 2);
                assert_eq!((measured.entropy_neuron_nats[0], measured.entropy_neuron_nats[2]), (0.0, 0.0));
                assert!(measured.mutual_information.iter().all(|(.., nats)| nats == 0.0));
                assert!(measured.normalised_mi.iter().all(|(.., share)| share == 0.0));
            }
        }
    }

    #[test]
    fn few_rows_are_marked_unreliable() {
        let few = noise(49, 3);
        let params = MeasureParams::default();
        assert!(!measure_layers(&[LayerSamples { name: "few", columns: &few }], None, &params, &pool(1))[0].reliable);
        let enough = noise(50, 3);
        assert!(measure_layers(&[LayerSamples { name: "enough", columns: &enough }], None, &params, &pool(1))[0].reliable);
    }

    #[test]
    fn predictions_of_another_length_are_not_used() {
        let columns = noise(100, 3);
        let layers = [LayerSamples { name: "a", columns: &columns }];
        let measured = measure_layers(&layers, Some(&[1, 2, 3]), &MeasureParams::default(), &pool(1));
        assert_eq!(measured[0].class_information_nats, None);
    }
}
