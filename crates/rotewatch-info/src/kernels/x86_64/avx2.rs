//! AVX2: four pairs per register, population counts by looking up half-bytes.
//!
//! AVX2 has no population count of a vector. Two shuffles give each byte's count (Mula, Kurz, Lemire 2018, section 4.1). The
//! counts are added in bytes for as long as these cannot overflow; only then are the bytes of a lane
//! summed (VPSADBW).
#![allow(unsafe_code, reason = "intrinsics that read memory and functions for one instruction set are unsafe")]
#![allow(clippy::wildcard_imports, reason = "the names of intrinsics identify their module")]

use std::arch::x86_64::*;

use crate::kernels::lanes::{LANES, Lanes};

/// A byte gains at most 8 per word, so it can hold the counts of 31 words.
const WORDS_A_BYTE_HOLDS: usize = 31;

/// Returns whether the processor supports everything that this file uses.
pub(in crate::kernels) fn supported() -> bool {
    is_x86_feature_detected!("avx2")
}

/// Joint counts; shapes as in [`Kernel::joint_counts`](crate::kernels::Kernel::joint_counts).
///
/// # Safety
/// The processor must have AVX2, `left` and `panel` must hold whole numbers of words with their planes, and `table` must hold
/// `left_planes` rows at `stride`.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn joint_counts(
    left: &[u64],
    left_planes: usize,
    panel: &[Lanes],
    right_planes: usize,
    table: &mut [Lanes],
    stride: usize,
) {
    for a in 0..left_planes {
        table[a * stride..a * stride + right_planes].fill(Lanes::default());
    }
    let left_chunks = left.chunks(left_planes * WORDS_A_BYTE_HOLDS);
    let right_chunks = panel.chunks(right_planes * WORDS_A_BYTE_HOLDS);
    for (left, panel) in left_chunks.zip(right_chunks) {
        for b in 0..right_planes {
            let mut a = 0;
            while a + 3 <= left_planes {
                // SAFETY: planes a..a + 3 and b exist, and so do their cells.
                unsafe { count::<3>(left, left_planes, a, panel, right_planes, b, table, stride) };
                a += 3;
            }
            while a < left_planes {
                // SAFETY: planes a and b exist, and so does their cell.
                unsafe { count::<1>(left, left_planes, a, panel, right_planes, b, table, stride) };
                a += 1;
            }
        }
    }
}

/// Adds the counts of left planes `a..a + HEIGHT` with right plane `b` to the table.
///
/// # Safety
/// As [`joint_counts`], with at most [`WORDS_A_BYTE_HOLDS`] words.
#[target_feature(enable = "avx2")]
#[allow(clippy::too_many_arguments)]
unsafe fn count<const HEIGHT: usize>(
    left: &[u64],
    left_planes: usize,
    a: usize,
    panel: &[Lanes],
    right_planes: usize,
    b: usize,
    table: &mut [Lanes],
    stride: usize,
) {
    let zero = _mm256_setzero_si256();
    let low_half = _mm256_set1_epi8(0x0f);
    let ones = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    let mut sums = [[zero; 2]; HEIGHT];
    for (left, right) in left.chunks_exact(left_planes).zip(panel.chunks_exact(right_planes)) {
        let right = &right[b].0;
        // SAFETY: eight words are two loads of four.
        let halves =
            unsafe { [_mm256_loadu_si256(right.as_ptr().cast()), _mm256_loadu_si256(right[LANES / 2..].as_ptr().cast())] };
        for (sums, &word) in sums.iter_mut().zip(&left[a..a + HEIGHT]) {
            let word = _mm256_set1_epi64x(word.cast_signed());
            for (sum, half) in sums.iter_mut().zip(halves) {
                let both = _mm256_and_si256(word, half);
                let low = _mm256_shuffle_epi8(ones, _mm256_and_si256(both, low_half));
                let high = _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16::<4>(both), low_half));
                *sum = _mm256_add_epi8(*sum, _mm256_add_epi8(low, high));
            }
        }
    }
    for (h, sums) in sums.iter().enumerate() {
        let cell = &mut table[(a + h) * stride + b].0;
        for (half, &sum) in cell.as_chunks_mut::<{ LANES / 2 }>().0.iter_mut().zip(sums) {
            // SAFETY: half a cell is four words, and every bit pattern of a register is a valid word.
            let of_chunk = unsafe { std::mem::transmute::<__m256i, [u64; LANES / 2]>(_mm256_sad_epu8(sum, zero)) };
            for (total, word) in half.iter_mut().zip(of_chunk) {
                *total += word;
            }
        }
    }
}

