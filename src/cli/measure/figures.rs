//! Computes the results for the tensors of one file.

use std::path::PathBuf;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use crate::activations::{Element, Tensor, TensorError};
use rotewatch_info::kernels::Kernel;
use rotewatch_info::measures::KnnParams;
use rotewatch_info::measures::all_pairs::{PairMeasures, Pairing};
use rotewatch_info::measures::binning::InnerEdges;
use rotewatch_info::measures::class::ClassGroups;
use rotewatch_info::measures::knn::{KnnScratch, Neighbourhoods, knn_entropy_nats};
use rotewatch_info::measures::neurons::{BinnedNeurons, shared_entropies_nats};
use rotewatch_info::measures::params::RELIABLE_ROWS_PER_BIN;
use rotewatch_info::measures::shuffle::{ShuffleBias, shuffle_bias};
use rotewatch_info::measures::surprisal::{ReferenceBins, own_surprisals_nats};
use rotewatch_info::measures::terms::Terms;
use rotewatch_info::measures::{BinEdges, Binning};
use rotewatch_info::measures::{Columns, PairMatrix, Value};

/// Number of pairs on which the shuffle null is estimated.
const SHUFFLE_PAIRS: usize = 1_000;

/// What to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Measure {
    /// Plug-in entropy of each neuron
    Entropy,
    /// Plug-in mutual information of every pair
    Mi,
    /// Mutual information of every pair from nearest neighbours
    Ksg,
    /// Differential entropy of each neuron from nearest neighbours
    KnnEntropy,
    /// Mutual information of each neuron with the tensor `predictions`
    Class,
    /// How unusual each row is: mean over neurons of -ln p of the row's bin
    Surprisal,
}

/// What to compute, checked.
#[derive(Debug)]
pub(super) struct Choices {
    pub(super) asked: Vec<Measure>,
    pub(super) network: bool,
    pub(super) bins: usize,
    pub(super) entropy_bins: usize,
    pub(super) edges: BinEdges,
    pub(super) binning: Binning,
    pub(super) knn: KnnParams,
    pub(super) seed: u64,
    pub(super) kernel: Kernel,
}

impl Choices {
    fn asks(&self, measure: Measure) -> bool {
        self.asked.contains(&measure)
    }
}

/// The results for one tensor; `None` for measures that were not requested.
#[derive(Debug)]
pub(super) struct TensorFigures {
    pub(super) name: String,
    pub(super) rows: usize,
    pub(super) neurons: usize,
    pub(super) nonfinite: u64,
    pub(super) constant_neurons: usize,
    pub(super) reliable: bool,
    /// Entropy of each neuron in nats, with the requested bin edges.
    pub(super) entropy: Option<Vec<f64>>,
    pub(super) mutual: Option<MutualFigures>,
    pub(super) ksg: Option<KsgFigures>,
    pub(super) knn_entropy: Option<Vec<f64>>,
    pub(super) class: Option<Vec<f64>>,
    /// Surprisal of each row in nats, among the tensor's own rows or against the reference.
    pub(super) surprisal: Option<Vec<f64>>,
}

/// The results for one file.
#[derive(Debug)]
pub(super) struct FileFigures {
    pub(super) path: PathBuf,
    pub(super) tensors: Vec<TensorFigures>,
    pub(super) skipped: Vec<(String, String)>,
}

/// Binned mutual information, and its bias.
#[derive(Debug)]
pub(super) struct MutualFigures {
    pub(super) pairs: PairMeasures,
    /// Each neuron's entropy with the same bins, which is its mutual information with itself.
    pub(super) diagonal: Vec<f64>,
    pub(super) shuffle: Option<ShuffleBias>,
}

/// Mutual information from nearest neighbours.
#[derive(Debug)]
pub(super) struct KsgFigures {
    pub(super) pairs: PairMatrix,
    /// The estimate for each neuron with itself.
    pub(super) diagonal: Vec<f64>,
}

/// The samples of a tensor, in the precision of the file.
#[derive(Debug)]
enum Samples {
    Single(Columns<f32>),
    Double(Columns<f64>),
}

