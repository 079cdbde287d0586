//! A penalty on the entropy and mutual information of neurons, to be added to the loss. Against shortcuts it favours more entropy and
//! less mutual information; against memorizing wrong labels or single examples, less entropy and more mutual information.
//!
//! The measures themselves count values in bins, and counts have no gradient. This module uses approximations instead:
//!
//! * Entropy by soft bins: each value belongs partly to each of the two nearest bins. With a batch's rows in a few bins this is close to
//!   the measured entropy, and its gradient is that of a hat function.
//! * Mutual information by correlation, as if each pair were Gaussian. Soft bins would need bins x bins cells a pair: the bias of a
//!   batch of 128 rows in 10 x 10 cells is (99 - 18) / 256 = 0.32 nats, larger than the differences of interest (0.05 to 0.3 nats), and
//!   they cost a hundred times as much. A correlation needs two moments and one matrix product, with a bias of 1 / (2 rows) = 0.004 nats, but
//!   it misses dependence without correlation.
//!
//! Measured on MLPs, the penalty does not help, on shuffled or on coloured digits, and costs two to seven times the time of an epoch
//! (`benches/record/regulariser.md`). It is included for experiments on other tasks.

#![expect(clippy::indexing_slicing, reason = "that there is a layer is asserted, and each is rows x neurons, as documented")]

use tch::{Kind, Tensor, no_grad};

use rotewatch_core::compare::FearedKind;

/// Added to a share before its logarithm, so that an empty bin has a gradient.
const SHARE_FLOOR: f64 = 1e-9;
/// Squared correlations are reduced by this share, so that two identical neurons have finite information: 6.9 nats.
const SHRUNK: f64 = 1e-6;
/// Added to variances, so that a constant neuron correlates with nothing.
const VARIANCE_FLOOR: f64 = 1e-12;

/// A penalty in one of the paper's two directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiversityPenalty {
    /// The kind of memorization to guard against, which sets the direction.
    pub against: FearedKind,
    /// The weight of one ln(bins) of mean entropy, in nats of loss; 0 leaves entropy out.
    pub entropy_weight: f64,
    /// The weight of one nat of mean mutual information, in nats of loss; 0 leaves it out.
    pub information_weight: f64,
    /// Soft bins over the range of all layers, at least 2.
    pub bins: i64,
}

impl DiversityPenalty {
    /// Both measures, with a weight of 0.1 each and 20 bins.
    #[must_use]
    pub fn new(against: FearedKind) -> Self {
        DiversityPenalty { against, entropy_weight: 0.1, information_weight: 0.1, bins: 20 }
    }

    /// The penalty of a batch, a scalar to be added to its loss.
    ///
    /// # Shape
    /// One tensor per layer, from the forward pass: rows x neurons. Sequences (rows x positions x neurons) and maps (rows x channels x height x
    /// width) are averaged over positions, as the monitor does by default.
    ///
    /// # Estimator
    /// `s (-w_H mean H / ln bins + w_I mean I)` over layers, with `s` = 1 against shortcuts and -1 against memorized examples; `H` is
    /// [`soft_entropies_nats`] with the range of all layers of the batch, which itself has no gradient, `I` is [`gaussian_information_nats`].
    ///
    /// # Panics
    /// Without a layer, or with fewer than 2 bins.
    pub fn of(&self, layers: &[Tensor]) -> Tensor {
        assert!(!layers.is_empty() && self.bins >= 2, "needs at least one layer and two bins");
        let layers: Vec<Tensor> = layers.iter().map(by_row).collect();
        let count = layers.len() as f64;
        let sign = self.against.entropy_sign();
        let mut terms = vec![Tensor::zeros([], (layers[0].kind(), layers[0].device()))];
        if self.entropy_weight != 0.0 {
            let range = range_of(&layers);
            let weight = -sign * self.entropy_weight / (count * (self.bins as f64).ln());
            terms.extend(layers.iter().map(|layer| soft_entropies_nats(layer, range, self.bins).mean(None::<Kind>) * weight));
        }
        if self.information_weight != 0.0 {
            let weight = sign * self.information_weight / count;
            let with_pairs = layers.iter().filter(|layer| layer.size()[1] > 1);
            terms.extend(with_pairs.map(|layer| gaussian_information_nats(layer) * weight));
        }
        Tensor::stack(&terms, 0).sum(None::<Kind>)
    }
}

