//! How much a neuron tells about the class that the network itself predicts.

use super::entropy::x_ln_x;
use crate::kernels::MASKED;

/// The rows of a frame grouped by predicted class. Any number of classes costs one pass per neuron and no large table.
#[derive(Clone, Debug)]
pub struct ClassGroups {
    rows: Vec<u32>,
    ends: Vec<usize>,
}

impl ClassGroups {
    /// Groups rows by their class; classes may be any integers.
    ///
    /// # Panics
    /// If there are more than `u32::MAX` rows.
    #[must_use]
    #[expect(clippy::expect_used, reason = "more than 2^32 rows are a bug of the caller; the panic is documented")]
    pub fn of(predictions: &[i64]) -> Self {
        let count = u32::try_from(predictions.len()).expect("a frame has fewer than 2^32 rows");
        let mut rows: Vec<u32> = (0..count).collect();
        rows.sort_by_key(|&row| predictions[row as usize]);
        let mut ends = Vec::new();
        for (at, pair) in rows.windows(2).enumerate() {
            if predictions[pair[0] as usize] != predictions[pair[1] as usize] {
                ends.push(at + 1);
            }
        }
        if !rows.is_empty() {
            ends.push(rows.len());
        }
        Self { rows, ends }
    }

    /// Returns the number of different predicted classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.ends.len()
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns the entropy of the predicted class in nats, the most that a neuron can tell. Plug-in, not corrected; 0 for no rows.
    #[must_use]
    pub fn entropy_nats(&self) -> f64 {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let of_classes: f64 = starts.zip(&self.ends).map(|(start, end)| x_ln_x((end - start) as f64)).sum();
        let rows = self.rows.len() as f64;
        if rows == 0.0 { 0.0 } else { (x_ln_x(rows) - of_classes) / rows }
    }

    /// Returns how often two rows drawn at random have the same class; 0 for no rows.
    #[must_use]
    pub fn chance_agreement(&self) -> f64 {
        let rows = self.rows.len().max(1) as f64;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| ((end - start) as f64 / rows).powi(2)).sum()
    }

    /// Returns the mutual information between a binned neuron and the predicted class, in nats.
    ///
    /// # Shape
    /// `bins`: one bin per row, aligned with the predictions, [`MASKED`] where the value is not finite.
    ///
    /// # Estimator
    /// Plug-in `I = H(A) + H(class) - H(A, class)` over the rows where the neuron is finite, in nats, not corrected; in
    /// `[0, min(H(A), H(class))]`, 0 for a constant neuron, a single class or no rows.
    ///
    /// # Cost
    /// One pass over the rows and `classes * bin_count` logarithms.
    ///
    /// # Panics
    /// If `bins` has a different number of rows or a bin is out of range.
    #[must_use]
    pub fn information_nats(&self, bins: &[u16], bin_count: usize) -> f64 {
        assert_eq!(bins.len(), self.rows.len(), "there must be one bin per prediction");
        let mut of_neuron = vec![0_u64; bin_count];
        let mut cell = vec![0_u64; bin_count];
        let (mut joint_sum, mut class_sum, mut total) = (0.0, 0.0, 0_u64);
        let mut start = 0;
        for &end in &self.ends {
            cell.fill(0);
            for &row in &self.rows[start..end] {
                let bin = bins[row as usize];
                if bin != MASKED {
                    cell[usize::from(bin)] += 1;
                }
            }
            start = end;
            let of_class: u64 = cell.iter().sum();
            total += of_class;
            class_sum += x_ln_x(of_class as f64);
            joint_sum += cell.iter().map(|&count| x_ln_x(count as f64)).sum::<f64>();
            for (all, &count) in of_neuron.iter_mut().zip(&cell) {
                *all += count;
            }
        }
        if total == 0 {
            return 0.0;
        }
        let rows = total as f64;
        let neuron_sum: f64 = of_neuron.iter().map(|&count| x_ln_x(count as f64)).sum();
        let rows_sum = x_ln_x(rows);
        let smaller_entropy = (rows_sum - neuron_sum.max(class_sum)).max(0.0);
        (joint_sum - neuron_sum - class_sum + rows_sum).clamp(0.0, smaller_entropy) / rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::pairwise::pair_information;

    #[test]
    fn a_neuron_that_names_the_class_shares_all_of_it() {
        let classes = [3, -1, 3, 9, 9, -1];
        let bins = [0, 1, 0, 2, 2, 1];
        let groups = ClassGroups::of(&classes);
        assert_eq!(groups.classes(), 3);
        assert!((groups.information_nats(&bins, 4) - 3.0_f64.ln()).abs() < 1e-15);
        assert_eq!(groups.information_nats(&[1; 6], 4), 0.0);
        assert_eq!(ClassGroups::of(&[5; 6]).information_nats(&bins, 4), 0.0);
    }

    #[test]
    fn it_is_the_mutual_information_of_neuron_and_class() {
        let bins: Vec<u16> = (0..200_u32).map(|row| if row == 17 { MASKED } else { (row * row % 7) as u16 }).collect();
        let classes: Vec<u16> = (0..200_u32).map(|row| (row % 5) as u16).collect();
        let predictions: Vec<i64> = classes.iter().map(|&class| i64::from(class) * 1_000_000_007).collect();
        let expected = pair_information(&bins, &classes, 7).mutual_nats;
        assert!((ClassGroups::of(&predictions).information_nats(&bins, 7) - expected).abs() < 1e-12);
    }

    #[test]
    fn no_rows_hold_no_information() {
        assert_eq!(ClassGroups::of(&[]).information_nats(&[], 4), 0.0);
        assert_eq!(ClassGroups::of(&[1, 2]).information_nats(&[MASKED; 2], 4), 0.0);
    }
}
