//! Summaries of how values are distributed, small enough to keep for every epoch: a box plot and a density.

use super::distribution::quantile;

/// Number of intervals of a density.
const INTERVALS: usize = 48;

/// The values of a box plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    /// 5 % of the values are below.
    pub p05: f64,
    /// 25 % are below.
    pub p25: f64,
    /// The median.
    pub p50: f64,
    /// 75 % are below.
    pub p75: f64,
    /// 95 % are below.
    pub p95: f64,
}

impl Quartiles {
    /// Computes the quartiles of `values`; `None` if there are none. Reorders `values`.
    ///
    /// # Estimator
    /// As in [`super::distribution::Distribution::of`].
    #[must_use]
    pub fn of(values: &mut [f64]) -> Option<Self> {
        let mut at = |share| quantile(values, share);
        Some(Quartiles { p05: at(0.05)?, p25: at(0.25)?, p50: at(0.5)?, p75: at(0.75)?, p95: at(0.95)? })
    }
}

/// How many values are in each of a number of equal intervals.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// Start of the first interval: the smallest value.
    pub from: f64,
    /// End of the last interval: the largest value, which belongs to it.
    pub to: f64,
    /// Values in each interval.
    pub counts: Vec<u32>,
}

impl Density {
    /// Computes the density of the finite `values`; `None` if there are none.
    ///
    /// # Estimator
    /// A histogram of 48 equal intervals between the smallest and the largest value; equal values are all in the first.
    ///
    /// # Cost
    /// Two passes, 192 bytes.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let from = finite().reduce(f64::min)?;
        let to = finite().reduce(f64::max)?;
        let scale = if to > from { INTERVALS as f64 / (to - from) } else { 0.0 };
        let mut counts = vec![0_u32; INTERVALS];
        for value in finite() {
            let place = ((value - from) * scale) as usize;
            let count = &mut counts[place.min(INTERVALS - 1)];
            *count = count.saturating_add(1);
        }
        Some(Density { from, to, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_holds_the_quartiles() {
        let mut values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let quartiles = Quartiles::of(&mut values).expect("there are values");
        assert_eq!(quartiles, Quartiles { p05: 5.0, p25: 25.0, p50: 50.0, p75: 75.0, p95: 95.0 });
        assert_eq!(Quartiles::of(&mut []), None);
    }

    #[test]
    fn a_density_holds_every_finite_value_once() {
        let density = Density::of(&[0.0, 1.0, 48.0, f64::NAN, 47.5]).expect("there are values");
        assert_eq!((density.from, density.to), (0.0, 48.0));
        assert_eq!((density.counts[0], density.counts[1], density.counts[47]), (1, 1, 2));
        assert_eq!(Density::of(&[2.0, 2.0]).expect("there are values").counts[0], 2);
        assert_eq!(Density::of(&[f64::NAN]), None);
    }
}