/// The entropy in nats of each neuron, by soft bins.
///
/// # Shape
/// Rows x neurons; one number per neuron.
///
/// # Estimator
/// `-sum p_k ln p_k` with `p_k` the mean over rows of `max(0, 1 - |x - c_k| / d)`, the `c_k` being `bins` centres from one end of `range`
/// to the other, `d` apart. Values beyond the range count as its end. In `[0, ln bins]`: 0 if all values are on one centre; a constant
/// between two centres has up to ln 2. A range of width 0 gives 0.
///
/// # Source
/// Ustinova and Lempitsky (2016), "Learning deep embeddings with histogram loss", equation 2: the same hats.
///
/// # Cost
/// `rows x neurons x bins` numbers at a time.
pub fn soft_entropies_nats(layer: &Tensor, range: (f64, f64), bins: i64) -> Tensor {
    let (lower, upper) = range;
    let step = (upper - lower) / (bins - 1) as f64;
    if step <= 0.0 || !step.is_finite() {
        return Tensor::zeros([layer.size()[1]], (layer.kind(), layer.device()));
    }
    let places = (layer.clamp(lower, upper) - lower) / step;
    let centres = Tensor::arange(bins, (layer.kind(), layer.device()));
    let distances = (places.unsqueeze(-1) - centres).abs();
    let memberships = (-distances + 1.0).relu();
    let shares = memberships.mean_dim([0_i64].as_slice(), false, None::<Kind>);
    -(&shares * (&shares + SHARE_FLOOR).log()).sum_dim_intlist([-1_i64].as_slice(), false, None::<Kind>)
}

/// The mean mutual information in nats of all pairs of neurons, as if each pair were Gaussian: a scalar.
///
/// # Shape
/// Rows x neurons, two neurons or more.
///
/// # Estimator
/// The mean over pairs of `-1/2 ln(1 - r^2)` with Pearson's `r` over the rows. 0 if no pair correlates; at most 6.9 nats, if neurons are
/// identical. A constant neuron correlates with no other.
///
/// # Source
/// Cover and Thomas (2006), "Elements of information theory", example 8.5.1.
///
/// # Cost
/// One product of a neurons x rows and a rows x neurons matrix.
pub fn gaussian_information_nats(layer: &Tensor) -> Tensor {
    let neurons = layer.size()[1];
    let centred = layer - layer.mean_dim([0_i64].as_slice(), true, None::<Kind>);
    let scale = (centred.square().mean_dim([0_i64].as_slice(), true, None::<Kind>) + VARIANCE_FLOOR).sqrt();
    let standard = centred / scale;
    let correlations = standard.transpose(0, 1).matmul(&standard) / layer.size()[0] as f64;
    let squares = correlations.square() * (1.0 - SHRUNK);
    // Each pair occurs twice, and the diagonal is left out.
    let apart = -Tensor::eye(neurons, (layer.kind(), layer.device())) + 1.0;
    let nats = (-squares * apart).log1p() * -0.5;
    nats.sum(None::<Kind>) / (neurons * (neurons - 1)) as f64
}

/// The output of a layer as rows x neurons.
fn by_row(layer: &Tensor) -> Tensor {
    match layer.dim() {
        2 => layer.shallow_clone(),
        3 => layer.mean_dim([1_i64].as_slice(), false, None::<Kind>),
        _ => layer.flatten(2, -1).mean_dim([2_i64].as_slice(), false, None::<Kind>),
    }
}

