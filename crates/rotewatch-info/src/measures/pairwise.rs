//! Mutual information of two neurons from binned rows, and the container for all pairs of a layer.

use super::entropy::x_ln_x;
use crate::kernels::MASKED;

/// A value for every unordered pair of different neurons: the strict upper triangle, row after row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairMatrix {
    neurons: usize,
    values: Vec<f64>,
}

impl PairMatrix {
    /// Creates it from the values of the pairs (0,1), (0,2), ..., (0,n-1), (1,2), ... in this order.
    ///
    /// # Panics
    /// If there are not exactly `neurons * (neurons - 1) / 2` values.
    #[must_use]
    pub fn from_condensed(neurons: usize, values: Vec<f64>) -> Self {
        assert_eq!(values.len(), pair_count(neurons), "there must be one value per pair of {neurons} neurons");
        Self { neurons, values }
    }

    /// Returns the number of neurons.
    #[must_use]
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// Returns the number of pairs.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.values.len()
    }

    /// Returns the value of a pair, in either order.
    ///
    /// # Panics
    /// If `i == j` or one of the neurons does not exist.
    #[must_use]
    pub fn get(&self, i: usize, j: usize) -> f64 {
        let (low, high) = (i.min(j), i.max(j));
        assert!(low < high && high < self.neurons, "({i}, {j}) is not a pair of {} neurons", self.neurons);
        self.values[first_of_row(self.neurons, low) + (high - low - 1)]
    }

    /// Returns the values in condensed order.
    #[must_use]
    pub fn condensed(&self) -> &[f64] {
        &self.values
    }

    /// Returns every pair `(i, j)`, `i < j`, with its value, in condensed order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        pairs_of(self.neurons).zip(&self.values).map(|((i, j), &value)| (i, j, value))
    }
}

/// Returns the number of unordered pairs of `neurons`.
#[must_use]
pub fn pair_count(neurons: usize) -> usize {
    neurons * neurons.saturating_sub(1) / 2
}

/// Returns where the pairs `(i, i+1), (i, i+2), ...` begin in condensed order.
#[must_use]
pub fn first_of_row(neurons: usize, i: usize) -> usize {
    i * neurons - i * (i + 1) / 2
}

/// Returns the pairs `(i, j)`, `i < j`, in condensed order.
pub fn pairs_of(neurons: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..neurons).flat_map(move |i| (i + 1..neurons).map(move |j| (i, j)))
}

/// What one pair shares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairInformation {
    /// Mutual information in nats.
    pub mutual_nats: f64,
    /// Mutual information as a share of the smaller entropy; 0 where that is 0.
    pub normalised: f64,
    /// Miller-Madow estimate of the part of `mutual_nats` that comes from the finite number of rows.
    pub miller_madow_nats: f64,
}

/// Computes the mutual information of two binned neurons over the rows that are finite in both.
///
/// # Shape
/// `x` and `y`: one bin per row, [`MASKED`] where the value is not finite; bins below `bin_count`.
///
/// # Estimator
/// Plug-in: `I = H(X) + H(Y) - H(X,Y)`, all three over the same rows, in nats; in `[0, min(H(X), H(Y))]`, and 0 if no row
/// is finite in both. Not corrected; the Miller-Madow bias is returned beside it: `(Kxy - Kx - Ky + 1) / (2 n)` over occupied cells.
///
/// # Source
/// Cover and Thomas (2006), equation 2.45; Miller (1955) for the bias of each entropy, of which this is the sum.
///
/// # Cost
/// One pass over the rows and one over `bin_count` squared cells.
///
/// # Panics
/// If the columns differ in length or a bin is out of range.
#[must_use]
pub fn pair_information(x: &[u16], y: &[u16], bin_count: usize) -> PairInformation {
    assert_eq!(x.len(), y.len(), "columns must have the same number of rows");
    let mut joint = vec![0_u64; bin_count * bin_count];
    for (&x, &y) in x.iter().zip(y) {
        if x != MASKED && y != MASKED {
            joint[usize::from(x) * bin_count + usize::from(y)] += 1;
        }
    }
    information_of_counts(&joint, bin_count)
}

