//! `rotewatch measure`: measures files of activations.

mod figures;
mod json;
mod reference;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::choice::choice;
use super::exit::{Exit, Failure};
use super::tensors::{contents, select};
use crate::activations::{PREDICTIONS, Tensor, file};
use figures::{Choices, FileFigures, Measure};
use reference::Reference;
use rotewatch_info::kernels::Kernel;
use rotewatch_info::measures::KnnParams;
use rotewatch_info::measures::params::MeasureParams;
use rotewatch_info::measures::{BinEdges, Binning};

/// The seed of the rows on which the shuffle null of the table is estimated.
const SEED: u64 = 0;

/// The flags of `rotewatch measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Files with activations (rows x neurons): .safetensors, .npy or .npz
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Measure only the tensor of this name [default: every 2-d floating-point tensor]
    #[arg(long, value_name = "NAME")]
    tensor: Option<String>,
    /// What to compute; may be repeated [default: entropy and mi]
    #[arg(long = "measure", value_enum, value_name = "MEASURE")]
    measures: Vec<Measure>,
    /// Which values set the bin edges for entropy: those of each neuron, or those of all measured tensors
    #[arg(long, value_enum, default_value_t = Scope::Neuron)]
    scope: Scope,
    /// Number of bins, 2 to 256 [default: 10; 100 for entropy in scope network]
    #[arg(long, value_name = "B")]
    bins: Option<usize>,
    /// Which bin the maximum belongs to
    #[arg(long, value_parser = choice::<BinEdges>(), default_value_t = BinEdges::Closed)]
    bin_edges: BinEdges,
    /// How the bin edges are placed
    #[arg(long, value_parser = choice::<Binning>(), default_value_t = Binning::EqualWidth)]
    binning: Binning,
    /// Number of neighbours for ksg and knn-entropy, 1 to 10
    #[arg(long, default_value_t = 3)]
    k: usize,
    /// Compute surprisal relative to the tensors of this file [default: relative to the tensor's own rows]
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print one JSON document on one line; an array of documents for several files
    #[arg(long)]
    json: bool,
    /// Write the matrices of all pairs to this safetensors file
    #[arg(long, value_name = "OUT.safetensors")]
    matrix: Option<PathBuf>,
}

/// Which values set the bin edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// Those of all measured tensors
    Network,
    /// Those of each neuron
    Neuron,
}

/// Measures every file and prints the figures.
///
/// # Errors
/// Wrong flags, and files or tensors that do not fit. Nothing is printed then.
pub fn run(args: &MeasureArgs) -> Result<Exit, Failure> {
    let kernel = Kernel::from_environment().map_err(Failure::usage)?;
    tracing::debug!(kernel = kernel.name(), "measuring");
    let choices = choices(args, kernel).map_err(Failure::usage)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0)).build()?;
    let reference = args.reference.as_deref().map(Reference::read).transpose().map_err(Failure::usage)?;
    let mut files = Vec::with_capacity(args.files.len());
    for path in &args.files {
        files.push(pool.install(|| measure(path, args, reference.as_ref(), &choices)).map_err(Failure::usage)?);
    }
    if let Some(path) = &args.matrix {
        json::write_matrices(path, &files)?;
    }
    if args.json {
        println!("{}", json::json(&files, reference.as_ref(), &choices));
    } else {
        print!("{}", table::text(&files, reference.as_ref(), &choices));
    }
    Ok(Exit::Done)
}

fn choices(args: &MeasureArgs, kernel: Kernel) -> anyhow::Result<Choices> {
    let asked = if args.measures.is_empty() { vec![Measure::Entropy, Measure::Mi] } else { args.measures.clone() };
    if args.reference.is_some() && !asked.contains(&Measure::Surprisal) {
        bail!("--reference only applies to surprisal: add --measure surprisal, or remove --reference");
    }
    let network = args.scope == Scope::Network;
    let bins = args.bins.unwrap_or(10);
    let entropy_bins = args.bins.unwrap_or(if network { 100 } else { 10 });
    MeasureParams::new(bins, entropy_bins, args.bin_edges, args.binning, 0, SEED)?;
    let knn = KnnParams::new(args.k)?;
    Ok(Choices { asked, network, bins, entropy_bins, edges: args.bin_edges, binning: args.binning, knn, seed: SEED, kernel })
}

fn measure(path: &Path, args: &MeasureArgs, reference: Option<&Reference>, choices: &Choices) -> anyhow::Result<FileFigures> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let tensors = file::read(path, &bytes).with_context(|| shown.to_string())?;
    let (chosen, skipped) = select(&tensors, args.tensor.as_deref()).with_context(|| shown.to_string())?;
    if chosen.is_empty() {
        bail!("{shown} has no 2-d floating-point tensor to measure; it has {}", contents(&tensors));
    }
    let class_asked = choices.asked.contains(&Measure::Class);
    let predictions = class_asked.then(|| predictions(&tensors).with_context(|| shown.to_string())).transpose()?;
    let mut tensors = figures::measure(&chosen, predictions.as_deref(), choices).with_context(|| shown.to_string())?;
    if let Some(reference) = reference {
        for (figures, tensor) in tensors.iter_mut().zip(&chosen) {
            let bins = reference.bins_for(tensor, chosen.len() == 1, choices).with_context(|| shown.to_string())?;
            figures.surprisal = Some(figures::surprisals_against(&bins, tensor, choices).with_context(|| shown.to_string())?);
        }
    }
    Ok(FileFigures { path: path.to_owned(), tensors, skipped })
}

fn predictions(tensors: &[Tensor<'_>]) -> anyhow::Result<Vec<i64>> {
    if let Some(tensor) = tensors.iter().find(|tensor| PREDICTIONS.contains(&tensor.name())) {
        return Ok(tensor.classes()?);
    }
    let [name, old] = PREDICTIONS;
    bail!("class information needs a tensor `{name}` (or `{old}`) with one integer per row; the file has {}", contents(tensors))
}
