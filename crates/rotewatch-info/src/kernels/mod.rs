//! The innermost loops, in one variant for each instruction set. All variants give the same result.
//!
//! Everything that a kernel returns is computed from integers, so "the same" means the same bits: nothing is rounded, so the order
//! does not matter. [`scalar`] is the reference, and runs on processors without a variant of their own.
//!
//! [`Kernel::get`] chooses a variant once: the widest that the processor supports, or the one that the environment variable
//! `ROTEWATCH_KERNEL` names (`scalar`, `avx2` or `avx512`).
//!
//! This is the only module with `unsafe` code. Each file under `x86_64` uses one instruction set; its functions may be called only
//! if the processor supports it. A [`Kernel`] of that variant proves this, because it cannot be created otherwise.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "calling code for an instruction set is unsafe; a Kernel of that variant proves the support")
)]
#![expect(
    clippy::indexing_slicing,
    reason = "indices of lanes, planes, cells and points stay below sizes that the entry points check, or document as a panic"
)]

mod lanes;
pub mod neighbours;
pub mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use std::sync::OnceLock;

pub use lanes::{LANES, Lanes, MASKED, NEIGHBOURS_LIMIT};

/// Name of the environment variable that forces a variant.
pub const KERNEL_VARIABLE: &str = "ROTEWATCH_KERNEL";

/// An instruction set with a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// A variant that this processor can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Variant);

/// Why the requested variant is not available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// There is no variant of this name.
    #[error("{KERNEL_VARIABLE}={name} is not a kernel: use scalar, avx2 or avx512")]
    Unknown {
        /// The requested variant.
        name: String,
    },
    /// The processor lacks the instructions.
    #[error("{KERNEL_VARIABLE}={name} is not supported by this processor: use {available}")]
    Unsupported {
        /// The requested variant.
        name: String,
        /// The available variants.
        available: String,
    },
}

