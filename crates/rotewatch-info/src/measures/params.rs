//! The parameters of the measures, checked once so that computing cannot fail.

use std::ops::RangeInclusive;

use crate::choice::UnknownChoice;
use crate::kernels::NEIGHBOURS_LIMIT;
use strum::{Display, EnumMessage, EnumString, VariantArray, VariantNames};

/// Which bin the maximum value falls in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<BinEdges>)]
pub enum BinEdges {
    /// The last bin, as in `numpy.histogram`.
    #[default]
    Closed,
    /// An extra bin of its own, as in `numpy.digitize`: B + 1 bins.
    HalfOpen,
}

/// How the bin edges are placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Binning>)]
pub enum Binning {
    /// Bins of equal width between the smallest and the largest value.
    #[default]
    EqualWidth,
    /// Bins with equal numbers of values.
    EqualFrequency,
}

/// The allowed numbers of bins.
pub const BINS: RangeInclusive<usize> = 2..=256;

/// The allowed numbers of pairs for the shuffle null; 0 turns it off.
pub const SHUFFLE_PAIRS: RangeInclusive<usize> = 0..=1_000_000;

/// The allowed numbers of pairs for sampled nearest-neighbour mutual information; 0 turns it off.
pub const KSG_PAIRS: RangeInclusive<usize> = 0..=1_000_000;

/// A layer's measures count as reliable from this many finite rows per bin (DESIGN, section 3).
pub const RELIABLE_ROWS_PER_BIN: usize = 5;

impl BinEdges {
    /// Returns the actual number of bins when `bins` are requested.
    #[must_use]
    pub fn bin_count(self, bins: usize) -> usize {
        match self {
            Self::Closed => bins,
            Self::HalfOpen => bins + 1,
        }
    }
}

/// The number of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnnParams {
    k: usize,
}

impl Default for KnnParams {
    /// Three neighbours, as in the paper.
    fn default() -> Self {
        Self { k: 3 }
    }
}

impl KnnParams {
    /// `k` neighbours.
    ///
    /// # Errors
    /// If `k` is not in `1..=10`.
    pub fn new(k: usize) -> Result<Self, ParamsError> {
        if (1..=NEIGHBOURS_LIMIT).contains(&k) {
            return Ok(Self { k });
        }
        Err(ParamsError { field: "k", value: k, smallest: 1, largest: NEIGHBOURS_LIMIT })
    }

    /// How many neighbours.
    #[must_use]
    pub fn k(self) -> usize {
        self.k
    }
}

/// What [`measure_layers`](super::measure_layers) is to compute. Every value that can be held is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureParams {
    bins: usize,
    network_bins: usize,
    edges: BinEdges,
    binning: Binning,
    shuffle_pairs: usize,
    seed: u64,
    ksg_pairs: usize,
    knn: KnnParams,
}

/// A parameter is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, which is outside {smallest} to {largest}")]
pub struct ParamsError {
    /// The name of the parameter.
    pub field: &'static str,
    /// The given value.
    pub value: usize,
    /// The smallest value allowed.
    pub smallest: usize,
    /// The largest value allowed.
    pub largest: usize,
}

impl Default for MeasureParams {
    /// 10 bins per neuron, 100 over the network, closed equal-width bins, the shuffle null on 1,000 pairs, seed 0, no KSG.
    fn default() -> Self {
        Self {
            bins: 10,
            network_bins: 100,
            edges: BinEdges::default(),
            binning: Binning::default(),
            shuffle_pairs: 1_000,
            seed: 0,
            ksg_pairs: 0,
            knn: KnnParams::default(),
        }
    }
}

impl MeasureParams {
    /// Checks all parameters.
    ///
    /// # Errors
    /// The first parameter that is out of range: `bins` and `network_bins` must be in [`BINS`],
    /// `shuffle_pairs` in [`SHUFFLE_PAIRS`].
    pub fn new(
        bins: usize,
        network_bins: usize,
        edges: BinEdges,
        binning: Binning,
        shuffle_pairs: usize,
        seed: u64,
    ) -> Result<Self, ParamsError> {
        within("bins", bins, &BINS)?;
        within("network_bins", network_bins, &BINS)?;
        within("shuffle_pairs", shuffle_pairs, &SHUFFLE_PAIRS)?;
        Ok(Self { bins, network_bins, edges, binning, shuffle_pairs, seed, ..Self::default() })
    }

    /// Adds nearest-neighbour mutual information on a sample of `pairs` pairs per layer; 0 turns it off.
    ///
    /// # Errors
    /// If `pairs` is not in [`KSG_PAIRS`].
    pub fn with_ksg(self, pairs: usize, knn: KnnParams) -> Result<Self, ParamsError> {
        within("ksg_pairs", pairs, &KSG_PAIRS)?;
        Ok(Self { ksg_pairs: pairs, knn, ..self })
    }

    /// Returns the number of pairs per layer for nearest-neighbour mutual information; 0 if it is off.
    #[must_use]
    pub fn ksg_pairs(&self) -> usize {
        self.ksg_pairs
    }

    /// Returns the number of neighbours for it.
    #[must_use]
    pub fn knn(&self) -> KnnParams {
        self.knn
    }

    /// Returns the bins requested in scope `neuron` (entropy, mutual information, class information).
    #[must_use]
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Returns the bins requested in scope `network` (entropy).
    #[must_use]
    pub fn network_bins(&self) -> usize {
        self.network_bins
    }

    /// Returns which bin the maximum falls in.
    #[must_use]
    pub fn edges(&self) -> BinEdges {
        self.edges
    }

    /// Returns how the edges are placed.
    #[must_use]
    pub fn binning(&self) -> Binning {
        self.binning
    }

    /// Returns the number of pairs per layer for the shuffle null; 0 if it is off.
    #[must_use]
    pub fn shuffle_pairs(&self) -> usize {
        self.shuffle_pairs
    }

    /// Returns the seed of the shuffle null.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

fn within(field: &'static str, value: usize, range: &RangeInclusive<usize>) -> Result<(), ParamsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ParamsError { field, value, smallest: *range.start(), largest: *range.end() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_field_value_and_range() {
        let error = MeasureParams::new(10, 257, BinEdges::Closed, Binning::EqualWidth, 0, 0).unwrap_err();
        assert_eq!(error.to_string(), "network_bins is 257, which is outside 2 to 256");
        assert_eq!(MeasureParams::new(1, 10, BinEdges::Closed, Binning::EqualWidth, 0, 0).unwrap_err().field, "bins");
    }

    #[test]
    fn the_defaults_pass_their_own_check() {
        let d = MeasureParams::default();
        let checked = MeasureParams::new(d.bins, d.network_bins, d.edges, d.binning, d.shuffle_pairs, d.seed);
        assert_eq!(checked, Ok(d));
    }
}
