//! The surprisal of each row: the mean over neurons of `-ln p` of the bins that its values fall in.
//!
//! A row whose activations are rare among the compared rows scores high, whatever the network predicts. It was meant to detect rows
//! from another distribution, but it does not: on held-out classes and reversed colours it measured at chance or below
//! (`benches/record/surprisal.md`). Within one layer's own rows, every bin that is hit has been counted. Against a reference, bins
//! may be empty and values may be outside the reference's range, and both need a probability: [`ReferenceBins`] defines it.
//!
//! Not included: a threshold, and any dependence between neurons. Their surprisals are averaged as if they were independent.

use super::binning::{InnerEdges, bin_counts};
use super::bits::{BinnedLayer, Marginal};
use super::params::{BinEdges, Binning};
use super::samples::{Columns, Value};
use crate::kernels::{Kernel, MASKED};

/// The count added to every cell of a reference: Jeffreys' prior, 1/2.
///
/// # Source
/// Krichevsky and Trofimov (1981), "The performance of universal encoding", section II: `(n_b + 1/2) / (n + K / 2)` costs at
/// most `ln(n) (K - 1) / 2` nats more than the best distribution over `K` cells, however the counts turn out.
pub const PSEUDO_COUNT: f64 = 0.5;

/// Returns the surprisal in nats of each row of a layer among the layer's own rows.
///
/// # Shape
/// `layer`: rows x neurons bins; `marginals`: one per neuron, counted over the same rows. Returns one number per row.
///
/// # Estimator
/// Plug-in: the mean of `-ln(n_b / n)` over the neurons that are finite in the row, where `n_b` of the neuron's `n` finite rows are
/// in the row's bin. Not smoothed: no bin that is hit is empty. In `[0, ln rows]`; 0 if all neurons are constant; NaN for a row
/// without a finite neuron. If all values are finite, its mean over rows is the mean over neurons of
/// [`entropy_nats`](super::entropy::entropy_nats).
///
/// # Source
/// Shannon (1948), section 6: the entropy is the mean of `-ln p`.
///
/// # Cost
/// One pass over the bins and one logarithm per neuron and bin.
///
/// # Panics
/// If there are fewer marginals than neurons.
#[must_use]
pub fn own_surprisals_nats(layer: &BinnedLayer, marginals: &[Marginal]) -> Vec<f64> {
    let mut means = RowMeans::of_rows(layer.rows());
    for (neuron, marginal) in marginals.iter().enumerate().take(layer.neurons()) {
        let rows = marginal.rows as f64;
        let nats: Vec<f64> = marginal.counts.iter().map(|&count| surprisal_nats(count as f64, rows)).collect();
        let of_bin = |bin: &u16| (*bin != MASKED).then(|| nats[usize::from(*bin)]);
        means.add(layer.column(neuron).iter().map(of_bin));
    }
    means.finish()
}

/// Returns the surprisal in nats of each row over several layers: the mean of the layers' surprisals, weighted by their neurons.
///
/// # Shape
/// Pairs of a layer's neurons and its surprisals, one per row and the same number in each layer. NaN if no layer has a number.
#[must_use]
pub fn mean_over_layers(layers: &[(usize, &[f64])]) -> Vec<f64> {
    let rows = layers.iter().map(|(_, surprisals)| surprisals.len()).max().unwrap_or(0);
    let of_row = |row: usize| {
        let known = layers.iter().filter_map(|(neurons, of)| Some((*neurons as f64, *of.get(row)?)));
        let (weights, sum) = known
            .filter(|(_, nats)| nats.is_finite())
            .fold((0.0, 0.0), |(weights, sum), (neurons, nats)| (weights + neurons, sum + neurons * nats));
        sum / weights
    };
    (0..rows).map(of_row).collect()
}

/// The distribution of a layer's neurons in a reference: the bins of each, and the surprisal of each bin.
#[derive(Clone, Debug)]
pub struct ReferenceBins {
    /// One per neuron; `None` for a neuron without a finite value in the reference.
    neurons: Vec<Option<NeuronBins>>,
}

/// The bins of one neuron.
#[derive(Clone, Debug)]
struct NeuronBins {
    edges: InnerEdges,
    smallest: f64,
    largest: f64,
    nats: Vec<f64>,
    outside_nats: f64,
}