/// Sums the terms of all cells; shapes as in [`Kernel::sum_over_cells`](crate::kernels::Kernel::sum_over_cells).
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn sum_over_cells(
    cumulative: &[Lanes],
    left_bins: usize,
    right_bins: usize,
    terms: &[u64],
) -> Lanes {
    let mut sum = Lanes::default();
    for a in 0..left_bins {
        let row = &cumulative[a * right_bins..(a + 1) * right_bins];
        let next = cumulative.get((a + 1) * right_bins..(a + 2) * right_bins);
        let mut above = [0; LANES];
        for b in (0..right_bins).rev() {
            let below = next.map_or([0; LANES], |next| next[b].0);
            for lane in 0..LANES {
                let from_b = row[b].0[lane].wrapping_sub(below[lane]);
                let count = from_b.wrapping_sub(above[lane]);
                above[lane] = from_b;
                sum.0[lane] = sum.0[lane].wrapping_add(terms[count as usize]);
            }
        }
    }
    sum
}

/// Thermometer planes, 16 rows per comparison; shapes as in [`Kernel::thermometer`](crate::kernels::Kernel::thermometer).
///
/// # Safety
/// The processor must have AVX2, and `planes_out` must hold `ceil(rows / 64) * planes` words.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn thermometer(bins: &[u16], first: u16, planes: usize, planes_out: &mut [u64]) {
    let masked = _mm256_set1_epi16(crate::kernels::lanes::MASKED.cast_signed());
    for (rows, words) in bins.chunks(64).zip(planes_out.chunks_exact_mut(planes.max(1))) {
        let mut padded = [crate::kernels::lanes::MASKED; 64];
        padded[..rows.len()].copy_from_slice(rows);
        for (plane, word) in words.iter_mut().enumerate() {
            let edge = _mm256_set1_epi16((first + plane as u16).cast_signed());
            let at_least = |rows: &[u16]| {
                // SAFETY: every chunk below is 16 rows long.
                let bins = unsafe { _mm256_loadu_si256(rows.as_ptr().cast()) };
                let reached = _mm256_cmpeq_epi16(_mm256_max_epu16(bins, edge), bins);
                _mm256_andnot_si256(_mm256_cmpeq_epi16(bins, masked), reached)
            };
            *word = 0;
            for (part, rows) in padded.chunks_exact(32).enumerate() {
                let (low, high) = (at_least(&rows[..16]), at_least(&rows[16..]));
                // Packing works within halves of the register, so the quarters come out in the order 0, 2, 1, 3.
                let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(low, high));
                *word |= u64::from(_mm256_movemask_epi8(packed).cast_unsigned()) << (32 * part);
            }
        }
    }
}

/// Bins from thresholds: the scalar loop, compiled for these instructions.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn bins_of_f32(values: &[f32], thresholds: &[f32], bins: &mut [u16]) {
    crate::kernels::scalar::bins_of_f32(values, thresholds, bins);
}

/// Distance to the `k`-th nearest neighbour: the plain code, compiled for these instructions.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn kth_distance(
    k: usize,
    along: &[f64],
    across: &[f64],
    padding: usize,
    first: usize,
    wanted: [bool; LANES],
) -> [f64; LANES] {
    crate::kernels::scalar::kth_distance(k, along, across, padding, first, wanted)
}

/// Points within a radius on an axis: the plain code, compiled for these instructions.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(in crate::kernels) unsafe fn count_within(along: &[f64], padding: usize, first: usize, radius: [f64; LANES]) -> [u64; LANES] {
    crate::kernels::neighbours::count_within(along, padding, first, radius)
}
