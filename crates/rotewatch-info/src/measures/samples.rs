//! Activations in the layout of the measures: one column per neuron, rows aligned.
//!
//! Trainers send rows of neurons, but every measure reads one neuron at a time. The data are transposed once, here.

use crate::kernels::Kernel;

/// A floating-point type that the measures accept: `f32` or `f64`.
///
/// Half-precision input is widened to `f32` before, which loses nothing.
pub trait Value: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// A value above every finite value.
    const INFINITY: Self;
    /// A value below every finite value.
    const NEG_INFINITY: Self;
    /// Returns the same number in double precision, in which every edge and distance is computed.
    fn widened(self) -> f64;
    /// Returns whether it is neither infinite nor NaN.
    fn finite(self) -> bool;
    /// Writes how many of the ascending `edges` are not above each value; arbitrary for values that are not finite.
    ///
    /// # Panics
    /// If `bins` is not as long as `values`.
    fn count_edges(values: &[Self], edges: &[f64], bins: &mut [u16], kernel: Kernel);
}

impl Value for f32 {
    const INFINITY: Self = f32::INFINITY;
    const NEG_INFINITY: Self = f32::NEG_INFINITY;
    fn widened(self) -> f64 {
        f64::from(self)
    }
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn count_edges(values: &[Self], edges: &[f64], bins: &mut [u16], kernel: Kernel) {
        let thresholds: Vec<f32> = edges.iter().map(|&edge| smallest_f32_not_below(edge)).collect();
        kernel.bins_of_f32(values, &thresholds, bins);
    }
}

impl Value for f64 {
    const INFINITY: Self = f64::INFINITY;
    const NEG_INFINITY: Self = f64::NEG_INFINITY;
    fn widened(self) -> f64 {
        self
    }
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn count_edges(values: &[Self], edges: &[f64], bins: &mut [u16], _kernel: Kernel) {
        assert_eq!(values.len(), bins.len(), "there must be one bin per value");
        for (bin, value) in bins.iter_mut().zip(values) {
            *bin = edges.partition_point(|edge| edge <= value) as u16;
        }
    }
}

/// Returns the threshold that single-precision values reach exactly when they reach `edge`.
fn smallest_f32_not_below(edge: f64) -> f32 {
    let nearest = edge as f32;
    if f64::from(nearest) < edge { nearest.next_up() } else { nearest }
}

/// Side of the blocks that are transposed at a time.
const BLOCK: usize = 32;

/// Samples of one layer, neuron-major: column `j` holds neuron `j`, and row `r` of every column is the same example.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns<V: Value = f32> {
    rows: usize,
    neurons: usize,
    values: Vec<V>,
}

