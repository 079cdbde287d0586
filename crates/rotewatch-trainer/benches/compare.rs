//! Compares all ways to compute the mutual information of all pairs, in one run on one thread each, and prints the tables of the record.
//!
//! `cargo bench -p rotewatch-trainer --bench compare [-- quick]`. Needs libtorch and a Python with scikit-learn: that of `ROTEWATCH_BENCH_PYTHON`,
//! or `.venv/bin/python`. Times are processor times of the working thread, the fastest of several passes, since other load on
//! the machine only adds time. Only the tables that compare numbers of
//! threads use the wall clock: run them on a quiet machine.

use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use cpu_time::ThreadTime;
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_info::kernels::{Kernel, Lanes};
use rotewatch_info::measures::KnnParams;
use rotewatch_info::measures::all_pairs::Pairing;
use rotewatch_info::measures::bits::{BitMatrix, Marginal};
use rotewatch_info::measures::knn::{KnnScratch, Neighbourhoods};
use rotewatch_info::measures::neurons::BinnedNeurons;
use rotewatch_info::measures::pairwise::{pair_count, pair_information, pairs_of};
use rotewatch_info::measures::terms::Terms;
use rotewatch_info::measures::{BinEdges, Binning, Columns, LayerSamples, MeasureParams, measure_layers};

#[path = "compare/gemm.rs"]
mod gemm;
#[path = "compare/histogram.rs"]
mod histogram;
#[path = "../../../benches/samples/mod.rs"]
mod samples;

const NEURONS: usize = 768;
const ROWS: [usize; 3] = [1_024, 2_048, 8_192];
const BINS: [usize; 3] = [8, 10, 16];
const KSG_ROWS: [usize; 2] = [1_000, 2_000];
const PYTHON_NEURONS: usize = 8;

fn main() -> anyhow::Result<()> {
    tch::set_num_threads(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let reference = python()?;
    println!("## All pairs of {NEURONS} neurons, one thread: nanoseconds a pair\n");
    println!("| rows | bins | scalar | avx2 | avx512 | histogram | one-hot GEMM | NumPy bincount | mutual_info_score |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for rows in ROWS {
        let columns = samples::layer(rows, NEURONS, 7);
        for bins in BINS {
            let of_python = &reference[ROWS.iter().position(|&other| other == rows).context("measured rows")?];
            pool.install(|| binned_line(&columns, bins, of_python))?;
        }
    }
    println!("\n## KSG, k = 3, one thread: microseconds a pair\n");
    println!("| rows | {} | scikit-learn | ratio of the widest |", names().join(" | "));
    println!("|---|{}---|---|", "---|".repeat(names().len()));
    for (at, rows) in KSG_ROWS.into_iter().enumerate() {
        pool.install(|| ksg_line(&samples::layer(rows, PYTHON_NEURONS, 7), &reference[ROWS.len() + at]))?;
    }
    pool.install(bound);
    growth()?;
    epoch()
}

fn names() -> Vec<&'static str> {
    Kernel::available().into_iter().map(Kernel::name).collect()
}

/// Processor seconds of the fastest of `passes`, which run on the calling thread.
fn fastest(passes: usize, mut work: impl FnMut()) -> f64 {
    let one = |_| {
        let start = ThreadTime::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..passes).map(one).fold(f64::INFINITY, f64::min)
}

/// Wall clock seconds of the fastest of `passes`, for work on several threads.
fn fastest_by_the_clock(passes: usize, mut work: impl FnMut()) -> f64 {
    let one = |_| {
        let watch = Stopwatch::start();
        work();
        watch.elapsed().as_secs_f64()
    };
    (0..passes).map(one).fold(f64::INFINITY, f64::min)
}

