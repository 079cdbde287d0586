//! The bit matrix: each neuron's bins as a thermometer of bitmaps.
//!
//! Plane `b` of a neuron has one bit per row, set if the neuron's bin is at least `b`. The AND of two planes counts
//! the rows that are in bin `a` or above on the left and in bin `b` or above on the right; the second difference of these
//! cumulative counts is the joint table. Plane 0 marks the finite values: it is kept if the layer has a value that is not
//! finite, and otherwise its counts are known beforehand.
//!
//! The tail rule: rows are numbered from bit 0 of word 0, and bits beyond the last row are 0 in every plane, so they are never counted.
//!
//! The planes are stored twice: neuron by neuron for the left side of a pair, and in panels of eight neurons, word by word, for the right.

use rayon::prelude::*;

use super::terms::{TermSum, Terms};
use crate::kernels::{Kernel, LANES, Lanes, MASKED};

/// The bins of a layer: one per row and neuron, neuron-major.
#[derive(Clone, Debug)]
pub struct BinnedLayer {
    rows: usize,
    bin_count: usize,
    bins: Vec<u16>,
    masked: bool,
}

impl BinnedLayer {
    /// Takes `rows` bins of neuron 0, then of neuron 1, and so on; bins below `bin_count`, or [`MASKED`].
    ///
    /// # Panics
    /// If the bins are not a whole number of neurons, or one is out of range.
    #[must_use]
    pub fn new(rows: usize, bin_count: usize, bins: Vec<u16>) -> Self {
        assert!(rows == 0 || bins.len().is_multiple_of(rows), "there must be rows x neurons bins");
        let (mut highest, mut masked) = (0, false);
        for &bin in &bins {
            masked |= bin == MASKED;
            highest = highest.max(if bin == MASKED { 0 } else { bin });
        }
        assert!(usize::from(highest) < bin_count, "bin {highest} of {bin_count}");
        Self { rows, bin_count, bins, masked }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of bins.
    #[must_use]
    pub fn bin_count(&self) -> usize {
        self.bin_count
    }

    /// Returns the number of neurons.
    #[must_use]
    pub fn neurons(&self) -> usize {
        self.bins.len().checked_div(self.rows).unwrap_or(0)
    }

    /// Returns whether the layer has a value that is not finite.
    #[must_use]
    pub fn masked(&self) -> bool {
        self.masked
    }

    /// Returns the bins of one neuron.
    ///
    /// # Panics
    /// If the neuron does not exist.
    #[must_use]
    pub fn column(&self, neuron: usize) -> &[u16] {
        &self.bins[neuron * self.rows..(neuron + 1) * self.rows]
    }
}

/// One neuron's counts over its own finite rows.
#[derive(Clone, Debug, Default)]
pub struct Marginal {
    /// Rows in each bin.
    pub counts: Vec<u64>,
    /// Finite rows.
    pub rows: u64,
    /// Sum of the terms of the counts.
    pub sum: TermSum,
}

impl Marginal {
    /// Counts the bins of one neuron.
    ///
    /// # Panics
    /// If a bin is out of range or there are more rows than `terms` covers.
    #[must_use]
    pub fn of(bins: &[u16], bin_count: usize, terms: &Terms) -> Self {
        let counts = super::binning::bin_counts(bins, bin_count);
        let sum = terms.sum(counts.iter().copied());
        Self { rows: counts.iter().sum(), counts, sum }
    }
}

/// The planes of a layer, for both sides of a pair.
#[derive(Debug)]
pub struct BitMatrix {
    first: usize,
    planes: usize,
    words: usize,
    left: Vec<u64>,
    panels: Vec<Lanes>,
    right_cumulative: Vec<Lanes>,
    bin_count: usize,
}

impl BitMatrix {
    /// Builds the planes of a layer whose marginals are known.
    ///
    /// # Cost
    /// One comparison per 16 to 32 rows of each plane, and `planes * rows / 4` bytes per neuron.
    ///
    /// # Panics
    /// If there is not one marginal per neuron.
    #[must_use]
    pub fn of(layer: &BinnedLayer, marginals: &[Marginal], kernel: Kernel) -> Self {
        assert_eq!(marginals.len(), layer.neurons(), "there must be one marginal per neuron");
        let first = usize::from(!layer.masked());
        let planes = layer.bin_count() - first;
        let words = layer.rows().div_ceil(64);
        let size = words * planes;
        let mut left = vec![0; layer.neurons() * size];
        let panel_count = layer.neurons().div_ceil(LANES);
        let mut panels = vec![Lanes::default(); panel_count * size];
        let mut right_cumulative = vec![Lanes::default(); panel_count * layer.bin_count()];
        if size > 0 {
            let targets = left.par_chunks_mut(size * LANES).zip(panels.par_chunks_mut(size)).enumerate();
            targets.for_each(|(panel, (left, lanes))| {
                for (lane, left) in left.chunks_exact_mut(size).enumerate() {
                    kernel.thermometer(layer.column(panel * LANES + lane), first as u16, planes, left);
                    for (lanes, &word) in lanes.iter_mut().zip(left.iter()) {
                        lanes.0[lane] = word;
                    }
                }
            });
        }
        // A lane without a neuron is filled as a neuron that is always in bin 0, so that its table is valid.
        for bins in right_cumulative.chunks_exact_mut(layer.bin_count()) {
            bins[0] = Lanes([layer.rows() as u64; LANES]);
        }
        for (neuron, marginal) in marginals.iter().enumerate() {
            let target = &mut right_cumulative[neuron / LANES * layer.bin_count()..][..layer.bin_count()];
            let mut above = 0;
            for (cell, count) in target.iter_mut().zip(&marginal.counts).rev() {
                above += count;
                cell.0[neuron % LANES] = above;
            }
        }
        Self { first, planes, words, left, panels, right_cumulative, bin_count: layer.bin_count() }
    }