/// The smallest and the largest finite value of all layers.
fn range_of(layers: &[Tensor]) -> (f64, f64) {
    no_grad(|| {
        let ends = layers.iter().map(|layer| (layer.min().double_value(&[]), layer.max().double_value(&[])));
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(lower, upper), (least, most)| (lower.min(least), upper.max(most)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    /// Made-up activations without ties, the same each time.
    fn activations(rows: i64, neurons: i64) -> Tensor {
        let places = Tensor::arange(rows * neurons, DOUBLE);
        ((&places * 0.7).sin() + (&places * 0.13).cos() * 0.5).view([rows, neurons])
    }

    fn number(tensor: &Tensor) -> f64 {
        tensor.double_value(&[])
    }

    #[test]
    fn soft_bins_give_the_entropy_of_values_on_centres() {
        // Of four rows: all on one centre; half on each of two; one on each of four; all halfway between two.
        let neurons = [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 3.0], [0.0, 1.0, 2.0, 3.0], [1.5; 4]];
        let values = Tensor::from_slice(&neurons.concat()).view([4, 4]).transpose(0, 1);
        let entropies: Vec<f64> = soft_entropies_nats(&values, (0.0, 3.0), 4).try_into().unwrap();
        for (found, expected) in entropies.iter().zip([0.0, 2.0_f64.ln(), 4.0_f64.ln(), 2.0_f64.ln()]) {
            assert!((found - expected).abs() < 1e-6, "{entropies:?}");
        }
    }

    #[test]
    fn constant_neurons_have_no_entropy_and_no_information() {
        let silent = Tensor::full([16, 4], 2.5, DOUBLE).set_requires_grad(true);
        let penalty = DiversityPenalty::new(FearedKind::Heuristic).of(&[silent.shallow_clone()]);
        assert!(number(&penalty).abs() < 1e-9);
        penalty.backward();
        let gradient = silent.grad();
        assert!(gradient.isfinite().all().int64_value(&[]) == 1, "{gradient:?}");
    }

    #[test]
    fn gaussian_information_is_that_of_the_correlation() {
        let rows = 64;
        let phase = Tensor::arange(rows, DOUBLE) * (2.0 * std::f64::consts::PI / rows as f64);
        let (one, other) = (phase.sin(), phase.cos());
        // Sine and cosine do not correlate; their mixture correlates with the one as its weight says.
        let mixed = &one * 0.6 + &other * 0.8;
        let pair = |second: &Tensor| {
            number(&gaussian_information_nats(&Tensor::stack(&[one.shallow_clone(), second.shallow_clone()], 1)))
        };
        assert!(pair(&other).abs() < 1e-9);
        assert!((pair(&mixed) + 0.5 * (1.0_f64 - 0.36).ln()).abs() < 1e-5);
        assert!((pair(&one) - 6.9).abs() < 0.1, "the same twice: {}", pair(&one));
        assert!((pair(&(&mixed * -3.0 + 7.0)) - pair(&mixed)).abs() < 1e-9, "scale, sign and place do not matter");
    }

    #[test]
    fn the_two_claims_pull_in_opposite_directions() {
        let layers = [activations(32, 6), activations(32, 4)];
        let [shortcut, examples] = FearedKind::ALL.map(|feared| number(&DiversityPenalty::new(feared).of(&layers)));
        assert!(shortcut != 0.0 && (shortcut + examples).abs() < 1e-12, "{shortcut} {examples}");
        let nothing =
            DiversityPenalty { entropy_weight: 0.0, information_weight: 0.0, ..DiversityPenalty::new(FearedKind::Heuristic) };
        assert_eq!(number(&nothing.of(&layers)), 0.0);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        const STEP: f64 = 1e-6;
        let weights = [(1.0, 0.0), (0.0, 1.0), (0.3, 0.7)];
        for (entropy_weight, information_weight) in weights {
            for against in FearedKind::ALL {
                let penalty = DiversityPenalty { against, entropy_weight, information_weight, bins: 7 };
                let values = activations(12, 3).set_requires_grad(true);
                let fixed = activations(12, 2) * 4.0;
                let of = |values: &Tensor| penalty.of(&[values.shallow_clone(), fixed.shallow_clone()]);
                of(&values).backward();
                let gradient = values.grad();
                // The other layer holds the ends of the range, which have no gradient.
                for place in 0..36 {
                    let moved = |by: f64| {
                        let change = Tensor::zeros([36], DOUBLE);
                        let _ = change.get(place).fill_(by);
                        no_grad(|| number(&of(&(values.detach() + change.view([12, 3])))))
                    };
                    let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                    let found = gradient.double_value(&[place / 3, place % 3]);
                    assert!((found - difference).abs() < 1e-6, "{penalty:?} at {place}: {found} and {difference}");
                }
            }
        }
    }

    #[test]
    fn maps_and_sequences_are_averaged_over_positions() {
        let rows = activations(10, 4);
        let penalty = DiversityPenalty::new(FearedKind::ExampleLevel);
        let expected = number(&penalty.of(&[rows.shallow_clone()]));
        let sequence = Tensor::stack(&[&rows + 1.0, &rows - 1.0], 1);
        let map = Tensor::stack(&[&rows + 1.0, &rows - 1.0], 2).unsqueeze(-1);
        for shaped in [sequence, map] {
            assert!((number(&penalty.of(&[shaped])) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn minimising_the_penalty_moves_the_measures_in_its_direction() {
        for (against, sign) in [(FearedKind::Heuristic, 1.0), (FearedKind::ExampleLevel, -1.0)] {
            let mut values = activations(64, 5).set_requires_grad(true);
            let ends = Tensor::from_slice(&[-3.0, 3.0_f64]).view([2, 1]).repeat([32, 1]);
            let penalty = DiversityPenalty { entropy_weight: 1.0, information_weight: 1.0, ..DiversityPenalty::new(against) };
            let measures = |values: &Tensor| {
                no_grad(|| {
                    let entropy = soft_entropies_nats(values, (-3.0, 3.0), penalty.bins).mean(None::<Kind>);
                    (number(&entropy), number(&gaussian_information_nats(values)))
                })
            };
            let before = measures(&values);
            for _ in 0..20 {
                values.zero_grad();
                penalty.of(&[values.shallow_clone(), ends.shallow_clone()]).backward();
                no_grad(|| values -= values.grad() * 0.5);
            }
            let after = measures(&values);
            assert!(sign * (after.0 - before.0) > 0.0 && sign * (after.1 - before.1) < 0.0, "{against:?}: {before:?} {after:?}");
        }
    }
}
