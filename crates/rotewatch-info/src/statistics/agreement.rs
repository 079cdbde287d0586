//! How far a ranking agrees with scores, and how often chance alone agrees as far.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bootstrap::{Interval, tau_interval_over_pairs};
use super::tau::tau_b;

/// Number of random orders of the scores.
const PERMUTATIONS: usize = 10_000;
/// Seed of the generator.
const SEED: u64 = 5;
/// Differences between taus up to this size come from rounding.
const ROUNDING: f64 = 1e-12;

/// Kendall's tau-b between a measure and a score, with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Tau-b and its 95 % interval over resamples of the models.
    pub tau: Interval,
    /// Number of models.
    pub models: usize,
    /// Share of random orders of the scores that agree at least as far.
    pub chance: f64,
}

impl Agreement {
    /// Computes the agreement of pairs of a measure and a score; `None` if one side is constant.
    ///
    /// # Estimator
    /// [`tau_b`] and its bootstrap interval. `chance` is one-sided, over 10,000 seeded permutations of the scores and the actual
    /// order, so it is never 0.
    ///
    /// # Source
    /// Efron and Tibshirani (1993), "An introduction to the bootstrap", section 13.3, for the interval; Phipson and Smyth (2010),
    /// "Permutation p-values should never be zero", for the share.
    ///
    /// # Cost
    /// 20,000 times tau, each over every pair of models.
    #[must_use]
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let tau = tau_interval_over_pairs(pairs)?;
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let (measures, mut scores): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let mut shuffled = Vec::with_capacity(pairs.len());
        let mut agreeing = 1_usize;
        for _ in 0..PERMUTATIONS {
            for place in (1..scores.len()).rev() {
                scores.swap(place, random.random_range(0..=place));
            }
            shuffled.clear();
            shuffled.extend(measures.iter().copied().zip(scores.iter().copied()));
            agreeing += usize::from(tau_b(&shuffled).is_some_and(|by_chance| by_chance >= tau.value - ROUNDING));
        }
        Some(Agreement { tau, models: pairs.len(), chance: agreeing as f64 / (PERMUTATIONS + 1) as f64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_agreement_of_a_few_is_not_much_of_a_surprise() {
        let three = Agreement::of(&[(1.0, 0.1), (2.0, 0.2), (3.0, 0.3)]).unwrap();
        assert_eq!((three.tau.value, three.models), (1.0, 3));
        // One order of six agrees; 10,000 draws leave a standard error of 0.004.
        assert!((three.chance - 1.0 / 6.0).abs() < 0.015, "{three:?}");
        let seven: Vec<(f64, f64)> = (0..7).map(|model| (f64::from(model), f64::from(model))).collect();
        assert!(Agreement::of(&seven).unwrap().chance < 0.002);
    }

    #[test]
    fn the_interval_holds_tau_and_narrows_with_more_models() {
        let models = |count: u32| -> Vec<(f64, f64)> {
            // Every third model is out of order.
            (0..count).map(|at| (f64::from(at), f64::from(if at % 3 == 0 { (at * 5 + 2) % count } else { at }))).collect()
        };
        let (few, many) = (Agreement::of(&models(9)).unwrap().tau, Agreement::of(&models(45)).unwrap().tau);
        for tau in [few, many] {
            assert!(tau.lower <= tau.value && tau.value <= tau.upper && tau.lower < tau.upper, "{tau:?}");
        }
        assert!(many.upper - many.lower < few.upper - few.lower, "{few:?} {many:?}");
    }

    #[test]
    fn a_constant_agrees_with_nothing() {
        assert_eq!(Agreement::of(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(Agreement::of(&[]), None);
    }
}