/// Measures tensors that are known to be 2-d and floating-point; runs on the current rayon pool.
pub(super) fn measure(
    tensors: &[&Tensor<'_>],
    predictions: Option<&[i64]>,
    choices: &Choices,
) -> Result<Vec<TensorFigures>, MeasureError> {
    let samples: Vec<Samples> = tensors.iter().map(|tensor| samples(tensor)).collect::<Result<_, TensorError>>()?;
    let shared = choices.network.then(|| network_edges(&samples, choices));
    let groups = predictions.map(ClassGroups::of);
    let each = tensors.iter().zip(&samples);
    each.map(|(tensor, samples)| match samples {
        Samples::Single(columns) => of_tensor(tensor.name(), columns, shared.as_ref(), groups.as_ref(), choices),
        Samples::Double(columns) => of_tensor(tensor.name(), columns, shared.as_ref(), groups.as_ref(), choices),
    })
    .collect()
}

/// Why the tensors cannot be measured as requested.
#[derive(Debug, thiserror::Error)]
pub(super) enum MeasureError {
    #[error(transparent)]
    Tensor(#[from] TensorError),
    #[error("tensor {name} has {rows} rows, but there are {predictions} predictions; give one prediction per row")]
    Predictions { name: String, rows: usize, predictions: usize },
}

fn samples(tensor: &Tensor<'_>) -> Result<Samples, TensorError> {
    Ok(match tensor.element() {
        Element::F64 => Samples::Double(tensor.columns_f64()?),
        _ => Samples::Single(tensor.columns_f32()?),
    })
}

/// One set of bin edges for all tensors.
fn network_edges(samples: &[Samples], choices: &Choices) -> InnerEdges {
    // Single precision is widened so that all tensors have the same type.
    let widened: Vec<Vec<f64>> = samples
        .iter()
        .flat_map(|samples| match samples {
            Samples::Single(columns) => columns.columns().map(|column| column.iter().map(|v| v.widened()).collect()).collect(),
            Samples::Double(columns) => columns.columns().map(<[f64]>::to_vec).collect::<Vec<Vec<f64>>>(),
        })
        .collect();
    InnerEdges::of(widened.iter().map(Vec::as_slice), choices.entropy_bins, choices.binning, choices.edges)
}

fn of_tensor<V: Value>(
    name: &str,
    columns: &Columns<V>,
    shared: Option<&InnerEdges>,
    groups: Option<&ClassGroups>,
    choices: &Choices,
) -> Result<TensorFigures, MeasureError> {
    let (rows, neurons, kernel) = (columns.rows(), columns.neurons(), choices.kernel);
    if let Some(groups) = groups.filter(|groups| groups.rows() != rows) {
        return Err(MeasureError::Predictions { name: name.to_owned(), rows, predictions: groups.rows() });
    }
    let terms = Terms::up_to(rows);
    let binned = BinnedNeurons::of(columns, choices.bins, choices.binning, choices.edges, &terms, kernel);
    let entropy = || match shared {
        Some(edges) => {
            let bin_count = choices.edges.bin_count(choices.entropy_bins);
            shared_entropies_nats(columns, edges, bin_count, &terms, kernel)
        }
        None => binned.entropies_nats(&terms),
    };
    let mutual = || {
        let pairing = Pairing::new(&binned.layer, &binned.marginals, &terms, kernel);
        MutualFigures {
            pairs: pairing.measure(),
            diagonal: binned.entropies_nats(&terms),
            shuffle: shuffle_bias(&pairing, &binned.layer, SHUFFLE_PAIRS, choices.seed, 0),
        }
    };
    let class = groups.map(|groups| {
        let bin_count = binned.layer.bin_count();
        (0..neurons).map(|neuron| groups.information_nats(binned.layer.column(neuron), bin_count)).collect()
    });
    let knn_entropy = || columns.columns().map(|column| knn_entropy_nats(column, choices.knn)).collect();
    let nonfinite = columns.nonfinite();
    let finite_rows = (rows * neurons - nonfinite as usize).checked_div(neurons).unwrap_or(0);
    Ok(TensorFigures {
        name: name.to_owned(),
        rows,
        neurons,
        nonfinite,
        constant_neurons: binned.constant,
        reliable: finite_rows >= RELIABLE_ROWS_PER_BIN * choices.bins,
        entropy: choices.asks(Measure::Entropy).then(entropy),
        mutual: choices.asks(Measure::Mi).then(mutual),
        ksg: choices.asks(Measure::Ksg).then(|| ksg(name, columns, choices)),
        knn_entropy: choices.asks(Measure::KnnEntropy).then(knn_entropy),
        class,
        surprisal: choices.asks(Measure::Surprisal).then(|| own_surprisals_nats(&binned.layer, &binned.marginals)),
    })
}

/// Surprisal in nats of each row of a tensor, relative to a reference.
pub(super) fn surprisals_against(
    reference: &ReferenceBins,
    tensor: &Tensor<'_>,
    choices: &Choices,
) -> Result<Vec<f64>, TensorError> {
    Ok(match samples(tensor)? {
        Samples::Single(columns) => reference.surprisals_nats(&columns, choices.kernel),
        Samples::Double(columns) => reference.surprisals_nats(&columns, choices.kernel),
    })
}

#[expect(clippy::expect_used, reason = "the template of the bar is a constant, and the tests of `--measure ksg` parse it")]
fn ksg<V: Value>(name: &str, columns: &Columns<V>, choices: &Choices) -> KsgFigures {
    let neighbourhoods = Neighbourhoods::of(columns, choices.knn, choices.kernel);
    let neurons = columns.neurons();
    // Drawn on stderr, and only if that is a terminal.
    let bar = ProgressBar::new((neurons * neurons.saturating_sub(1) / 2) as u64);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} pairs, {eta} left");
    bar.set_style(style.expect("the template is well formed"));
    bar.set_message(format!("{name}: ksg"));
    let pairs = neighbourhoods.all_pairs(|finished| bar.inc(finished as u64));
    bar.finish_and_clear();
    let mut scratch = KnnScratch::default();
    let diagonal = (0..neurons).map(|neuron| neighbourhoods.information_nats(neuron, neuron, &mut scratch)).collect();
    KsgFigures { pairs, diagonal }
}
