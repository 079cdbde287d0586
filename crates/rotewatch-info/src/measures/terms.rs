//! `n ln n` of counts, as integers.
//!
//! Every entropy of counts is a sum of `n ln n`. Here each of these terms is rounded once, to a multiple of a power of two for
//! which the largest sum still fits. All further arithmetic is on integers, where order does not matter: however
//! cells are tiled, split among threads or counted, a sum is the same to the last bit.

use super::entropy::x_ln_x;

/// Bits of a packed term that count occupied cells: tables have fewer than 2^13 cells wherever packed terms are used.
const CELL_BITS: u32 = 13;

/// Bits of the largest sum, chosen so that it fits a double exactly and a packed sum fits 64 bits.
const SUM_BITS: i32 = 50;

/// Maximum number of cells of a table with packed terms.
pub const PACKED_CELLS: usize = (1 << CELL_BITS) - 1;

/// The terms `n ln n` for all counts up to a number of rows.
///
/// A packed term is `round(n ln n * 2^k) << 13 | (n > 0)`: one addition per cell sums the term and counts the cell. `k` is the largest
/// value for which the sum over any table stays below 2^50. The error of an information in nats is below
/// `cells * 2^-51 * ln(rows)`: 1e-13 for 10 x 10 cells.
#[derive(Clone, Debug)]
pub struct Terms {
    packed: Vec<u64>,
    fraction_bits: i32,
}

/// A sum of packed terms, unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TermSum {
    /// The sum of `n ln n`, in units of `2^-k`.
    pub fixed: i64,
    /// Number of cells that are not empty.
    pub cells: u32,
}

impl TermSum {
    /// Unpacks a sum of packed terms.
    #[must_use]
    pub fn unpack(packed: u64) -> Self {
        Self { fixed: (packed >> CELL_BITS) as i64, cells: (packed & PACKED_CELLS as u64) as u32 }
    }
}

impl Terms {
    /// Computes the terms of the counts `0..=rows`.
    ///
    /// # Cost
    /// One logarithm and 8 bytes per row, once.
    #[must_use]
    pub fn up_to(rows: usize) -> Self {
        let largest = x_ln_x(rows as f64).max(1.0);
        let fraction_bits = SUM_BITS - 1 - largest.log2().ceil() as i32;
        let scale = 2.0_f64.powi(fraction_bits);
        let packed = |n: usize| {
            let fixed = (x_ln_x(n as f64) * scale).round() as u64;
            fixed << CELL_BITS | u64::from(n > 0)
        };
        Self { packed: (0..=rows).map(packed).collect(), fraction_bits }
    }

    /// Returns the packed term of every count.
    #[must_use]
    pub fn packed(&self) -> &[u64] {
        &self.packed
    }

    /// Returns `n ln n` in units of `2^-k`.
    ///
    /// # Panics
    /// If `count` is more than the rows that the terms cover.
    #[must_use]
    pub fn fixed(&self, count: u64) -> i64 {
        (self.packed[count as usize] >> CELL_BITS) as i64
    }

    /// Returns the sum of the terms of all `counts`.
    ///
    /// # Panics
    /// As [`Terms::fixed`].
    #[must_use]
    pub fn sum(&self, counts: impl IntoIterator<Item = u64>) -> TermSum {
        let mut sum = TermSum::default();
        for count in counts {
            sum.fixed += self.fixed(count);
            sum.cells += u32::from(count > 0);
        }
        sum
    }

    /// Returns the factor that turns a sum over `rows` rows into nats; 0 without rows.
    #[must_use]
    pub fn nats_per_unit(&self, rows: u64) -> f64 {
        if rows == 0 { 0.0 } else { 2.0_f64.powi(-self.fraction_bits) / rows as f64 }
    }

    /// Returns the entropy in nats of counts whose terms add up to `sum`; estimator as [`entropy_nats`](super::entropy::entropy_nats).
    #[must_use]
    pub fn entropy_nats(&self, rows: u64, sum: TermSum) -> f64 {
        (self.fixed(rows) - sum.fixed).max(0) as f64 * self.nats_per_unit(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::entropy::entropy_nats;

    #[test]
    fn fixed_entropies_are_the_plain_ones() {
        for rows in [1_u64, 2, 63, 2_048, 1_000_003] {
            let terms = Terms::up_to(rows as usize);
            let counts = [rows / 2, rows / 3, 0, rows - rows / 2 - rows / 3];
            let fixed = terms.entropy_nats(rows, terms.sum(counts));
            assert!((fixed - entropy_nats(&counts)).abs() < 1e-12, "{rows} rows");
        }
    }

    #[test]
    fn a_packed_sum_counts_cells_and_keeps_the_sum() {
        let terms = Terms::up_to(5_000);
        let counts = [0_u64, 1, 2, 4_990, 7];
        let packed: u64 = counts.iter().map(|&n| terms.packed()[n as usize]).sum();
        assert_eq!(TermSum::unpack(packed), terms.sum(counts));
    }

    #[test]
    fn one_full_cell_holds_exactly_no_entropy() {
        for rows in [0_u64, 1, 9, 4_096] {
            let terms = Terms::up_to(rows as usize);
            assert_eq!(terms.entropy_nats(rows, terms.sum([rows, 0])), 0.0);
        }
    }
}
