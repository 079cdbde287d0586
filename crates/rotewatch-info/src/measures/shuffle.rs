//! How much mutual information comes from chance: the same neurons with their rows shuffled.

use rayon::prelude::*;

use super::all_pairs::{Pairing, Scratch};
use super::bits::BinnedLayer;
use super::draw::{below, generator, permute};
use super::pairwise::pair_count;
use crate::kernels::LANES;

/// Panels of right neurons per permuted neuron. Permuting costs as much as measuring about sixty pairs.
const PANELS_A_PERMUTATION: usize = 4;

/// The mean mutual information of pairs whose rows were permuted independently. It is pure bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShuffleBias {
    /// Mean over the sampled pairs, in nats.
    pub mean_nats: f64,
    /// Standard error of that mean, in nats; 0 if only one neuron was permuted.
    pub standard_error_nats: f64,
    /// Number of pairs it was estimated on.
    pub pairs: usize,
}

/// Estimates the shuffle null of a layer on a seeded sample of its pairs, drawn with replacement; runs on the current rayon pool.
///
/// # Shape
/// `stream` separates layers: the same seed with another stream draws other numbers.
///
/// # Estimator
/// A left neuron is drawn and its rows are permuted uniformly; its mutual information with the unpermuted neurons of four drawn
/// panels (of up to eight) is averaged. Permuting one side of a pair gives the same distribution as permuting both independently.
/// The mean of these averages is unbiased for the mean null over all pairs, since a panel is drawn as often as it has neurons to
/// pair with. The standard error is taken between permutations, so that pairs that share a permutation do not count as
/// independent. If panels are full, at least `sample` pairs are drawn. `None` if the layer has no pair or `sample` is 0.
///
/// # Source
/// A permutation null, as in Fisher (1935), section 21, used as an estimate of the bias.
///
/// # Cost
/// `sample` pairs and `sample / 32` permutations: for 1,000 pairs of 2,048 rows, about a tenth of measuring 256 neurons.
#[must_use]
pub fn shuffle_bias(pairing: &Pairing<'_>, layer: &BinnedLayer, sample: usize, seed: u64, stream: u64) -> Option<ShuffleBias> {
    let neurons = layer.neurons();
    if pair_count(neurons) == 0 || sample == 0 {
        return None;
    }
    let permutations = sample.div_ceil(PANELS_A_PERMUTATION * LANES.min(neurons - 1));
    let one = |scratch: &mut (Scratch, Vec<u16>), permutation: usize| {
        let (scratch, shuffled) = scratch;
        let mut rng = generator(seed, stream, permutation as u64);
        let left = below(&mut rng, neurons);
        shuffled.clear();
        shuffled.extend_from_slice(layer.column(left));
        permute(&mut rng, shuffled);
        let (mut sum_of_means, mut pairs) = (0.0, 0);
        for _ in 0..PANELS_A_PERMUTATION {
            let other = below(&mut rng, neurons - 1);
            let panel = (if other < left { other } else { other + 1 }) / LANES;
            let shared = pairing.permuted_with_panel(left, shuffled, panel, scratch);
            let rights = (panel * LANES..neurons).zip(shared).filter(|&(right, _)| right != left);
            let (count, sum) = rights.fold((0, 0.0), |(count, sum), (_, pair)| (count + 1, sum + pair.mutual_nats));
            sum_of_means += sum / f64::from(count);
            pairs += count as usize;
        }
        (sum_of_means / PANELS_A_PERMUTATION as f64, pairs)
    };
    let means: Vec<(f64, usize)> = (0..permutations).into_par_iter().map_init(Default::default, one).collect();
    Some(mean_with_error(&means))
}

fn mean_with_error(means: &[(f64, usize)]) -> ShuffleBias {
    let count = means.len() as f64;
    let mean_nats = means.iter().map(|&(mean, _)| mean).sum::<f64>() / count;
    let squares: f64 = means.iter().map(|&(mean, _)| (mean - mean_nats).powi(2)).sum();
    let standard_error_nats = if means.len() < 2 { 0.0 } else { (squares / (count - 1.0) / count).sqrt() };
    ShuffleBias { mean_nats, standard_error_nats, pairs: means.iter().map(|&(_, pairs)| pairs).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Kernel;
    use crate::measures::bits::Marginal;
    use crate::measures::terms::Terms;

    fn columns(neurons: usize, rows: usize) -> Vec<u16> {
        let mut rng = generator(1, 0, 0);
        (0..neurons * rows).map(|_| below(&mut rng, 10) as u16).collect()
    }

    fn null(bins: Vec<u16>, rows: usize, sample: usize, seed: u64, stream: u64) -> Option<ShuffleBias> {
        let layer = BinnedLayer::new(rows, 10, bins);
        let terms = Terms::up_to(rows);
        let marginal = |neuron| Marginal::of(layer.column(neuron), 10, &terms);
        let marginals: Vec<Marginal> = (0..layer.neurons()).map(marginal).collect();
        let of = |kernel| shuffle_bias(&Pairing::new(&layer, &marginals, &terms, kernel), &layer, sample, seed, stream);
        let found = of(Kernel::get());
        assert!(Kernel::available().into_iter().all(|kernel| of(kernel) == found), "kernels agree");
        found
    }

    #[test]
    fn the_same_seed_gives_the_same_null() {
        let bins = columns(19, 300);
        let of = |seed, stream| null(bins.clone(), 300, 100, seed, stream);
        assert_eq!(of(7, 0), of(7, 0));
        assert_ne!(of(7, 0), of(8, 0));
        assert_ne!(of(7, 0), of(7, 1));
    }

    #[test]
    fn copies_of_one_neuron_have_no_more_than_the_bias_of_their_table() {
        let one = columns(1, 2_000);
        let found = null([one.clone(), one].concat(), 2_000, 800, 3, 0).unwrap();
        // Miller-Madow bias for a full 10 x 10 table: 81 / (2 * 2000).
        assert!((found.mean_nats - 81.0 / 4_000.0).abs() < 5.0 * found.standard_error_nats + 1e-3, "{found:?}");
        assert_eq!(found.pairs, 800);
    }

    #[test]
    fn without_pairs_there_is_no_null() {
        assert_eq!(null(columns(1, 10), 10, 50, 7, 0), None);
        assert_eq!(null(columns(3, 10), 10, 0, 7, 0), None);
    }
}