/// Computes the mutual information of a table of counts, `rows of the table x bin_count`; estimator as [`pair_information`].
#[must_use]
pub fn information_of_counts(joint: &[u64], bin_count: usize) -> PairInformation {
    let mut of_y = vec![0_u64; bin_count];
    let (mut total, mut cells, mut x_bins) = (0_u64, 0_u64, 0_u64);
    let (mut joint_sum, mut x_sum) = (0.0, 0.0);
    for row in joint.chunks_exact(bin_count) {
        let mut of_x = 0;
        for (&count, of_y) in row.iter().zip(&mut of_y) {
            of_x += count;
            *of_y += count;
            cells += u64::from(count > 0);
            joint_sum += x_ln_x(count as f64);
        }
        total += of_x;
        x_bins += u64::from(of_x > 0);
        x_sum += x_ln_x(of_x as f64);
    }
    if total == 0 {
        return PairInformation::default();
    }
    let y_bins = of_y.iter().filter(|&&count| count > 0).count() as u64;
    let y_sum: f64 = of_y.iter().map(|&count| x_ln_x(count as f64)).sum();
    let rows = total as f64;
    let rows_sum = x_ln_x(rows);
    let smaller_entropy = (rows_sum - x_sum.max(y_sum)).max(0.0) / rows;
    let mutual_nats = ((joint_sum - x_sum - y_sum + rows_sum) / rows).clamp(0.0, smaller_entropy);
    let normalised = if smaller_entropy > 0.0 { mutual_nats / smaller_entropy } else { 0.0 };
    let miller_madow_nats = ((cells + 1) as f64 - (x_bins + y_bins) as f64) / (2.0 * rows);
    PairInformation { mutual_nats, normalised, miller_madow_nats }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::binning::bin_counts;
    use crate::measures::entropy::entropy_nats;
    use proptest::prelude::*;

    #[test]
    fn condensed_order_and_lookup_agree() {
        let matrix = PairMatrix::from_condensed(5, (0..10).map(f64::from).collect());
        for (i, j, value) in matrix.iter() {
            assert_eq!((matrix.get(i, j), matrix.get(j, i)), (value, value));
        }
        assert_eq!(matrix.iter().count(), matrix.pairs());
        assert_eq!(PairMatrix::from_condensed(0, Vec::new()).pairs(), 0);
        assert_eq!(PairMatrix::from_condensed(1, Vec::new()).iter().count(), 0);
    }

    #[test]
    fn copies_share_their_entropy_and_a_constant_shares_nothing() {
        let x = [0, 1, 2, 3, 0, 1, 2, 3];
        let with_itself = pair_information(&x, &x, 4);
        assert!((with_itself.mutual_nats - 4.0_f64.ln()).abs() < 1e-15);
        assert!((with_itself.normalised - 1.0).abs() < 1e-15);
        assert_eq!(pair_information(&x, &[2; 8], 4), PairInformation::default());
    }

    #[test]
    fn independence_in_the_table_is_exactly_nothing() {
        let x = [0, 0, 1, 1];
        let y = [0, 1, 0, 1];
        let pair = pair_information(&x, &y, 2);
        assert_eq!((pair.mutual_nats, pair.normalised), (0.0, 0.0));
        assert_eq!(pair.miller_madow_nats, 1.0 / 8.0);
    }

    #[test]
    fn rows_masked_in_either_neuron_do_not_count() {
        let x = [0, 1, 0, 1, MASKED, 0];
        let y = [1, 0, 1, 0, 1, MASKED];
        assert_eq!(pair_information(&x, &y, 2), pair_information(&x[..4], &y[..4], 2));
        assert_eq!(pair_information(&[MASKED; 3], &[0; 3], 2), PairInformation::default());
    }

    fn two_columns() -> impl Strategy<Value = (usize, Vec<(u16, u16)>)> {
        (2_usize..12).prop_flat_map(|bins| {
            let bin = 0..bins as u16;
            (Just(bins), prop::collection::vec((bin.clone(), bin), 1..300))
        })
    }

    proptest! {
        #[test]
        fn information_is_symmetric_bounded_and_blind_to_row_order((bins, rows) in two_columns(), turn in 0_usize..300) {
            let (x, y): (Vec<u16>, Vec<u16>) = rows.iter().copied().unzip();
            let pair = pair_information(&x, &y, bins);
            let swapped = pair_information(&y, &x, bins);
            prop_assert!((pair.mutual_nats - swapped.mutual_nats).abs() < 1e-12);
            let entropy = |column: &[u16]| entropy_nats(&bin_counts(column, bins));
            prop_assert!(pair.mutual_nats >= 0.0);
            prop_assert!(pair.mutual_nats <= entropy(&x).min(entropy(&y)) + 1e-12);
            prop_assert!((0.0..=1.0).contains(&pair.normalised));
            let mut turned = rows.clone();
            turned.rotate_left(turn % rows.len());
            turned.reverse();
            let (turned_x, turned_y): (Vec<u16>, Vec<u16>) = turned.into_iter().unzip();
            prop_assert_eq!(pair, pair_information(&turned_x, &turned_y, bins));
            prop_assert!((pair_information(&x, &x, bins).mutual_nats - entropy(&x)).abs() < 1e-12);
        }
    }
}
