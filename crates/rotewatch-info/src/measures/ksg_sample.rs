//! Nearest-neighbour mutual information on a sample of a layer's pairs: fast enough for a live run.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::distribution::Distribution;
use super::draw::{below, generator};
use super::knn::{KnnScratch, Neighbourhoods};
use super::pairwise::{pair_count, pairs_of};
use super::params::KnnParams;
use super::samples::{Columns, Value};
use crate::kernels::Kernel;

/// The sample's generator number within a layer; the permutations of the shuffle null count up from 0.
const GENERATOR: u64 = u64::MAX;

/// Mutual information over the sampled pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KsgSample {
    /// Mean and quantiles in nats over the pairs with a result.
    pub nats: Distribution,
    /// Number of pairs with a result.
    pub pairs: usize,
}

/// Measures `pairs` seeded pairs of a layer, drawn with replacement, or every pair once if there are no more than that.
/// Runs on the current rayon pool.
///
/// # Estimator
/// As [`Neighbourhoods::information_nats`]. `None` if no pair has more than `k` rows that are finite in both.
///
/// # Cost
/// Sorts the sampled neurons, then does one search per pair.
#[must_use]
pub fn ksg_sample<V: Value>(
    columns: &Columns<V>,
    pairs: usize,
    params: KnnParams,
    seed: u64,
    stream: u64,
    kernel: Kernel,
) -> Option<KsgSample> {
    let neurons = columns.neurons();
    let drawn: Vec<(usize, usize)> = if pair_count(neurons) <= pairs {
        pairs_of(neurons).collect()
    } else {
        let mut generator = generator(seed, stream, GENERATOR);
        let mut one = |_| {
            let i = below(&mut generator, neurons);
            let other = below(&mut generator, neurons - 1);
            (i, if other < i { other } else { other + 1 })
        };
        (0..pairs).map(&mut one).collect()
    };
    let mut places: BTreeMap<usize, usize> = drawn.iter().flat_map(|&(i, j)| [(i, 0), (j, 0)]).collect();
    let mut values = Vec::with_capacity(places.len() * columns.rows());
    for (place, (&neuron, of_neuron)) in places.iter_mut().enumerate() {
        *of_neuron = place;
        values.extend_from_slice(columns.column(neuron));
    }
    let subset = Columns::from_neuron_major(columns.rows(), places.len(), values);
    let neighbourhoods = Neighbourhoods::of(&subset, params, kernel);
    let one = |scratch: &mut KnnScratch, (i, j)| neighbourhoods.information_nats(places[&i], places[&j], scratch);
    let mut nats: Vec<f64> = drawn.into_par_iter().map_init(KnnScratch::default, one).collect();
    nats.retain(|nats| nats.is_finite());
    let pairs = nats.len();
    Distribution::of(&mut nats).map(|nats| KsgSample { nats, pairs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(rows: usize, neurons: usize) -> Columns {
        let mut generator = generator(5, 0, 0);
        let values = (0..rows * neurons).map(|_| below(&mut generator, 1 << 20) as f32).collect();
        Columns::from_neuron_major(rows, neurons, values)
    }

    #[test]
    fn few_pairs_are_all_measured_and_many_are_sampled_by_seed() {
        let columns = columns(60, 9);
        let of = |pairs, seed| ksg_sample(&columns, pairs, KnnParams::default(), seed, 0, Kernel::get());
        assert_eq!(of(36, 1), of(1_000, 2));
        assert_eq!(of(36, 1).map(|sample| sample.pairs), Some(36));
        assert_eq!(of(20, 1), of(20, 1));
        assert_ne!(of(20, 1), of(20, 2));
        let all = Neighbourhoods::of(&columns, KnnParams::default(), Kernel::get()).all_pairs(|_| ());
        let mean = all.condensed().iter().sum::<f64>() / 36.0;
        assert!(of(36, 1).is_some_and(|sample| (sample.nats.mean - mean).abs() < 1e-12));
    }

    #[test]
    fn without_rows_or_pairs_there_is_nothing() {
        for columns in [columns(3, 9), columns(60, 1), columns(0, 0)] {
            assert_eq!(ksg_sample(&columns, 10, KnnParams::default(), 1, 0, Kernel::get()), None);
        }
    }
}