/// The measurements of `compare/reference.py`, in the order of `ROWS` and then `KSG_ROWS`.
fn python() -> anyhow::Result<Vec<serde_json::Value>> {
    let python = std::env::var("ROTEWATCH_BENCH_PYTHON")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv/bin/python").to_owned());
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(&python);
    command.args(["benches/compare/reference.py", &PYTHON_NEURONS.to_string()]);
    command.arg(BINS.map(|bins| bins.to_string()).join(","));
    for rows in ROWS.into_iter().chain(KSG_ROWS) {
        let path = folder.path().join(rows.to_string());
        let columns = samples::layer(rows, PYTHON_NEURONS, 7);
        let bytes: Vec<u8> = columns.columns().flatten().flat_map(|value| value.to_le_bytes()).collect();
        std::fs::write(&path, bytes)?;
        command.arg(path);
    }
    let output = command.output().with_context(|| python.clone())?;
    if !output.status.success() {
        bail!("{python}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn binned_line(columns: &Columns, bins: usize, of_python: &serde_json::Value) -> anyhow::Result<()> {
    let rows = columns.rows();
    let terms = Terms::up_to(rows);
    let binned = BinnedNeurons::of(columns, bins, Binning::EqualWidth, BinEdges::Closed, &terms, Kernel::get());
    let (layer, marginals) = (&binned.layer, &binned.marginals);
    let pairs = pair_count(NEURONS) as f64;
    let mut line = format!("| {rows} | {bins} ");
    let mut widest = f64::INFINITY;
    for kernel in Kernel::available() {
        let passes = if kernel.name() == "scalar" { 1 } else { 7 };
        let seconds = fastest(passes, || {
            std::hint::black_box(Pairing::new(layer, marginals, &terms, kernel).measure());
        });
        widest = seconds / pairs * 1e9;
        let _ = write!(line, "| {widest:.0} ");
    }
    let mut tables = Vec::new();
    let mut of_pair = |i: usize, j: usize| {
        let of = (&marginals[i], &marginals[j]);
        histogram::information_nats(layer.column(i), layer.column(j), bins, of, &terms, &mut tables)
    };
    let some: Vec<(usize, usize)> = pairs_of(64).collect();
    let seconds = fastest(7, || {
        std::hint::black_box(some.iter().map(|&(i, j)| of_pair(i, j)).sum::<f64>());
    });
    let counted = seconds / some.len() as f64 * 1e9;
    let one_hot = gemm::one_hot(layer);
    let mut sums = Vec::new();
    let product = fastest(if rows > 4_000 { 1 } else { 2 }, || sums = gemm::joint_sums(&one_hot, NEURONS, bins)) / pairs * 1e9;
    let nats = Pairing::new(layer, marginals, &terms, Kernel::get()).measure().mutual;
    agree(nats.get(0, 1), of_pair(0, 1), 1e-9)?;
    agree(nats.get(0, 1), gemm::first_pair_nats(&sums, marginals), 1e-3)?;
    for ((i, j), expected) in pairs_of(PYTHON_NEURONS).zip(of_python[format!("nats/{bins}")].as_array().context("nats")?) {
        let first_neurons = samples::layer(rows, PYTHON_NEURONS, 7);
        let of = BinnedNeurons::of(&first_neurons, bins, Binning::EqualWidth, BinEdges::Closed, &terms, Kernel::get());
        let found = pair_information(of.layer.column(i), of.layer.column(j), bins).mutual_nats;
        agree(found, expected.as_f64().context("nats")?, 1e-9)?;
    }
    let python = |what: &str| of_python[format!("{what}/{bins}")].as_f64().unwrap_or(f64::NAN) * 1e9;
    let others = [counted, product, python("bincount"), python("mutual_info_score")];
    for other in others {
        let _ = write!(line, "| {other:.0} ({:.0}x) ", other / widest);
    }
    println!("{line}|");
    Ok(())
}

fn ksg_line(columns: &Columns, of_python: &serde_json::Value) -> anyhow::Result<()> {
    let pairs: Vec<(usize, usize)> = pairs_of(PYTHON_NEURONS).collect();
    let mut line = format!("| {} ", columns.rows());
    let mut widest = f64::INFINITY;
    for kernel in Kernel::available() {
        let neighbourhoods = Neighbourhoods::of(columns, KnnParams::default(), kernel);
        let mut scratch = KnnScratch::default();
        let seconds = fastest(25, || {
            for &(i, j) in &pairs {
                std::hint::black_box(neighbourhoods.information_nats(i, j, &mut scratch));
            }
        });
        widest = seconds / pairs.len() as f64;
        let _ = write!(line, "| {:.1} ", widest * 1e6);
        for (&(i, j), expected) in pairs.iter().zip(of_python["ksg_nats"].as_array().context("ksg_nats")?) {
            agree(neighbourhoods.information_nats(i, j, &mut scratch), expected.as_f64().context("nats")?, 1e-9)?;
        }
    }
    let other = of_python["ksg"].as_f64().context("ksg")?;
    println!("{line}| {:.0} | {:.0}x |", other * 1e6, other / widest);
    Ok(())
}

/// Counting and summing separately, eight pairs at a time.
fn bound() {
    println!("\n## The two halves of a pair with the widest kernel: nanoseconds a pair\n");
    println!("| rows | bins | counting | 512-bit words | summing | cells |\n|---|---|---|---|---|---|");
    let kernel = Kernel::get();
    for (rows, bins) in ROWS.into_iter().flat_map(|rows| BINS.map(|bins| (rows, bins))) {
        let columns = samples::layer(rows, 16, 7);
        let terms = Terms::up_to(rows);
        let binned = BinnedNeurons::of(&columns, bins, Binning::EqualWidth, BinEdges::Closed, &terms, kernel);
        let matrix = BitMatrix::of(&binned.layer, &binned.marginals, kernel);
        let mut table = vec![Lanes::default(); bins * bins];
        let counts = &binned.marginals[0].counts;
        let counting = fastest(3_000, || {
            for _ in 0..8 {
                matrix.cumulative_counts(matrix.left(0), counts, 1, &mut table, kernel);
            }
        });
        let summing = fastest(3_000, || {
            for _ in 0..8 {
                std::hint::black_box(kernel.sum_over_cells(&table, bins, bins, terms.packed()));
            }
        });
        let words = (bins - 1).pow(2) * rows.div_ceil(64) / 8;
        println!("| {rows} | {bins} | {:.1} | {words} | {:.1} | {} |", counting / 64.0 * 1e9, summing / 64.0 * 1e9, bins * bins);
    }
}

/// How the time grows with neurons and threads.
fn growth() -> anyhow::Result<()> {
    println!("\n## Growth at 2,048 rows and 10 bins: milliseconds for all pairs\n");
    println!("| neurons | pairs | 1 thread | ns a pair | 2 threads | ratio |\n|---|---|---|---|---|---|");
    let terms = Terms::up_to(2_048);
    for neurons in [128, 256, 512, 1_024, 2_048, 4_096] {
        let columns = samples::layer(2_048, neurons, 7);
        let binned = BinnedNeurons::of(&columns, 10, Binning::EqualWidth, BinEdges::Closed, &terms, Kernel::get());
        let mut of_threads = [0.0; 2];
        for (threads, seconds) in (1..=2).zip(&mut of_threads) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            *seconds = fastest_by_the_clock(if neurons > 1_024 { 3 } else { 9 }, || {
                pool.install(|| {
                    let pairing = Pairing::new(&binned.layer, &binned.marginals, &terms, Kernel::get());
                    std::hint::black_box(pairing.measure());
                });
            });
        }
        let [one, two] = of_threads;
        let pairs = pair_count(neurons);
        let each = one / pairs as f64 * 1e9;
        println!("| {neurons} | {pairs} | {:.1} | {each:.0} | {:.1} | {:.2} |", one * 1e3, two * 1e3, one / two);
    }
    Ok(())
}

/// The monitor's computation at the end of an epoch of a 3 x 256 MLP, compared with the plain definition pair by pair.
fn epoch() -> anyhow::Result<()> {
    println!("\n## An epoch of a 3 x 256 MLP, one thread: milliseconds\n");
    println!("| rows | all measures | of it the shuffle null | pairs by the plain definition alone |\n|---|---|---|---|");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for rows in [1_000, 2_048] {
        let columns: Vec<Columns> = (0..3).map(|layer| samples::layer(rows, 256, layer)).collect();
        let layers: Vec<LayerSamples<'_>> = columns.iter().map(|columns| LayerSamples { name: "hidden", columns }).collect();
        let predictions: Vec<i64> = (0..rows as i64).map(|row| row % 10).collect();
        let of = |shuffle_pairs| {
            let choices = MeasureParams::new(10, 100, BinEdges::Closed, Binning::EqualWidth, shuffle_pairs, 0);
            let params = choices.expect("valid choices");
            fastest_by_the_clock(15, || {
                std::hint::black_box(measure_layers(&layers, Some(&predictions), &params, &pool));
            })
        };
        let (with, without) = (of(1_000), of(0));
        let terms = Terms::up_to(rows);
        let plain = fastest(1, || {
            for columns in &columns {
                let binned = BinnedNeurons::of(columns, 10, Binning::EqualWidth, BinEdges::Closed, &terms, Kernel::get());
                let _: &[Marginal] = &binned.marginals;
                for (i, j) in pairs_of(256) {
                    std::hint::black_box(pair_information(binned.layer.column(i), binned.layer.column(j), 10));
                }
            }
        });
        println!("| {rows} | {:.1} | {:.1} | {:.0} |", with * 1e3, (with - without) * 1e3, plain * 1e3);
    }
    Ok(())
}

fn agree(found: f64, expected: f64, tolerance: f64) -> anyhow::Result<()> {
    ensure!((found - expected).abs() <= tolerance, "{found} nats, but another method gives {expected}");
    Ok(())
}
