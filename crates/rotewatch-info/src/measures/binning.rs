//! Bins: their edges, the scope of the edges, and the rule for the maximum.
//!
//! A value's bin is the number of inner edges that are not above it. With half-open bins, the maximum is an additional inner
//! edge, so that it falls in a bin of its own. Edges of scope `neuron` come from one column, those of scope `network`
//! from all columns of all layers; everything else is the same.

use super::params::{BinEdges, Binning};
use super::samples::Value;
use crate::kernels::{Kernel, MASKED};

/// The inner edges of one column, or of a whole network: ascending, not necessarily distinct.
///
/// A value `x` is in bin `#{e : e <= x}`. Without edges, as for a constant column, every value is in bin 0.
#[derive(Clone, Debug, PartialEq)]
pub struct InnerEdges {
    inner: Vec<f64>,
}

impl InnerEdges {
    /// Computes edges for `bins` bins over the finite values of `columns` (one column in scope `neuron`, all in scope `network`).
    ///
    /// # Estimator
    /// Equal width: edge `k` is `min + k * ((max - min) / bins)`, rounded as in `numpy.linspace`. Equal frequency: edge
    /// `k` is the order statistic of rank `floor(k n / bins)`, so only the order of the values matters. If all
    /// finite values are equal, or there are none, there are no edges.
    ///
    /// # Source
    /// NumPy's `histogram_bin_edges`; Bansal, Pruthi, Belinkov (2022), section 2, for the scope `network`.
    ///
    /// # Cost
    /// Equal width: one pass. Equal frequency: a sort of the finite values.
    pub fn of<'a, V: Value>(columns: impl IntoIterator<Item = &'a [V]>, bins: usize, binning: Binning, edges: BinEdges) -> Self {
        match binning {
            Binning::EqualWidth => {
                let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
                for column in columns {
                    let (low, high) = finite_range(column);
                    (min, max) = (min.min(low), max.max(high));
                }
                Self::equal_width(min, max, bins, edges)
            }
            Binning::EqualFrequency => {
                let mut finite: Vec<f64> = Vec::new();
                for column in columns {
                    finite.extend(column.iter().filter(|value| value.finite()).map(|value| value.widened()));
                }
                finite.sort_unstable_by(f64::total_cmp);
                Self::equal_frequency(&finite, bins, edges)
            }
        }
    }

    fn equal_width(min: f64, max: f64, bins: usize, edges: BinEdges) -> Self {
        if min >= max {
            return Self { inner: Vec::new() };
        }
        let step = (max - min) / bins as f64;
        let edge = |k: usize| {
            let k = k as f64;
            if step.is_infinite() {
                // The range overflows: weight the two ends instead of adding steps.
                let share = k / bins as f64;
                min * (1.0 - share) + max * share
            } else if step == 0.0 {
                // The range is so small that a step underflows: divide first, as `numpy.linspace` does.
                k / bins as f64 * (max - min) + min
            } else {
                k * step + min
            }
        };
        let mut inner: Vec<f64> = (1..bins).map(edge).collect();
        if edges == BinEdges::HalfOpen {
            inner.push(max);
        }
        Self { inner }
    }

    fn equal_frequency(sorted: &[f64], bins: usize, edges: BinEdges) -> Self {
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self { inner: Vec::new() };
        };
        if min >= max {
            return Self { inner: Vec::new() };
        }
        let mut inner: Vec<f64> = (1..bins).map(|k| sorted[k * sorted.len() / bins]).collect();
        if edges == BinEdges::HalfOpen {
            inner.push(max);
        }
        Self { inner }
    }

    /// Returns the edges, ascending.
    #[must_use]
    pub fn inner(&self) -> &[f64] {
        &self.inner
    }

    /// Returns whether the columns have at most one distinct finite value.
    #[must_use]
    pub fn constant(&self) -> bool {
        self.inner.is_empty()
    }

    /// Returns the bin of one value; [`MASKED`] if it is not finite.
    #[must_use]
    pub fn bin<V: Value>(&self, value: V) -> u16 {
        if !value.finite() {
            return MASKED;
        }
        let value = value.widened();
        self.inner.partition_point(|&edge| edge <= value) as u16
    }

    /// Returns the bin of every value of a column.
    #[must_use]
    pub fn assign<V: Value>(&self, column: &[V]) -> Vec<u16> {
        let mut bins = vec![0; column.len()];
        self.assign_into(column, &mut bins, Kernel::get());
        bins
    }

    /// Writes the bin of every value of a column to `bins`.
    ///
    /// # Panics
    /// If `bins` is not as long as the column.
    pub fn assign_into<V: Value>(&self, column: &[V], bins: &mut [u16], kernel: Kernel) {
        V::count_edges(column, &self.inner, bins, kernel);
        for (bin, value) in bins.iter_mut().zip(column) {
            *bin = if value.finite() { *bin } else { MASKED };
        }
    }
}