impl<V: Value> Columns<V> {
    /// Transposes `rows` x `neurons` values, given row after row, into columns.
    ///
    /// # Cost
    /// One pass and one copy, in square blocks so that both sides stay in the first-level cache.
    ///
    /// # Panics
    /// If `values` does not hold exactly `rows * neurons` values.
    #[must_use]
    pub fn from_row_major(rows: usize, neurons: usize, values: &[V]) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(neurons), "there must be rows x neurons values");
        let mut turned = vec![V::default(); values.len()];
        for first_row in (0..rows).step_by(BLOCK) {
            for first_neuron in (0..neurons).step_by(BLOCK) {
                for row in first_row..rows.min(first_row + BLOCK) {
                    for neuron in first_neuron..neurons.min(first_neuron + BLOCK) {
                        turned[neuron * rows + row] = values[row * neurons + neuron];
                    }
                }
            }
        }
        Self { rows, neurons, values: turned }
    }

    /// Transposes rows of `neurons` values each into columns; `missing` replaces every value of a row that is `None`.
    ///
    /// # Cost
    /// One pass and one copy, in square blocks so that both sides stay in the first-level cache.
    ///
    /// # Panics
    /// If a row does not hold exactly `neurons` values.
    #[must_use]
    pub fn from_rows(neurons: usize, rows: &[Option<&[V]>], missing: V) -> Self {
        assert!(rows.iter().flatten().all(|row| row.len() == neurons), "every row must hold {neurons} values");
        let mut turned = vec![missing; rows.len() * neurons];
        for (first_row, block) in (0..).step_by(BLOCK).zip(rows.chunks(BLOCK)) {
            for first_neuron in (0..neurons).step_by(BLOCK) {
                for (row, values) in (first_row..).zip(block) {
                    let Some(values) = values else { continue };
                    for neuron in first_neuron..neurons.min(first_neuron + BLOCK) {
                        turned[neuron * rows.len() + row] = values[neuron];
                    }
                }
            }
        }
        Self { rows: rows.len(), neurons, values: turned }
    }

    /// Creates columns from values that are neuron-major already: `rows` values of neuron 0, then of neuron 1, and so on.
    ///
    /// # Panics
    /// If `values` does not hold exactly `rows * neurons` values.
    #[must_use]
    pub fn from_neuron_major(rows: usize, neurons: usize, values: Vec<V>) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(neurons), "there must be rows x neurons values");
        Self { rows, neurons, values }
    }

    /// Returns the number of rows (examples).
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of neurons.
    #[must_use]
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// Returns the values of one neuron, one per row.
    ///
    /// # Panics
    /// If the neuron does not exist.
    #[must_use]
    pub fn column(&self, neuron: usize) -> &[V] {
        assert!(neuron < self.neurons, "neuron {neuron} of {}", self.neurons);
        &self.values[neuron * self.rows..(neuron + 1) * self.rows]
    }

    /// Returns the values of every neuron in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &[V]> {
        (0..self.neurons).map(|neuron| self.column(neuron))
    }

    /// Returns the number of infinite or NaN values.
    #[must_use]
    pub fn nonfinite(&self) -> u64 {
        self.values.iter().filter(|value| !value.finite()).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_keeps_rows_aligned() {
        let (rows, neurons) = (67, 45);
        let by_row: Vec<f32> = (0..rows * neurons).map(|at| at as f32).collect();
        let columns = Columns::from_row_major(rows, neurons, &by_row);
        for neuron in 0..neurons {
            for row in 0..rows {
                assert_eq!(columns.column(neuron)[row], (row * neurons + neuron) as f32);
            }
        }
    }

    #[test]
    fn a_single_precision_threshold_decides_as_the_double_precision_edge_does() {
        let edges = [-1.0, -0.1, -1e-50, 0.0, 1e-46, 0.1, 1.0 / 3.0, 16_777_217.0, 3.0e38];
        for edge in edges {
            let threshold = smallest_f32_not_below(edge);
            for value in [threshold.next_down(), threshold, threshold.next_up(), 0.0, -0.0] {
                assert_eq!(value >= threshold, f64::from(value) >= edge, "{value} against {edge}");
            }
        }
    }

    #[test]
    fn nothing_is_a_valid_layer() {
        let columns = Columns::<f32>::from_row_major(0, 0, &[]);
        assert_eq!((columns.rows(), columns.neurons(), columns.columns().len()), (0, 0, 0));
    }

    #[test]
    fn nonfinite_values_are_counted() {
        let columns = Columns::from_row_major(2, 2, &[1.0, f32::NAN, f32::INFINITY, 2.0]);
        assert_eq!(columns.nonfinite(), 2);
    }

    #[test]
    #[should_panic(expected = "rows x neurons values")]
    fn a_wrong_number_of_values_is_refused() {
        let _ = Columns::from_row_major(2, 2, &[1.0_f32]);
    }

    #[test]
    fn rows_become_the_same_columns_however_they_come() {
        for (rows, neurons) in [(0, 3), (1, 1), (31, 33), (65, 40)] {
            let values: Vec<f32> = (0..rows * neurons).map(|at| at as f32).collect();
            let by_row: Vec<Option<&[f32]>> = values.chunks(neurons).map(Some).collect();
            assert_eq!(Columns::from_rows(neurons, &by_row, f32::NAN), Columns::from_row_major(rows, neurons, &values));
        }
        let holes = Columns::from_rows(2, &[Some(&[1.0, 2.0][..]), None], f32::NAN);
        assert!(holes.column(1)[0] == 2.0 && holes.column(1)[1].is_nan());
    }
}
