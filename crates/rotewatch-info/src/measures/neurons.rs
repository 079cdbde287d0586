//! All neurons of a layer, binned, with the measures of single neurons.

use rayon::prelude::*;

use super::binning::InnerEdges;
use super::bits::{BinnedLayer, Marginal};
use super::params::{BinEdges, Binning};
use super::samples::{Columns, Value};
use super::terms::Terms;
use crate::kernels::Kernel;

/// A layer binned with each neuron's own edges.
#[derive(Debug)]
pub struct BinnedNeurons {
    /// The bins.
    pub layer: BinnedLayer,
    /// Each neuron's counts over its finite rows.
    pub marginals: Vec<Marginal>,
    /// Number of neurons with one value on all finite rows, or no finite row.
    pub constant: usize,
}

impl BinnedNeurons {
    /// Bins every neuron with its own edges; runs on the current rayon pool.
    ///
    /// # Panics
    /// If `terms` covers fewer rows.
    #[must_use]
    pub fn of<V: Value>(
        columns: &Columns<V>,
        bins: usize,
        binning: Binning,
        edges: BinEdges,
        terms: &Terms,
        kernel: Kernel,
    ) -> Self {
        let (rows, bin_count) = (columns.rows(), edges.bin_count(bins));
        let mut all = vec![0; rows * columns.neurons()];
        let one = |(neuron, target): (usize, &mut [u16])| {
            let column = columns.column(neuron);
            let inner = InnerEdges::of([column], bins, binning, edges);
            inner.assign_into(column, target, kernel);
            (inner.constant(), Marginal::of(target, bin_count, terms))
        };
        let each: Vec<(bool, Marginal)> = all.par_chunks_mut(rows.max(1)).enumerate().map(one).collect();
        let constant = each.iter().filter(|(constant, _)| *constant).count();
        let marginals = each.into_iter().map(|(_, marginal)| marginal).collect();
        Self { layer: BinnedLayer::new(rows, bin_count, all), marginals, constant }
    }

    /// Returns the entropy in nats of each neuron; estimator as [`entropy_nats`](super::entropy::entropy_nats).
    ///
    /// # Panics
    /// If `terms` covers fewer rows.
    #[must_use]
    pub fn entropies_nats(&self, terms: &Terms) -> Vec<f64> {
        self.marginals.iter().map(|marginal| terms.entropy_nats(marginal.rows, marginal.sum)).collect()
    }
}

/// Returns the entropy in nats of each neuron with shared edges; runs on the current rayon pool.
///
/// # Panics
/// If there are more than `bin_count` bins, or `terms` covers fewer rows.
#[must_use]
pub fn shared_entropies_nats<V: Value>(
    columns: &Columns<V>,
    edges: &InnerEdges,
    bin_count: usize,
    terms: &Terms,
    kernel: Kernel,
) -> Vec<f64> {
    let one = |bins: &mut Vec<u16>, neuron| {
        edges.assign_into(columns.column(neuron), bins, kernel);
        let marginal = Marginal::of(bins, bin_count, terms);
        terms.entropy_nats(marginal.rows, marginal.sum)
    };
    (0..columns.neurons()).into_par_iter().map_init(|| vec![0; columns.rows()], one).collect()
}
