//! AVX-512 with VPOPCNTDQ: eight pairs per register.
//!
//! Each lane belongs to one right neuron throughout, so nothing is added across lanes. Counting keeps a tile of up to 3 x 9 plane
//! pairs in registers (27 sums, 3 left words, 1 right word, 1 product: all 32), and loads only the 3 + 9 words. The vector units
//! have to do an AND, a VPOPCNTQ and an addition for each 512 bits, and this bounds the speed.
#![allow(unsafe_code, reason = "intrinsics that read memory and functions for one instruction set are unsafe")]
#![allow(clippy::wildcard_imports, reason = "the names of intrinsics identify their module")]

use std::arch::x86_64::*;

use crate::kernels::lanes::{LANES, Lanes};

/// Maximum number of left planes and of right planes in a tile.
const TILE_HEIGHT: usize = 3;
const TILE_WIDTH: usize = 9;

/// Words after which a tile's sums are written to the table, so that a chunk of the panel stays in the first-level cache while
/// all tiles use it: 32 words x 9 planes x 64 bytes are 18 KiB of 48.
const CHUNK_WORDS: usize = 32;

/// Returns whether the processor supports everything that this file uses.
pub(in crate::kernels) fn supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vpopcntdq")
}

/// Joint counts; shapes as in [`Kernel::joint_counts`](crate::kernels::Kernel::joint_counts).
///
/// # Safety
/// The processor must have the features named below, `left` and `panel` must hold whole numbers of words with their planes, and
/// `table` must hold `left_planes` rows at `stride`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
pub(in crate::kernels) unsafe fn joint_counts(
    left: &[u64],
    left_planes: usize,
    panel: &[Lanes],
    right_planes: usize,
    table: &mut [Lanes],
    stride: usize,
) {
    let words = left.len() / left_planes;
    let widths = right_planes.div_ceil(TILE_WIDTH);
    let heights = left_planes.div_ceil(TILE_HEIGHT);
    for first_word in (0..words).step_by(CHUNK_WORDS).chain((words == 0).then_some(0)) {
        let chunk = Chunk {
            left: left[first_word * left_planes..].as_ptr(),
            left_planes,
            panel: panel[first_word * right_planes..].as_ptr(),
            right_planes,
            words: CHUNK_WORDS.min(words - first_word),
            table: table.as_mut_ptr(),
            stride,
            continued: first_word > 0,
        };
        for width in 0..widths {
            let (b, next_b) = (width * right_planes / widths, (width + 1) * right_planes / widths);
            for height in 0..heights {
                let (a, next_a) = (height * left_planes / heights, (height + 1) * left_planes / heights);
                // SAFETY: a..next_a and b..next_b are within the planes, and the caller guarantees that the slices hold these.
                unsafe { chunk.tile(a, next_a - a, b, next_b - b) };
            }
        }
    }
}

/// A range of words of one left neuron and one panel, and the table that receives their counts.
struct Chunk {
    left: *const u64,
    left_planes: usize,
    panel: *const Lanes,
    right_planes: usize,
    words: usize,
    table: *mut Lanes,
    stride: usize,
    continued: bool,
}

macro_rules! dispatch_tile {
    ($chunk:expr, $a:expr, $height:expr, $b:expr, $width:expr; $($h:literal: $($w:literal)+;)+) => {
        match ($height, $width) {
            // SAFETY: the constants equal the extents that the caller guarantees.
            $($(($h, $w) => unsafe { $chunk.count::<$h, $w>($a, $b) },)+)+
            _ => unreachable!("tiles are at most {TILE_HEIGHT} x {TILE_WIDTH}"),
        }
    };
}

impl Chunk {
    /// Counts the plane pairs `a..a + height` x `b..b + width`.
    ///
    /// # Safety
    /// The planes must exist and the processor must have the features.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
    unsafe fn tile(&self, a: usize, height: usize, b: usize, width: usize) {
        dispatch_tile!(self, a, height, b, width;
            1: 1 2 3 4 5 6 7 8 9;
            2: 1 2 3 4 5 6 7 8 9;
            3: 1 2 3 4 5 6 7 8 9;
        );
    }