    /// Returns the number of panels of right neurons.
    #[must_use]
    pub fn panels(&self) -> usize {
        self.right_cumulative.len().checked_div(self.bin_count).unwrap_or(0)
    }

    /// Returns the planes of one neuron as a left side, word by word.
    #[must_use]
    pub fn left(&self, neuron: usize) -> &[u64] {
        let size = self.words * self.planes;
        &self.left[neuron * size..(neuron + 1) * size]
    }

    /// Writes the planes of other bins of the same layer (permuted rows, for example) as a left side.
    pub fn left_of(&self, bins: &[u16], planes: &mut Vec<u64>, kernel: Kernel) {
        planes.clear();
        planes.resize(self.words * self.planes, 0);
        kernel.thermometer(bins, self.first as u16, self.planes, planes);
    }

    /// Computes the cumulative joint counts of a left side with the eight neurons of a panel: `table[a * bin_count + b]` is the
    /// number of rows in bin `a` or above on the left and in bin `b` or above on the right.
    ///
    /// # Shape
    /// `left`: planes as from [`BitMatrix::left`]; `left_counts`: its rows per bin; `table`: `bin_count` squared.
    ///
    /// # Panics
    /// If a slice has the wrong length or the panel does not exist.
    pub fn cumulative_counts(&self, left: &[u64], left_counts: &[u64], panel: usize, table: &mut [Lanes], kernel: Kernel) {
        assert_eq!((left_counts.len(), table.len()), (self.bin_count, self.bin_count * self.bin_count), "bins");
        let size = self.words * self.planes;
        if self.first > 0 {
            let right = &self.right_cumulative[panel * self.bin_count..(panel + 1) * self.bin_count];
            let mut above = 0;
            for (row, count) in table.chunks_exact_mut(self.bin_count).zip(left_counts).rev() {
                above += count;
                row[0] = Lanes([above; LANES]);
            }
            table[..self.bin_count].copy_from_slice(right);
        }
        let inner = &mut table[self.first * self.bin_count + self.first..];
        let panel = &self.panels[panel * size..(panel + 1) * size];
        kernel.joint_counts(left, self.planes, panel, self.planes, inner, self.bin_count);
    }
}