impl Kernel {
    /// Returns the variant that this process uses: the forced one, or the widest. Chosen at the first call.
    ///
    /// A forced variant that is not available is ignored with a warning; call [`Kernel::from_environment`] first to reject it.
    #[must_use]
    pub fn get() -> Self {
        static CHOSEN: OnceLock<Kernel> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            Self::from_environment().unwrap_or_else(|error| {
                tracing::warn!(%error, "using the widest kernel instead");
                Self::widest()
            })
        })
    }

    /// Returns the variant that `ROTEWATCH_KERNEL` names, or the widest if it is not set.
    ///
    /// # Errors
    /// If the name is unknown or the processor cannot run it.
    pub fn from_environment() -> Result<Self, KernelError> {
        match std::env::var(KERNEL_VARIABLE) {
            Ok(name) if !name.is_empty() => Self::named(&name),
            _ => Ok(Self::widest()),
        }
    }

    /// Returns the variant of this name.
    ///
    /// # Errors
    /// If the name is unknown or the processor cannot run it.
    pub fn named(name: &str) -> Result<Self, KernelError> {
        if let Some(kernel) = Self::available().into_iter().find(|kernel| kernel.name() == name) {
            return Ok(kernel);
        }
        if !["scalar", "avx2", "avx512"].contains(&name) {
            return Err(KernelError::Unknown { name: name.to_owned() });
        }
        let available = Self::available().iter().map(|kernel| kernel.name()).collect::<Vec<_>>().join(", ");
        Err(KernelError::Unsupported { name: name.to_owned(), available })
    }

    /// Returns the variants that this processor can run, the scalar one first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut kernels = vec![Self(Variant::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            if x86_64::avx2::supported() {
                kernels.push(Self(Variant::Avx2));
            }
            if x86_64::avx512::supported() {
                kernels.push(Self(Variant::Avx512));
            }
        }
        kernels
    }

    #[expect(clippy::expect_used, reason = "`available` begins with the scalar variant")]
    fn widest() -> Self {
        Self::available().pop().expect("the scalar variant is always available")
    }

    /// Returns the name as in `ROTEWATCH_KERNEL`, the log and `build_info`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Variant::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512 => "avx512",
        }
    }

    /// Returns the largest number of bins for which counting on bit planes is faster than counting row by row.
    #[must_use]
    pub fn widest_bit_table(self) -> usize {
        match self.0 {
            Variant::Scalar => 7,
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => 12,
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512 => 32,
        }
    }

    /// Counts the rows that are set both in a plane of a left neuron and in a plane of a right neuron, for all planes of both and
    /// eight right neurons.
    ///
    /// # Shape
    /// `left`: words x left planes, the planes of one word side by side. `panel`: words x right planes of [`Lanes`], likewise.
    /// `table[a * stride + b]` receives the counts of left plane `a` with right plane `b`, one lane per right neuron.
    ///
    /// # Cost
    /// An AND, a population count and an addition for each word of each pair of planes. `benches/record` has the cycles.
    ///
    /// # Panics
    /// If the lengths of the slices do not match the numbers of planes.
    pub fn joint_counts(
        self,
        left: &[u64],
        left_planes: usize,
        panel: &[Lanes],
        right_planes: usize,
        table: &mut [Lanes],
        stride: usize,
    ) {
        if left_planes == 0 || right_planes == 0 {
            return;
        }
        let words = left.len() / left_planes;
        assert_eq!(left.len(), words * left_planes, "left words x planes");
        assert_eq!(panel.len(), words * right_planes, "right words x planes");
        assert!(right_planes <= stride && table.len() >= (left_planes - 1) * stride + right_planes, "table");
        match self.0 {
            Variant::Scalar => scalar::joint_counts(left, left_planes, panel, right_planes, table, stride),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX2; the lengths were checked above.
            Variant::Avx2 => unsafe {
                x86_64::avx2::joint_counts(left, left_planes, panel, right_planes, table, stride);
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX-512 with VPOPCNTDQ; the lengths were checked above.
            Variant::Avx512 => unsafe {
                x86_64::avx512::joint_counts(left, left_planes, panel, right_planes, table, stride);
            },
        }
    }

    /// Sums a term over the cells of a joint table that is given by its cumulative counts.
    ///
    /// # Shape
    /// `cumulative[a * right_bins + b]`: how many rows are in left bin `a` or above and in right bin `b` or above, one lane per
    /// right neuron; `terms[n]`: the term of a cell with `n` rows. The result has one lane per right neuron of the panel.
    ///
    /// # Cost
    /// One look-up per cell.
    ///
    /// # Panics
    /// If the table is not `left_bins x right_bins`, or a count is beyond `terms`.
    #[must_use]
    pub fn sum_over_cells(self, cumulative: &[Lanes], left_bins: usize, right_bins: usize, terms: &[u64]) -> Lanes {
        assert_eq!(cumulative.len(), left_bins * right_bins, "left bins x right bins");
        let Some(all) = cumulative.first() else {
            return Lanes::default();
        };
        // Cumulative counts only decrease, so no cell has more rows than the first entry. With this check, every look-up is in bounds
        // for tables that are cumulative; the kernels mask or check the rest.
        assert!(all.0.iter().all(|&rows| (rows as usize) < terms.len()), "`terms` must have an entry for every count");
        match self.0 {
            Variant::Scalar => scalar::sum_over_cells(cumulative, left_bins, right_bins, terms),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX2; the lengths were checked above.
            Variant::Avx2 => unsafe { x86_64::avx2::sum_over_cells(cumulative, left_bins, right_bins, terms) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX-512; the lengths were checked above.
            Variant::Avx512 => unsafe { x86_64::avx512::sum_over_cells(cumulative, left_bins, right_bins, terms) },
        }
    }

    /// Returns the Chebyshev distance in the plane from each of the points `first..first + 8` to its `k`-th nearest neighbour.
    ///
    /// # Shape
    /// `along`: one coordinate, ascending, with [`padding(rows)`](neighbours::padding) times -inf before and inf behind it; `across`: the other
    /// coordinate in the same order, with as many zeros. Lanes after the last point, and lanes not `wanted`, hold arbitrary values.
    ///
    /// # Estimator
    /// `max(|dx|, |dy|)` in double precision; infinite if there are not `k` other points.
    ///
    /// # Cost
    /// Two distances per step and point, about `sqrt(k rows)` steps for independent coordinates of equal scale.
    ///
    /// # Panics
    /// If `k` is not in `1..=`[`NEIGHBOURS_LIMIT`] or the padding is too short.
    #[must_use]
    pub fn kth_distance(
        self,
        k: usize,
        along: &[f64],
        across: &[f64],
        padding: usize,
        first: usize,
        wanted: [bool; LANES],
    ) -> [f64; LANES] {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX-512.
            Variant::Avx512 => unsafe { x86_64::avx512_neighbours::kth_distance(k, along, across, padding, first, wanted) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX2.
            Variant::Avx2 => unsafe { x86_64::avx2::kth_distance(k, along, across, padding, first, wanted) },
            Variant::Scalar => scalar::kth_distance(k, along, across, padding, first, wanted),
        }
    }

    /// Returns how many points lie within `radius` of each of the points `first..first + 8` on a sorted axis, including the point itself.
    ///
    /// # Shape
    /// `along` as in [`Kernel::kth_distance`]; lanes after the last point hold arbitrary values.
    ///
    /// # Cost
    /// A comparison for every sixteen points within, and four more.
    ///
    /// # Panics
    /// If the padding is too short.
    #[must_use]
    pub fn count_within(self, along: &[f64], padding: usize, first: usize, radius: [f64; LANES]) -> [u64; LANES] {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX-512.
            Variant::Avx512 => unsafe { x86_64::avx512_neighbours::count_within(along, padding, first, radius) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX2.
            Variant::Avx2 => unsafe { x86_64::avx2::count_within(along, padding, first, radius) },
            Variant::Scalar => neighbours::count_within(along, padding, first, radius),
        }
    }

    /// Turns bins into thermometer planes: plane `p` of a row is set if its bin is at least `first + p`.
    ///
    /// # Shape
    /// `bins`: one per row; `MASKED` sets no plane. `planes_out`: `ceil(rows / 64)` words x `planes`, the planes of one word
    /// side by side; row `r` is bit `r % 64` of word `r / 64`, and bits beyond the last row are 0.
    ///
    /// # Panics
    /// If `planes_out` has the wrong length.
    pub fn thermometer(self, bins: &[u16], first: u16, planes: usize, planes_out: &mut [u64]) {
        assert_eq!(planes_out.len(), bins.len().div_ceil(64) * planes, "words x planes");
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX-512; the length was checked above.
            Variant::Avx512 => unsafe { x86_64::avx512::thermometer(bins, first, planes, planes_out) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX2; the length was checked above.
            Variant::Avx2 => unsafe { x86_64::avx2::thermometer(bins, first, planes, planes_out) },
            Variant::Scalar => scalar::thermometer(bins, first, planes, planes_out),
        }
    }

    /// Writes the number of ascending `thresholds` that are not above each value to `bins`.
    ///
    /// # Shape
    /// `bins`: as long as `values`, overwritten. NaN gets bin 0.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn bins_of_f32(self, values: &[f32], thresholds: &[f32], bins: &mut [u16]) {
        assert_eq!(values.len(), bins.len(), "one bin per value");
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX-512.
            Variant::Avx512 => unsafe { x86_64::avx512::bins_of_f32(values, thresholds, bins) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant exists, so the processor has AVX2.
            Variant::Avx2 => unsafe { x86_64::avx2::bins_of_f32(values, thresholds, bins) },
            Variant::Scalar => scalar::bins_of_f32(values, thresholds, bins),
        }
    }
}