    /// # Safety
    /// As [`Chunk::tile`].
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
    unsafe fn count<const HEIGHT: usize, const WIDTH: usize>(&self, a: usize, b: usize) {
        let mut sums = [[_mm512_setzero_si512(); WIDTH]; HEIGHT];
        // SAFETY: every address is inside the words, planes and table rows that the caller guarantees; `Lanes` is aligned to 64.
        unsafe {
            let mut left = self.left.wrapping_add(a);
            let mut right = self.panel.wrapping_add(b);
            for _ in 0..self.words {
                let mut left_words = [_mm512_setzero_si512(); HEIGHT];
                for (h, word) in left_words.iter_mut().enumerate() {
                    *word = _mm512_set1_epi64(left.add(h).read().cast_signed());
                }
                for w in 0..WIDTH {
                    let right_words = _mm512_load_si512(right.add(w).cast());
                    for (sums, &left_words) in sums.iter_mut().zip(&left_words) {
                        let both = _mm512_and_si512(left_words, right_words);
                        sums[w] = _mm512_add_epi64(sums[w], _mm512_popcnt_epi64(both));
                    }
                }
                left = left.wrapping_add(self.left_planes);
                right = right.wrapping_add(self.right_planes);
            }
            for (h, sums) in sums.iter().enumerate() {
                for (w, &sum) in sums.iter().enumerate() {
                    let cell = self.table.add((a + h) * self.stride + b + w).cast::<__m512i>();
                    let before = if self.continued { _mm512_load_si512(cell) } else { _mm512_setzero_si512() };
                    _mm512_store_si512(cell, _mm512_add_epi64(before, sum));
                }
            }
        }
    }
}

/// Sums the terms of all cells; shapes as in [`Kernel::sum_over_cells`](crate::kernels::Kernel::sum_over_cells).
///
/// # Safety
/// The processor must have the features named below, `cumulative` must be `left_bins * right_bins` long, and `terms` must not be
/// empty. Indices are clamped, so a table that is not cumulative gives a wrong sum but no invalid access.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
pub(in crate::kernels) unsafe fn sum_over_cells(
    cumulative: &[Lanes],
    left_bins: usize,
    right_bins: usize,
    terms: &[u64],
) -> Lanes {
    let zero = _mm512_setzero_si512();
    let last = _mm512_set1_epi64((terms.len() - 1) as i64);
    let base = terms.as_ptr().cast::<i64>();
    let mut sums = [zero; 2];
    for a in 0..left_bins {
        let row = &cumulative[a * right_bins..(a + 1) * right_bins];
        let next = cumulative.get((a + 1) * right_bins..(a + 2) * right_bins);
        let mut above = zero;
        for b in (0..right_bins).rev() {
            // SAFETY: both rows are `right_bins` long and `Lanes` is aligned to 64.
            let (here, below) = unsafe {
                let here = _mm512_load_si512(row.as_ptr().add(b).cast());
                (here, next.map_or(zero, |next| _mm512_load_si512(next.as_ptr().add(b).cast())))
            };
            let from_b = _mm512_sub_epi64(here, below);
            let count = _mm512_min_epu64(_mm512_sub_epi64(from_b, above), last);
            above = from_b;
            // SAFETY: every index is clamped to the last term.
            let term = unsafe { _mm512_i64gather_epi64::<8>(count, base) };
            sums[b % 2] = _mm512_add_epi64(sums[b % 2], term);
        }
    }
    let mut sum = Lanes([0; LANES]);
    // SAFETY: `sum` is 64 bytes long and aligned to 64.
    unsafe { _mm512_store_si512((&raw mut sum).cast(), _mm512_add_epi64(sums[0], sums[1])) };
    sum
}

/// Thermometer planes, 32 rows per comparison; shapes as in [`Kernel::thermometer`](crate::kernels::Kernel::thermometer).
///
/// # Safety
/// The processor must have the features named below, and `planes_out` must hold `ceil(rows / 64) * planes` words.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
pub(in crate::kernels) unsafe fn thermometer(bins: &[u16], first: u16, planes: usize, planes_out: &mut [u64]) {
    let masked = _mm512_set1_epi16(crate::kernels::lanes::MASKED.cast_signed());
    for (rows, words) in bins.chunks(64).zip(planes_out.chunks_exact_mut(planes.max(1))) {
        // Rows beyond the last one load as masked, which sets no plane.
        let present = u64::MAX >> (64 - rows.len());
        // SAFETY: the mask keeps every load within `rows`.
        let (low, high) = unsafe {
            let low = _mm512_mask_loadu_epi16(masked, present as u32, rows.as_ptr().cast());
            let rest = rows.as_ptr().wrapping_add(32).cast();
            (low, _mm512_mask_loadu_epi16(masked, (present >> 32) as u32, rest))
        };
        let finite_low = _mm512_cmpneq_epu16_mask(low, masked);
        let finite_high = _mm512_cmpneq_epu16_mask(high, masked);
        for (plane, word) in words.iter_mut().enumerate() {
            let edge = _mm512_set1_epi16((first + plane as u16).cast_signed());
            let set_low = _mm512_mask_cmpge_epu16_mask(finite_low, low, edge);
            let set_high = _mm512_mask_cmpge_epu16_mask(finite_high, high, edge);
            *word = u64::from(set_low) | u64::from(set_high) << 32;
        }
    }
}

/// Bins from thresholds: the scalar loop, compiled for these instructions.
///
/// # Safety
/// The processor must have the features named below.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
pub(in crate::kernels) unsafe fn bins_of_f32(values: &[f32], thresholds: &[f32], bins: &mut [u16]) {
    crate::kernels::scalar::bins_of_f32(values, thresholds, bins);
}
