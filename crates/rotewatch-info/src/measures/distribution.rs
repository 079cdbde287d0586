//! Mean and quantiles over the neurons or the pairs of a layer.

/// A summary of many values: their mean and four quantiles, in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    /// Arithmetic mean.
    pub mean: f64,
    /// 5 % of the values are below.
    pub p05: f64,
    /// The median.
    pub p50: f64,
    /// 90 % are below.
    pub p90: f64,
    /// 95 % are below.
    pub p95: f64,
}

impl Distribution {
    /// Computes the mean and quantiles of `values`; `None` if there are none. Reorders `values`.
    ///
    /// # Estimator
    /// The quantile `q` of `n` values is at position `q (n - 1)` of the sorted values, interpolated linearly between neighbours.
    ///
    /// # Source
    /// Hyndman and Fan (1996), definition 7; the default of `numpy.quantile`.
    ///
    /// # Cost
    /// One selection per quantile: linear in the number of values. The mean is summed in the given order.
    ///
    /// # Panics
    /// Never; NaN sorts last.
    #[must_use]
    pub fn of(values: &mut [f64]) -> Option<Self> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self {
            mean,
            p05: quantile(values, 0.05)?,
            p50: quantile(values, 0.50)?,
            p90: quantile(values, 0.90)?,
            p95: quantile(values, 0.95)?,
        })
    }

    /// Returns each statistic with its name in labels and JSON.
    #[must_use]
    pub fn by_name(&self) -> [(&'static str, f64); 5] {
        [("mean", self.mean), ("p05", self.p05), ("p50", self.p50), ("p90", self.p90), ("p95", self.p95)]
    }
}

/// Returns the value that a share of `values` is below; `None` if there are none. Reorders `values`.
///
/// # Estimator
/// As in [`Distribution::of`].
///
/// # Cost
/// One selection: linear in the number of values.
#[must_use]
pub fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let position = share * values.len().checked_sub(1)? as f64;
    let below = position.floor() as usize;
    let (_, &mut lower, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let weight = position - below as f64;
    Some(match above.iter().copied().min_by(f64::total_cmp) {
        Some(upper) if weight > 0.0 => lower + weight * (upper - lower),
        _ => lower,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_linearly() {
        let mut values: Vec<f64> = (0..=10).rev().map(f64::from).collect();
        let d = Distribution::of(&mut values).unwrap();
        assert_eq!((d.mean, d.p05, d.p50, d.p90, d.p95), (5.0, 0.5, 5.0, 9.0, 9.5));
    }

    #[test]
    fn one_value_is_its_own_quantiles() {
        let d = Distribution::of(&mut [3.0]).unwrap();
        assert_eq!((d.mean, d.p05, d.p95), (3.0, 3.0, 3.0));
    }

    #[test]
    fn nothing_has_no_distribution() {
        assert_eq!(Distribution::of(&mut []), None);
        assert_eq!(quantile(&mut [], 0.5), None);
    }
}
