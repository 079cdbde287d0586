//! The reference variant, which also runs on processors without a variant of their own. Argument shapes: see [`Kernel`](super::Kernel).

#![allow(
    clippy::inline_always,
    reason = "only code inlined into the function that enables an instruction set is compiled for it"
)]

use super::lanes::{LANES, Lanes};
use super::neighbours;

/// Joint counts, word by word and plane by plane.
pub(super) fn joint_counts(
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
    for (left, right) in left.chunks_exact(left_planes).zip(panel.chunks_exact(right_planes)) {
        for (a, &left) in left.iter().enumerate() {
            for (cell, right) in table[a * stride..].iter_mut().zip(right) {
                for lane in 0..LANES {
                    cell.0[lane] += u64::from((left & right.0[lane]).count_ones());
                }
            }
        }
    }
}

/// Sum of the terms of all cells; a cell is the second difference of the cumulative counts.
pub(super) fn sum_over_cells(cumulative: &[Lanes], left_bins: usize, right_bins: usize, terms: &[u64]) -> Lanes {
    let mut sum = Lanes::default();
    let at = |a: usize, b: usize, lane: usize| {
        if a < left_bins && b < right_bins { cumulative[a * right_bins + b].0[lane] } else { 0 }
    };
    for a in 0..left_bins {
        for b in 0..right_bins {
            for lane in 0..LANES {
                let above = at(a, b + 1, lane).wrapping_sub(at(a + 1, b + 1, lane));
                let count = at(a, b, lane).wrapping_sub(at(a + 1, b, lane)).wrapping_sub(above);
                sum.0[lane] = sum.0[lane].wrapping_add(terms[count as usize]);
            }
        }
    }
    sum
}

/// Thermometer planes, row by row.
pub(super) fn thermometer(bins: &[u16], first: u16, planes: usize, planes_out: &mut [u64]) {
    planes_out.fill(0);
    for (rows, words) in bins.chunks(64).zip(planes_out.chunks_exact_mut(planes.max(1))) {
        for (row, &bin) in rows.iter().enumerate() {
            if bin == crate::kernels::lanes::MASKED {
                continue;
            }
            let set = usize::from((bin + 1).saturating_sub(first)).min(planes);
            for word in &mut words[..set] {
                *word |= 1 << row;
            }
        }
    }
}

/// Counts the thresholds that are not above each value.
#[inline(always)]
pub(super) fn bins_of_f32(values: &[f32], thresholds: &[f32], bins: &mut [u16]) {
    match EvenThresholds::of(thresholds) {
        Some(even) => bins.iter_mut().zip(values).for_each(|(bin, &value)| *bin = even.count(value)),
        None => compare_with_each(values, thresholds, bins),
    }
}

/// Thresholds spaced so evenly that the index of a value can be computed to within one and then looked up.
struct EvenThresholds {
    first: f32,
    per_step: f32,
    /// Each threshold and the next one.
    pairs: Vec<[f32; 2]>,
}

impl EvenThresholds {
    /// With fewer thresholds, comparing with each is faster.
    const WORTHWHILE: usize = 24;

    fn of(thresholds: &[f32]) -> Option<Self> {
        let (&first, &last) = (thresholds.first()?, thresholds.last()?);
        if thresholds.len() < Self::WORTHWHILE {
            return None;
        }
        let per_step = (thresholds.len() - 1) as f32 / (last - first);
        let pairs = thresholds.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        let even = EvenThresholds { first, per_step, pairs };
        // `guess` does not decrease, so checking it at the thresholds bounds the error in between: at most one everywhere.
        let is_close = |(place, &threshold): (usize, &f32)| (place as i32..=place as i32 + 1).contains(&even.guess(threshold));
        (per_step > 0.0 && thresholds.iter().enumerate().all(is_close)).then_some(even)
    }

    /// Returns about how many thresholds are not above a value.
    #[inline(always)]
    fn guess(&self, value: f32) -> i32 {
        ((value - self.first) * self.per_step + 0.5) as i32
    }

    #[inline(always)]
    fn count(&self, value: f32) -> u16 {
        let below = self.guess(value).clamp(1, self.pairs.len() as i32) - 1;
        let [lower, upper] = self.pairs[below as usize];
        below as u16 + u16::from(value >= lower) + u16::from(value >= upper)
    }
}

/// Compares many values at a time with a few thresholds.
#[inline(always)]
fn compare_with_each(values: &[f32], thresholds: &[f32], bins: &mut [u16]) {
    const BLOCK: usize = 64;
    for (values, bins) in values.chunks(BLOCK).zip(bins.chunks_mut(BLOCK)) {
        let mut counts = [0_u32; BLOCK];
        for &threshold in thresholds {
            for (count, &value) in counts.iter_mut().zip(values) {
                *count += u32::from(value >= threshold);
            }
        }
        for (bin, count) in bins.iter_mut().zip(counts) {
            *bin = count as u16;
        }
    }
}

/// Distance to the `k`-th nearest neighbour; selects the loop compiled for this `k`.
#[inline(always)]
pub(super) fn kth_distance(
    k: usize,
    along: &[f64],
    across: &[f64],
    padding: usize,
    first: usize,
    wanted: [bool; LANES],
) -> [f64; LANES] {
    macro_rules! made_for {
        ($($k:literal)+) => {
            match k {
                $($k => neighbours::kth_distance::<$k>(along, across, padding, first, wanted),)+
                _ => panic!("{k} neighbours are not in 1..={}", super::lanes::NEIGHBOURS_LIMIT),
            }
        };
    }
    made_for!(1 2 3 4 5 6 7 8 9 10)
}
