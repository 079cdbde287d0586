//! AVX-512: the walk to the nearest neighbours, eight points to a register.
//!
//! The plain code in [`neighbours`](crate::kernels::neighbours) is the reference. This file spells it out in intrinsics because
//! compilers split some of its minima into single lanes, which doubles the time.
#![allow(unsafe_code, reason = "intrinsics that read memory and functions for one instruction set are unsafe")]
#![allow(clippy::wildcard_imports, reason = "the names of intrinsics identify their module")]

use std::arch::x86_64::*;

use crate::kernels::lanes::LANES;
use crate::kernels::neighbours::STRIDE;

/// Distance to the `k`-th nearest neighbour; shapes as in [`Kernel::kth_distance`](crate::kernels::Kernel::kth_distance).
///
/// # Safety
/// The processor must have the features named below.
///
/// # Panics
/// If `k` is out of range, the slices differ in length or the padding is too short.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
pub(in crate::kernels) unsafe fn kth_distance(
    k: usize,
    along: &[f64],
    across: &[f64],
    padding: usize,
    first: usize,
    wanted: [bool; LANES],
) -> [f64; LANES] {
    if k != 3 {
        return crate::kernels::scalar::kth_distance(k, along, across, padding, first, wanted);
    }
    let at = padding + first;
    assert!(along.len() == across.len() && at + padding <= along.len(), "the axis must be padded on both sides");
    let wanted = wanted.iter().enumerate().fold(0, |mask, (lane, &wanted)| mask | __mmask8::from(wanted) << lane);
    // The walk goes at most as far as the shorter padding. There, every difference along the axis is infinite, so all lanes are done.
    let furthest = at.min(along.len() - at - LANES);
    let (along, across) = (along[at..].as_ptr(), across[at..].as_ptr());
    // SAFETY: both slices have eight values from `at` on.
    let (x, y) = unsafe { (_mm512_loadu_pd(along), _mm512_loadu_pd(across)) };
    // No distance is below -1, so an unwanted lane is done from the start.
    let mut first = _mm512_mask_blend_pd(wanted, _mm512_set1_pd(-1.0), _mm512_set1_pd(f64::INFINITY));
    let (mut second, mut third) = (first, first);
    for step in 1..=furthest {
        // SAFETY: `step` is at most `furthest`, so eight values lie on either side of `at` at this distance.
        let (right_x, right_y, left_x, left_y) = unsafe {
            (
                _mm512_loadu_pd(along.add(step)),
                _mm512_loadu_pd(across.add(step)),
                _mm512_loadu_pd(along.sub(step)),
                _mm512_loadu_pd(across.sub(step)),
            )
        };
        let (right_dx, left_dx) = (_mm512_sub_pd(right_x, x), _mm512_sub_pd(x, left_x));
        let right = _mm512_max_pd(right_dx, _mm512_abs_pd(_mm512_sub_pd(right_y, y)));
        let left = _mm512_max_pd(left_dx, _mm512_abs_pd(_mm512_sub_pd(left_y, y)));
        // The i-th smallest of two ascending lists is the least, over all ways to take i values, of the largest value taken.
        let (near, far) = (_mm512_min_pd(right, left), _mm512_max_pd(right, left));
        let two = _mm512_min_pd(_mm512_max_pd(first, near), far);
        let three = _mm512_min_pd(_mm512_max_pd(second, near), _mm512_max_pd(first, far));
        third = _mm512_min_pd(third, three);
        second = _mm512_min_pd(second, two);
        first = _mm512_min_pd(first, near);
        let nearer = _mm512_min_pd(right_dx, left_dx);
        if _mm512_cmp_pd_mask::<_CMP_LT_OQ>(nearer, third) == 0 {
            break;
        }
    }
    let mut distances = [0.0; LANES];
    // SAFETY: the array holds eight values.
    unsafe { _mm512_storeu_pd(distances.as_mut_ptr(), third) };
    distances
}

/// Points within a radius on an axis; shapes as in [`Kernel::count_within`](crate::kernels::Kernel::count_within).
///
/// # Safety
/// The processor must have the features named below.
///
/// # Panics
/// If the padding is too short.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq")]
pub(in crate::kernels) unsafe fn count_within(along: &[f64], padding: usize, first: usize, radius: [f64; LANES]) -> [u64; LANES] {
    let at = padding + first;
    assert!(at + padding <= along.len() && at >= LANES, "the axis must be padded on both sides");
    let values = along[at..].as_ptr();
    // SAFETY: there are eight values from `at` on, and the array holds eight.
    let (x, radius) = unsafe { (_mm512_loadu_pd(values), _mm512_loadu_pd(radius.as_ptr())) };
    let behind = (along.len() - at - LANES) / STRIDE;
    let before = at / STRIDE;
    let (zero, stride) = (_mm512_setzero_si512(), _mm512_set1_epi64(STRIDE as i64));
    let (mut right, mut left) = (zero, zero);
    for strides in 1..=behind {
        // SAFETY: `behind` strides and eight more values fit after `at`.
        let there = unsafe { _mm512_loadu_pd(values.add(strides * STRIDE)) };
        let within = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(_mm512_sub_pd(there, x), radius);
        right = _mm512_mask_add_epi64(right, within, right, stride);
        if within == 0 {
            break;
        }
    }
    for strides in 1..=before {
        // SAFETY: `before` strides fit before `at`.
        let there = unsafe { _mm512_loadu_pd(values.sub(strides * STRIDE)) };
        let within = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(_mm512_sub_pd(x, there), radius);
        left = _mm512_mask_add_epi64(left, within, left, stride);
        if within == 0 {
            break;
        }
    }
    // Each lane's border is now less than a stride beyond its position: four halvings find it. Padding is infinitely far away, so
    // lanes are on points, and no access goes further than a stride beyond a point.
    let place = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    let (lowest, highest) = (_mm512_set1_epi64(-(at as i64)), _mm512_set1_epi64((along.len() - at - 1) as i64));
    for half in [8, 4, 2, 1] {
        let half = _mm512_set1_epi64(half);
        let further_right = _mm512_add_epi64(right, half);
        let further_left = _mm512_add_epi64(left, half);
        let right_index = _mm512_min_epi64(_mm512_add_epi64(place, further_right), highest);
        let left_index = _mm512_max_epi64(_mm512_sub_epi64(place, further_left), lowest);
        // SAFETY: both indices are clamped to the slice.
        let (right_x, left_x) = unsafe {
            (_mm512_i64gather_pd::<8>(right_index, values.cast()), _mm512_i64gather_pd::<8>(left_index, values.cast()))
        };
        let right_within = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(_mm512_sub_pd(right_x, x), radius);
        let left_within = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(_mm512_sub_pd(x, left_x), radius);
        right = _mm512_mask_mov_epi64(right, right_within, further_right);
        left = _mm512_mask_mov_epi64(left, left_within, further_left);
    }
    let mut counts = [0; LANES];
    let both = _mm512_add_epi64(_mm512_add_epi64(right, left), _mm512_set1_epi64(1));
    // SAFETY: the array holds eight numbers.
    unsafe { _mm512_storeu_si512(counts.as_mut_ptr().cast(), both) };
    counts
}
