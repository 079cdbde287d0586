//! The measures: each kernel, each step of an epoch, and the growth with neurons and rows. One thread unless the name says otherwise.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rotewatch_info::kernels::{Kernel, LANES, Lanes};
use rotewatch_info::measures::all_pairs::Pairing;
use rotewatch_info::measures::binning::InnerEdges;
use rotewatch_info::measures::bits::{BinnedLayer, Marginal};
use rotewatch_info::measures::pairwise::pair_count;
use rotewatch_info::measures::terms::Terms;
use rotewatch_info::measures::{BinEdges, Binning, Columns, LayerSamples, MeasureParams, measure_layers};

#[path = "samples/mod.rs"]
mod samples;

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads")
}

fn binned(columns: &Columns, bins: usize) -> (BinnedLayer, Vec<Marginal>, Terms) {
    let mut all = Vec::with_capacity(columns.rows() * columns.neurons());
    for column in columns.columns() {
        all.extend(InnerEdges::of([column], bins, Binning::EqualWidth, BinEdges::Closed).assign(column));
    }
    let layer = BinnedLayer::new(columns.rows(), bins, all);
    let terms = Terms::up_to(columns.rows());
    let marginals = (0..columns.neurons()).map(|neuron| Marginal::of(layer.column(neuron), bins, &terms)).collect();
    (layer, marginals, terms)
}

/// The innermost loops on one left neuron and one panel: eight pairs.
fn kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kernel");
    for (rows, bins) in [(2_048, 10), (2_048, 16), (8_192, 10)] {
        let columns = samples::layer(rows, 2 * LANES, 7);
        let (layer, marginals, terms) = binned(&columns, bins);
        for kernel in Kernel::available() {
            let planes = bins - 1;
            let words = rows.div_ceil(64);
            let mut left = vec![0; words * planes];
            kernel.thermometer(layer.column(0), 1, planes, &mut left);
            let mut panel = vec![Lanes::default(); words * planes];
            for lane in 0..LANES {
                let mut of_lane = vec![0; words * planes];
                kernel.thermometer(layer.column(LANES + lane), 1, planes, &mut of_lane);
                for (lanes, word) in panel.iter_mut().zip(of_lane) {
                    lanes.0[lane] = word;
                }
            }
            let mut table = vec![Lanes::default(); bins * bins];
            let id = |what: &str| BenchmarkId::new(format!("{what}/{}", kernel.name()), format!("{rows}x{bins}"));
            group.throughput(Throughput::Elements(LANES as u64));
            group.bench_function(id("joint_counts"), |bencher| {
                bencher.iter(|| kernel.joint_counts(&left, planes, &panel, planes, &mut table[bins + 1..], bins));
            });
            let pool = pool(1);
            pool.install(|| {
                let matrix = rotewatch_info::measures::bits::BitMatrix::of(&layer, &marginals, kernel);
                matrix.cumulative_counts(matrix.left(0), &marginals[0].counts, 1, &mut table, kernel);
            });
            group.bench_function(id("sum_over_cells"), |bencher| {
                bencher.iter(|| kernel.sum_over_cells(&table, bins, bins, terms.packed()));
            });
            group.throughput(Throughput::Elements(1));
            group.bench_function(id("thermometer"), |bencher| {
                bencher.iter(|| kernel.thermometer(layer.column(0), 1, planes, &mut left));
            });
        }
    }
    group.finish();
}

/// All pairs of a layer, bit planes included.
fn all_pairs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("all_pairs");
    group.sample_size(10);
    for (neurons, rows, bins) in [(768, 1_024, 10), (768, 2_048, 8), (768, 2_048, 10), (768, 2_048, 16), (768, 8_192, 10)] {
        let columns = samples::layer(rows, neurons, 7);
        let (layer, marginals, terms) = binned(&columns, bins);
        group.throughput(Throughput::Elements(pair_count(neurons) as u64));
        for kernel in Kernel::available() {
            for threads in [1, 2] {
                let id = BenchmarkId::new(format!("{}/{threads}", kernel.name()), format!("{neurons}x{rows}x{bins}"));
                let pool = pool(threads);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| pool.install(|| Pairing::new(&layer, &marginals, &terms, kernel).measure()));
                });
            }
        }
    }
    group.finish();
}

/// Everything that the monitor computes at the end of an epoch of a 3 x 256 MLP.
fn epoch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch");
    group.sample_size(10);
    for rows in [1_000, 2_048] {
        let columns: Vec<Columns> = (0..3).map(|layer| samples::layer(rows, 256, layer)).collect();
        let layers: Vec<LayerSamples<'_>> = columns.iter().map(|columns| LayerSamples { name: "hidden", columns }).collect();
        let predictions: Vec<i64> = (0..rows as i64).map(|row| row % 10).collect();
        for threads in [1, 2] {
            let pool = pool(threads);
            let params = MeasureParams::default();
            group.bench_function(BenchmarkId::new(format!("3x256/{threads}"), rows), |bencher| {
                bencher.iter(|| measure_layers(&layers, Some(&predictions), &params, &pool));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, kernels, all_pairs, epoch);
criterion_main!(benches);
