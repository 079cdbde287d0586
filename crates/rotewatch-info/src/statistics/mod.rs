//! Statistics for tables: exact intervals of a share, paired bootstrap, Kendall's tau, the area under a receiver operating
//! characteristic, trailing means. Experiments and rankings use the same code.

mod agreement;
mod auroc;
mod bootstrap;
mod share;
mod tau;
mod trailing;

pub use agreement::Agreement;
pub use auroc::auroc;
pub use bootstrap::{Interval, paired_difference, tau_interval};
pub use share::CountedShare;
pub use tau::tau_b;
pub use trailing::TrailingMean;

use crate::measures::Distribution;

/// Mean, median, 90th percentile and maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// The median.
    pub median: f64,
    /// 90 % of the values are below.
    pub p90: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    /// Returns the summary; `None` without values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let distribution = Distribution::of(&mut values.to_vec())?;
        let max = values.iter().copied().max_by(f64::total_cmp)?;
        let Distribution { mean, p50: median, p90, .. } = distribution;
        Some(Summary { count: values.len(), mean, median, p90, max })
    }
}