/// Returns the smallest and the largest finite value; `(inf, -inf)` if there is none.
fn finite_range<V: Value>(column: &[V]) -> (f64, f64) {
    /// One running range per lane of a vector register: with a single one, every value would wait for the previous one.
    const LANES: usize = 16;
    let (mut low, mut high) = ([V::INFINITY; LANES], [V::NEG_INFINITY; LANES]);
    for values in column.chunks(LANES) {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(values) {
            *low = if value.finite() && value < *low { value } else { *low };
            *high = if value.finite() && value > *high { value } else { *high };
        }
    }
    let smallest = low.into_iter().map(V::widened).fold(f64::INFINITY, f64::min);
    (smallest, high.into_iter().map(V::widened).fold(f64::NEG_INFINITY, f64::max))
}

/// Counts the values in each of `bin_count` bins; masked values are not counted.
///
/// # Panics
/// If a bin is out of range.
#[must_use]
pub fn bin_counts(bins: &[u16], bin_count: usize) -> Vec<u64> {
    let mut counts = vec![0; bin_count];
    for &bin in bins.iter().filter(|&&bin| bin != MASKED) {
        counts[usize::from(bin)] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges_of(values: &[f64], bins: usize, binning: Binning, edges: BinEdges) -> InnerEdges {
        InnerEdges::of([values], bins, binning, edges)
    }

    #[test]
    fn the_maximum_is_in_the_last_closed_bin_and_alone_in_a_half_open_one() {
        let values = [0.0, 1.0, 2.0, 3.0, 4.0];
        let closed = edges_of(&values, 4, Binning::EqualWidth, BinEdges::Closed);
        assert_eq!(closed.assign(&values), [0, 1, 2, 3, 3]);
        let half_open = edges_of(&values, 4, Binning::EqualWidth, BinEdges::HalfOpen);
        assert_eq!(half_open.assign(&values), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn values_that_are_not_finite_are_masked_and_move_no_edge() {
        let values = [f64::NAN, 0.0, 1.0, f64::INFINITY, f64::NEG_INFINITY];
        let edges = edges_of(&values, 2, Binning::EqualWidth, BinEdges::Closed);
        assert_eq!(edges.assign(&values), [MASKED, 0, 1, MASKED, MASKED]);
    }

    #[test]
    fn a_constant_has_no_edges() {
        for binning in [Binning::EqualWidth, Binning::EqualFrequency] {
            for edges in [BinEdges::Closed, BinEdges::HalfOpen] {
                let of_constant = edges_of(&[7.0; 5], 10, binning, edges);
                assert!(of_constant.constant());
                assert_eq!(of_constant.assign(&[7.0; 5]), [0; 5]);
                assert!(edges_of(&[f64::NAN], 10, binning, edges).constant());
            }
        }
    }

    #[test]
    fn equal_frequency_shares_the_values_and_keeps_ties_together() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let edges = edges_of(&values, 10, Binning::EqualFrequency, BinEdges::Closed);
        assert_eq!(bin_counts(&edges.assign(&values), 10), [10; 10]);
        let tied = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0];
        let edges = edges_of(&tied, 4, Binning::EqualFrequency, BinEdges::Closed);
        let bins = edges.assign(&tied);
        assert!(bins[..6].iter().all(|&bin| bin == bins[0]), "{bins:?}");
    }

    #[test]
    fn a_range_that_overflows_still_has_finite_ascending_edges() {
        let edges = edges_of(&[-f64::MAX, f64::MAX], 4, Binning::EqualWidth, BinEdges::Closed);
        assert!(edges.inner().iter().all(|edge| edge.is_finite()) && edges.inner().is_sorted());
        assert_eq!(edges.assign(&[-f64::MAX, -1e300, 1e300, f64::MAX]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_range_that_underflows_still_separates_its_ends() {
        let tiny = f64::from_bits(1);
        let edges = edges_of(&[0.0, tiny], 10, Binning::EqualWidth, BinEdges::Closed);
        assert_ne!(edges.bin(0.0), edges.bin(tiny));
    }

    proptest! {
        #[test]
        fn a_column_is_binned_as_each_of_its_values(
            (low, width) in (-1e3_f32..1e3, prop_oneof![1e-6_f32..1e-3, 1e-3_f32..1.0, 1.0_f32..1e4]),
            shares in prop::collection::vec(0.0_f32..1.0, 2..300),
            bins in 2_usize..200,
            evenly: bool,
            half_open: bool,
        ) {
            let mut column: Vec<f32> = shares.iter().map(|share| low + share * width).collect();
            let binning = if evenly { Binning::EqualWidth } else { Binning::EqualFrequency };
            let edges = InnerEdges::of([&column[..]], bins, binning, if half_open { BinEdges::HalfOpen } else { BinEdges::Closed });
            // The risky values: on the edges, a step beside them, and beyond them.
            for &edge in edges.inner() {
                let edge = edge as f32;
                column.extend([edge, edge.next_up(), edge.next_down()]);
            }
            column.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0]);
            let alone: Vec<u16> = column.iter().map(|&value| edges.bin(value)).collect();
            prop_assert_eq!(edges.assign(&column), alone);
        }
    }
}
