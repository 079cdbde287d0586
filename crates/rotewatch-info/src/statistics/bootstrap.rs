//! Confidence intervals by resampling runs. The seed is fixed: the same runs give the same interval.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::tau::tau_b;
use crate::measures::quantile;

/// Number of resamples per interval.
const RESAMPLES: usize = 10_000;
/// Seed of the generator.
const SEED: u64 = 4;

/// A value and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The value of the runs themselves.
    pub value: f64,
    /// 2.5 % of the resamples are below.
    pub lower: f64,
    /// 2.5 % are above.
    pub upper: f64,
}

/// Returns the mean of `ours - theirs` over pairs of the same run, with the percentile interval of 10,000 resamples of the pairs. `None`
/// without a pair.
#[must_use]
pub fn paired_difference(pairs: &[(f64, f64)]) -> Option<Interval> {
    let differences: Vec<f64> = pairs.iter().map(|(ours, theirs)| ours - theirs).collect();
    resampled(&differences, |drawn| Some(mean(drawn)))
}

/// Returns Kendall's tau-b averaged over groups (seeds), with the percentile interval of 10,000 resamples of the groups. Groups
/// without a tau are left out.
#[must_use]
pub fn tau_interval(groups: &[Vec<(f64, f64)>]) -> Option<Interval> {
    let taus: Vec<f64> = groups.iter().filter_map(|pairs| tau_b(pairs)).collect();
    resampled(&taus, |drawn| Some(mean(drawn)))
}

/// Returns Kendall's tau-b of pairs, with the percentile interval of 10,000 resamples of the pairs. `None` if one side is
/// constant. Resamples with a constant side have no tau and are left out.
///
/// If the pairs agree completely, the interval has no width, however few they are: a percentile interval stays within the
/// values that the pairs themselves give.
#[must_use]
pub(super) fn tau_interval_over_pairs(pairs: &[(f64, f64)]) -> Option<Interval> {
    resampled(pairs, tau_b)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Computes a statistic of all items and of resamples of them; `None` if there are no items or the statistic is undefined.
#[expect(clippy::indexing_slicing, reason = "drawn indices are below the number of items")]
fn resampled<T: Copy>(items: &[T], statistic: impl Fn(&[T]) -> Option<f64>) -> Option<Interval> {
    if items.is_empty() {
        return None;
    }
    let value = statistic(items)?;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn = items.to_vec();
    let mut values: Vec<f64> = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| items[random.random_range(0..items.len())]);
        values.extend(statistic(&drawn));
    }
    Some(Interval { value, lower: quantile(&mut values, 0.025)?, upper: quantile(&mut values, 0.975)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_runs_give_the_same_interval() {
        let pairs: Vec<(f64, f64)> = (0..40).map(|run| (f64::from(run % 7), f64::from(run % 5) + 1.0)).collect();
        let first = paired_difference(&pairs).expect("there are pairs");
        assert_eq!(paired_difference(&pairs), Some(first));
        let mean = pairs.iter().map(|(ours, theirs)| ours - theirs).sum::<f64>() / 40.0;
        assert!((first.value - mean).abs() < 1e-12);
        assert!(first.lower < mean && mean < first.upper);
        // The standard error of the mean is 0.39: a normal interval would be 1.55 wide.
        assert!((1.2..1.9).contains(&(first.upper - first.lower)), "{first:?}");
    }

    #[test]
    fn equal_pairs_have_no_width_and_no_pairs_no_interval() {
        let same = Interval { value: 1.0, lower: 1.0, upper: 1.0 };
        assert_eq!(paired_difference(&[(2.0, 1.0); 9]), Some(same));
        assert_eq!(paired_difference(&[]), None);
    }

    #[test]
    fn taus_are_averaged_over_groups() {
        let up = vec![(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)];
        let down = vec![(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)];
        let constant = vec![(1.0, 1.0), (2.0, 1.0)];
        let interval = tau_interval(&[up.clone(), up, down, constant]).expect("three groups have a tau");
        assert!((interval.value - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((interval.lower, interval.upper), (-1.0, 1.0));
    }
}
