//! How much mutual information there is by chance: the same neurons with their rows shuffled apart.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::pairwise::{pair_count, pair_information};

/// The mean mutual information of pairs whose rows were permuted independently, which is bias and nothing else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShuffleBias {
    /// Mean over the sampled pairs, in nats.
    pub mean_nats: f64,
    /// Standard error of that mean, in nats; 0 for fewer than two pairs.
    pub standard_error_nats: f64,
    /// How many pairs it was estimated on.
    pub pairs: usize,
}

/// Estimates the shuffle null of a layer on a seeded sample of its pairs, drawn with replacement.
///
/// # Shape
/// `bins`: one column of bins a neuron.
///
/// # Estimator
/// For each sampled pair the rows of one neuron are permuted uniformly (permuting both independently gives the same law) and
/// the plug-in mutual information is taken; the mean over the sample estimates the mean bias over all pairs.
/// `None` if there is no pair or `sample` is 0.
///
/// # Source
/// A permutation null, as in Fisher (1935), section 21, read as an estimate of bias.
///
/// # Cost
/// `sample` permutations and joint counts.
#[must_use]
pub fn shuffle_bias(bins: &[Vec<u16>], bin_count: usize, sample: usize, seed: u64, stream: u64) -> Option<ShuffleBias> {
    let neurons = bins.len();
    if pair_count(neurons) == 0 || sample == 0 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let mut shuffled = Vec::new();
    let values: Vec<f64> = (0..sample)
        .map(|_| {
            let i = below(&mut rng, neurons);
            let other = below(&mut rng, neurons - 1);
            let j = if other < i { other } else { other + 1 };
            shuffled.clear();
            shuffled.extend_from_slice(&bins[i]);
            permute(&mut rng, &mut shuffled);
            pair_information(&shuffled, &bins[j], bin_count).mutual_nats
        })
        .collect();
    Some(mean_with_error(&values))
}

fn mean_with_error(values: &[f64]) -> ShuffleBias {
    let count = values.len() as f64;
    let mean_nats = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean_nats).powi(2)).sum();
    let standard_error_nats = if values.len() < 2 { 0.0 } else { (squares / (count - 1.0) / count).sqrt() };
    ShuffleBias { mean_nats, standard_error_nats, pairs: values.len() }
}

/// Fisher and Yates's shuffle, spelled out here because the order must not change with a release of a crate.
fn permute<T>(rng: &mut impl Rng, values: &mut [T]) {
    for last in (1..values.len()).rev() {
        values.swap(last, below(rng, last + 1));
    }
}

/// A uniform number below `bound`, by Lemire's multiplication; its bias, `bound / 2^64`, is far below any error here.
fn below(rng: &mut impl Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(neurons: usize, rows: u32) -> Vec<Vec<u16>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..neurons).map(|_| (0..rows).map(|_| below(&mut rng, 10) as u16).collect()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_null() {
        let bins = columns(6, 300);
        assert_eq!(shuffle_bias(&bins, 10, 50, 7, 0), shuffle_bias(&bins, 10, 50, 7, 0));
        assert_ne!(shuffle_bias(&bins, 10, 50, 7, 0), shuffle_bias(&bins, 10, 50, 8, 0));
        assert_ne!(shuffle_bias(&bins, 10, 50, 7, 0), shuffle_bias(&bins, 10, 50, 7, 1));
    }

    #[test]
    fn copies_of_one_neuron_have_no_more_than_the_bias_of_their_table() {
        let one = columns(1, 2_000).remove(0);
        let null = shuffle_bias(&[one.clone(), one], 10, 200, 3, 0).unwrap();
        // Miller-Madow for a full 10 x 10 table: 81 / (2 * 2000).
        assert!((null.mean_nats - 81.0 / 4_000.0).abs() < 5.0 * null.standard_error_nats + 1e-3, "{null:?}");
        assert_eq!(null.pairs, 200);
    }

    #[test]
    fn without_pairs_there_is_no_null() {
        assert_eq!(shuffle_bias(&columns(1, 10), 10, 50, 7, 0), None);
        assert_eq!(shuffle_bias(&columns(3, 10), 10, 0, 7, 0), None);
    }
}
