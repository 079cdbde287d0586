//! Nearest neighbours along a sorted axis, eight points at a time.
//!
//! Eight adjacent points on the axis walk outwards together, one step right and one step left at a time, each in its own lane.
//! There is no horizontal operation, and one unpredictable branch for eight points. The plain code is compiled once for each
//! instruction set, which turns the lanes into registers. It only subtracts and compares, so all variants agree.

#![allow(
    clippy::inline_always,
    reason = "only code inlined into the function that enables an instruction set is compiled for it"
)]

use super::lanes::LANES;

/// Stride of a count along the axis before it narrows down.
pub(super) const STRIDE: usize = 16;

/// Padding needed on either side of `rows` sorted values.
#[must_use]
pub fn padding(rows: usize) -> usize {
    rows.next_multiple_of(LANES) + 2 * STRIDE + LANES
}

type Lane = [f64; LANES];

#[inline(always)]
#[expect(clippy::expect_used, reason = "both axes are padded by more than a vector beyond every index that is loaded")]
fn load(values: &[f64], at: usize) -> Lane {
    *values[at..].first_chunk().expect("the axis is padded on both sides")
}

/// Inserts each lane's distance into its `K` smallest so far, which are ascending.
#[inline(always)]
fn insert<const K: usize>(smallest: &mut [Lane; K], distance: Lane) {
    let mut rest = distance;
    for level in smallest.iter_mut() {
        for lane in 0..LANES {
            let (new, old) = (rest[lane], level[lane]);
            let closer = new < old;
            level[lane] = if closer { new } else { old };
            rest[lane] = if closer { old } else { new };
        }
    }
}

/// Chebyshev distance of each point to its `K`-th nearest neighbour, for the points `first..first + 8` of the sorted order.
///
/// `along`: the axis, ascending, padded with -inf before and inf behind; `across`: the other coordinate in the same order, padded with any
/// finite values. A lane with `wanted` false does not prolong the walk, and its result is arbitrary.
#[inline(always)]
pub(super) fn kth_distance<const K: usize>(
    along: &[f64],
    across: &[f64],
    padding: usize,
    first: usize,
    wanted: [bool; LANES],
) -> Lane {
    let at = padding + first;
    let (x, y) = (load(along, at), load(across, at));
    let mut smallest = [[f64::INFINITY; LANES]; K];
    for level in &mut smallest {
        for lane in 0..LANES {
            // No distance is below -1, so an unwanted lane is done from the start.
            level[lane] = if wanted[lane] { f64::INFINITY } else { -1.0 };
        }
    }
    let mut step = 1;
    loop {
        let (right_x, right_y) = (load(along, at + step), load(across, at + step));
        let (left_x, left_y) = (load(along, at - step), load(across, at - step));
        let (mut right, mut left) = ([0.0; LANES], [0.0; LANES]);
        let mut nearer = [0.0; LANES];
        for lane in 0..LANES {
            let (right_dx, left_dx) = (right_x[lane] - x[lane], x[lane] - left_x[lane]);
            let (right_dy, left_dy) = ((right_y[lane] - y[lane]).abs(), (left_y[lane] - y[lane]).abs());
            right[lane] = if right_dx > right_dy { right_dx } else { right_dy };
            left[lane] = if left_dx > left_dy { left_dx } else { left_dy };
            nearer[lane] = if right_dx < left_dx { right_dx } else { left_dx };
        }
        insert(&mut smallest, right);
        insert(&mut smallest, left);
        // If a step along the axis is not closer than the K-th neighbour, no point beyond it is either. Lanes after the last point hold
        // inf - inf here, which does not compare as less than anything.
        let mut open = false;
        for lane in 0..LANES {
            open |= nearer[lane] < smallest[K - 1][lane];
        }
        if !open {
            return smallest[K - 1];
        }
        step += 1;
    }
}

/// How many points lie within `radius` on the axis, the point itself included, for the points `first..first + 8`.
///
/// `along`: ascending, padded with -inf before and inf behind.
#[inline(always)]
pub(super) fn count_within(along: &[f64], padding: usize, first: usize, radius: Lane) -> [u64; LANES] {
    let at = padding + first;
    let x = load(along, at);
    let (mut right, mut left) = ([0; LANES], [0; LANES]);
    for strides in 1..=(along.len() - at - LANES) / STRIDE {
        let there = load(along, at + strides * STRIDE);
        let mut open = 0;
        for lane in 0..LANES {
            let within = u64::from(there[lane] - x[lane] <= radius[lane]);
            right[lane] += within * STRIDE as u64;
            open |= within;
        }
        if open == 0 {
            break;
        }
    }
    for strides in 1..=at / STRIDE {
        let there = load(along, at - strides * STRIDE);
        let mut open = 0;
        for lane in 0..LANES {
            let within = u64::from(x[lane] - there[lane] <= radius[lane]);
            left[lane] += within * STRIDE as u64;
            open |= within;
        }
        if open == 0 {
            break;
        }
    }
    // Each lane's border is now less than a stride beyond its position: four halvings find it.
    for half in [8, 4, 2, 1] {
        for lane in 0..LANES {
            let place = at + lane;
            let further_right = (place + (right[lane] + half) as usize).min(along.len() - 1);
            let further_left = place.saturating_sub((left[lane] + half) as usize);
            right[lane] += half * u64::from(along[further_right] - x[lane] <= radius[lane]);
            left[lane] += half * u64::from(x[lane] - along[further_left] <= radius[lane]);
        }
    }
    let mut counts = [0; LANES];
    for lane in 0..LANES {
        counts[lane] = right[lane] + left[lane] + 1;
    }
    counts
}