impl ReferenceBins {
    /// Counts the rows of a reference, each neuron with its own edges.
    ///
    /// # Estimator
    /// `p_b = (n_b + 1/2) / (n + K / 2)` over the neuron's `n` finite rows, see [`PSEUDO_COUNT`]. The `K` cells are the bins and one
    /// more for all values below the reference's smallest or above its largest. That cell is empty, so its surprisal,
    /// `ln(2 n + K)`, is the maximum for a value, however far outside it is. A neuron that is constant in the reference has two
    /// cells: its value, and everything else.
    ///
    /// # Cost
    /// As the binning of the layer: see [`InnerEdges::of`].
    #[must_use]
    pub fn of<V: Value>(reference: &Columns<V>, bins: usize, binning: Binning, edges: BinEdges, kernel: Kernel) -> Self {
        let mut of_rows = vec![0; reference.rows()];
        let neurons = reference.columns().map(|column| {
            let finite = || column.iter().filter(|value| value.finite()).map(|value| value.widened());
            let (smallest, largest) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
            let inner = InnerEdges::of([column], bins, binning, edges);
            inner.assign_into(column, &mut of_rows, kernel);
            let counts = bin_counts(&of_rows, if inner.constant() { 1 } else { edges.bin_count(bins) });
            let cells = (counts.len() + 1) as f64;
            let total = counts.iter().sum::<u64>() as f64 + PSEUDO_COUNT * cells;
            let nats = counts.iter().map(|&count| surprisal_nats(count as f64 + PSEUDO_COUNT, total)).collect();
            Some(NeuronBins { edges: inner, smallest, largest, nats, outside_nats: surprisal_nats(PSEUDO_COUNT, total) })
        });
        Self { neurons: neurons.collect() }
    }

    /// Returns the number of neurons of the reference.
    #[must_use]
    pub fn neurons(&self) -> usize {
        self.neurons.len()
    }

    /// Returns the surprisal in nats of each row against the reference.
    ///
    /// # Shape
    /// `columns`: rows x neurons, with the neurons of the reference. Returns one number per row.
    ///
    /// # Estimator
    /// The mean of `-ln p_b` over the neurons that are finite in the row and in the reference, with the `p_b` of [`ReferenceBins::of`].
    /// NaN for a row without such a neuron. Because of the smoothing, the mean over the reference's own rows is above their entropy.
    ///
    /// # Cost
    /// One search of the edges per value.
    ///
    /// # Panics
    /// If the number of neurons differs from the reference.
    #[must_use]
    pub fn surprisals_nats<V: Value>(&self, columns: &Columns<V>, kernel: Kernel) -> Vec<f64> {
        assert_eq!(columns.neurons(), self.neurons(), "the number of neurons must be that of the reference");
        let mut means = RowMeans::of_rows(columns.rows());
        let mut bins = vec![0; columns.rows()];
        for (column, neuron) in columns.columns().zip(&self.neurons) {
            let Some(neuron) = neuron else { continue };
            neuron.edges.assign_into(column, &mut bins, kernel);
            means.add(column.iter().zip(&bins).map(|(value, &bin)| neuron.nats_of(value.widened(), bin)));
        }
        means.finish()
    }
}

impl NeuronBins {
    /// Returns the surprisal of a value's bin; `None` if the value is not finite.
    fn nats_of(&self, value: f64, bin: u16) -> Option<f64> {
        if bin == MASKED {
            return None;
        }
        let outside = value < self.smallest || value > self.largest;
        Some(if outside { self.outside_nats } else { self.nats[usize::from(bin)] })
    }
}

/// Returns `-ln(count / total)`; never called for an empty cell.
fn surprisal_nats(count: f64, total: f64) -> f64 {
    (total / count).ln()
}

/// Sums over neurons in their order, so that the mean always has the same bits.
struct RowMeans {
    sums: Vec<f64>,
    neurons: Vec<u32>,
}

impl RowMeans {
    fn of_rows(rows: usize) -> Self {
        Self { sums: vec![0.0; rows], neurons: vec![0; rows] }
    }

    fn add(&mut self, nats: impl Iterator<Item = Option<f64>>) {
        for ((sum, neurons), nats) in self.sums.iter_mut().zip(&mut self.neurons).zip(nats) {
            if let Some(nats) = nats {
                *sum += nats;
                *neurons += 1;
            }
        }
    }

    fn finish(self) -> Vec<f64> {
        self.sums.into_iter().zip(self.neurons).map(|(sum, neurons)| sum / f64::from(neurons)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::neurons::BinnedNeurons;
    use crate::measures::terms::Terms;

    const BINS: usize = 4;

    fn reference(values: &[f64]) -> ReferenceBins {
        let columns = Columns::from_neuron_major(values.len(), 1, values.to_vec());
        ReferenceBins::of(&columns, BINS, Binning::EqualWidth, BinEdges::Closed, Kernel::get())
    }

    fn against(reference: &ReferenceBins, values: &[f64]) -> Vec<f64> {
        reference.surprisals_nats(&Columns::from_neuron_major(values.len(), 1, values.to_vec()), Kernel::get())
    }

    fn own(neurons: usize, values: &[f64]) -> Vec<f64> {
        let columns = Columns::from_neuron_major(values.len() / neurons, neurons, values.to_vec());
        let terms = Terms::up_to(columns.rows());
        let binned = BinnedNeurons::of(&columns, BINS, Binning::EqualWidth, BinEdges::Closed, &terms, Kernel::get());
        own_surprisals_nats(&binned.layer, &binned.marginals)
    }

    #[test]
    fn a_row_is_as_surprising_as_its_bin_is_rare() {
        // Of four bins: 0, 0, 0, 3 and 0, 3, 3, 0.
        assert_eq!(
            own(1, &[0.0, 0.1, 0.2, 4.0]),
            [(4.0_f64 / 3.0).ln(), (4.0_f64 / 3.0).ln(), (4.0_f64 / 3.0).ln(), 4.0_f64.ln()]
        );
        let both = own(2, &[0.0, 0.1, 0.2, 4.0, 0.0, 4.0, 4.0, 0.0]);
        assert!((both[3] - f64::midpoint(4.0_f64.ln(), 2.0_f64.ln())).abs() < 1e-15, "{both:?}");
    }

    #[test]
    fn empty_bins_and_values_outside_have_half_a_count() {
        // Counts 3, 0, 0, 1 and nothing outside: five cells, total 4 + 5/2.
        let four = reference(&[0.0, 0.1, 0.2, 4.0]);
        let nats = against(&four, &[0.5, 1.5, 4.0, 4.1, -0.1, -1e300, f64::NAN]);
        let of = |count: f64| (6.5 / count).ln();
        assert_eq!(nats[..6], [of(3.5), of(0.5), of(1.5), of(0.5), of(0.5), of(0.5)]);
        assert!(nats[6].is_nan());
    }

    #[test]
    fn a_neuron_that_was_silent_is_surprising_once_it_speaks() {
        let silent = reference(&[0.0; 9]);
        assert_eq!(against(&silent, &[0.0, 1e-9]), [(10.0_f64 / 9.5).ln(), (10.0_f64 / 0.5).ln()]);
    }

    #[test]
    fn what_is_not_finite_is_left_out_on_either_side() {
        let columns = Columns::from_neuron_major(2, 2, vec![0.0, 1.0, f64::NAN, f64::INFINITY]);
        let without = ReferenceBins::of(&columns, BINS, Binning::EqualWidth, BinEdges::Closed, Kernel::get());
        let asked = Columns::from_neuron_major(2, 2, vec![0.0, f64::NAN, 7.0, 7.0]);
        let nats = without.surprisals_nats(&asked, Kernel::get());
        assert_eq!(nats[0], (4.5_f64 / 1.5).ln(), "a neuron without a reference is left out");
        assert!(nats[1].is_nan());
        assert!(own(2, &[1.0, f64::NAN, 2.0, f64::NAN])[1].is_nan());
    }

    #[test]
    fn layers_weigh_as_much_as_their_neurons() {
        let means = mean_over_layers(&[(1, &[1.0, 2.0, f64::NAN]), (3, &[5.0, f64::NAN, f64::NAN])]);
        assert_eq!(means[..2], [4.0, 2.0]);
        assert!(means[2].is_nan());
        assert!(mean_over_layers(&[]).is_empty());
    }
}
