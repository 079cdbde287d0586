//! Packs the values of neurons and pairs into blobs, and unpacks them.
//!
//! Neurons are few, so they have 32 bits each. The number of pairs grows with the square of a layer's width, so pairs have 16 bits
//! each: low and high bytes are separated, then deflated. The counts of a density are mostly small; they have 32 bits each,
//! little-endian, deflated.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Steps between 0 and the largest value of a matrix.
const STEPS: f64 = 65_535.0;
/// Largest number of counts in a density.
const COUNTS_MAX: usize = 4096;

/// Packed pairs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PackedPairs {
    /// The largest value; the 16 bits are fractions of it.
    pub(super) largest: f64,
    /// The deflated bytes.
    pub(super) bytes: Vec<u8>,
}

/// Packs neurons in single precision, little-endian.
pub(super) fn pack_neurons(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
}

/// Unpacks the result of [`pack_neurons`]; `None` for other bytes.
pub(super) fn unpack_neurons(bytes: &[u8]) -> Option<Vec<f64>> {
    let (values, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|value| f64::from(f32::from_le_bytes(*value))).collect())
}

/// Packs each value as one of 65,536 steps from 0 to the largest value. The error is at most 1 / 131,070 of the largest value. Values
/// are never negative; NaN becomes 0.
pub(super) fn pack_pairs(values: &[f64]) -> PackedPairs {
    let largest = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let scale = if largest > 0.0 { STEPS / largest } else { 0.0 };
    let steps: Vec<u16> = values.iter().map(|value| (value * scale).round() as u16).collect();
    let planes: Vec<u8> =
        steps.iter().map(|step| step.to_le_bytes()[0]).chain(steps.iter().map(|step| step.to_le_bytes()[1])).collect();
    PackedPairs { largest, bytes: deflated(&planes) }
}

/// Unpacks `count` values from [`pack_pairs`]; `None` for other bytes. Allocates only by `count`, not by what the bytes claim.
pub(super) fn unpack_pairs(packed: &PackedPairs, count: usize) -> Option<Vec<f64>> {
    let planes = inflated(&packed.bytes, 2 * count).filter(|planes| planes.len() == 2 * count)?;
    let (low, high) = planes.split_at(count);
    let value = |(low, high): (&u8, &u8)| f64::from(u16::from_le_bytes([*low, *high])) / STEPS * packed.largest;
    Some(low.iter().zip(high).map(value).collect())
}

/// Packs the counts of a density.
pub(super) fn pack_counts(counts: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
    deflated(&bytes)
}

/// Unpacks the result of [`pack_counts`]; `None` for other bytes.
pub(super) fn unpack_counts(packed: &[u8]) -> Option<Vec<u32>> {
    let bytes = inflated(packed, COUNTS_MAX * size_of::<u32>())?;
    let (counts, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| counts.iter().map(|count| u32::from_le_bytes(*count)).collect())
}

/// Packs numbers of rows in single precision: the bytes of the same significance side by side, deflated.
pub(super) fn pack_reals(values: &[f32]) -> Vec<u8> {
    let bytes: Vec<[u8; 4]> = values.iter().map(|value| value.to_le_bytes()).collect();
    deflated(&planes(&bytes))
}

/// Unpacks `count` numbers of [`pack_reals`]; `None` for other bytes.
pub(super) fn unpack_reals(packed: &[u8], count: usize) -> Option<Vec<f32>> {
    Some(unplaned(packed, count)?.into_iter().map(f32::from_le_bytes).collect())
}

/// Packs classes, likewise.
pub(super) fn pack_classes(classes: &[i64]) -> Vec<u8> {
    let bytes: Vec<[u8; 8]> = classes.iter().map(|class| class.to_le_bytes()).collect();
    deflated(&planes(&bytes))
}

/// Unpacks `count` classes of [`pack_classes`]; `None` for other bytes.
pub(super) fn unpack_classes(packed: &[u8], count: usize) -> Option<Vec<i64>> {
    Some(unplaned(packed, count)?.into_iter().map(i64::from_le_bytes).collect())
}

/// The first bytes of all values, then the second bytes, and so on.
#[expect(clippy::indexing_slicing, reason = "`plane` is below the length of the arrays")]
fn planes<const N: usize>(values: &[[u8; N]]) -> Vec<u8> {
    (0..N).flat_map(|plane| values.iter().map(move |bytes| bytes[plane])).collect()
}

/// The reverse of [`planes`] on deflated bytes.
#[expect(clippy::indexing_slicing, reason = "there are `N * count` bytes")]
fn unplaned<const N: usize>(packed: &[u8], count: usize) -> Option<Vec<[u8; N]>> {
    let size = count.checked_mul(N)?;
    let planes = inflated(packed, size).filter(|planes| planes.len() == size)?;
    Some((0..count).map(|value| std::array::from_fn(|plane| planes[plane * count + value])).collect())
}

#[expect(clippy::expect_used, reason = "a vector refuses no byte, and the encoder itself has nothing to refuse")]
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing into memory does not fail")
}

/// Inflates at most `most` bytes; `None` if there are more, or if the bytes are not deflated data.
fn inflated(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    DeflateDecoder::new(bytes).take(most as u64 + 1).read_to_end(&mut inflated).ok()?;
    (inflated.len() <= most).then_some(inflated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_come_back_within_half_a_step(values in proptest::collection::vec(0.0..3.0_f64, 0..300)) {
            let packed = pack_pairs(&values);
            let back = unpack_pairs(&packed, values.len()).expect("just packed");
            for (before, after) in values.iter().zip(&back) {
                prop_assert!((before - after).abs() <= packed.largest / 131_069.0);
            }
        }

        #[test]
        fn neurons_come_back_in_single_precision(values in proptest::collection::vec(0.0..10.0_f64, 0..50)) {
            let rounded: Vec<f64> = values.iter().map(|value| f64::from(*value as f32)).collect();
            prop_assert_eq!(unpack_neurons(&pack_neurons(&values)), Some(rounded));
        }

        #[test]
        fn counts_come_back_as_they_were(counts in proptest::collection::vec(any::<u32>(), 0..60)) {
            prop_assert_eq!(unpack_counts(&pack_counts(&counts)), Some(counts));
        }

        #[test]
        fn numbers_of_rows_come_back_to_the_last_bit(bits in proptest::collection::vec(any::<u32>(), 0..60), classes: Vec<i64>) {
            let values: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
            let back = unpack_reals(&pack_reals(&values), values.len()).expect("just packed");
            prop_assert_eq!(back.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), bits);
            prop_assert_eq!(unpack_classes(&pack_classes(&classes), classes.len()), Some(classes));
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_but_never_more_than_was_asked_for(bytes: Vec<u8>, count in 0_usize..50) {
            prop_assert!(unpack_counts(&bytes).is_none_or(|back| back.len() <= COUNTS_MAX));
            prop_assert!(unpack_classes(&bytes, count).is_none_or(|back| back.len() == count));
            let back = unpack_pairs(&PackedPairs { largest: 1.0, bytes }, count);
            prop_assert!(back.is_none_or(|back| back.len() == count));
        }
    }

    #[test]
    fn zeros_and_numbers_that_are_none_are_zero() {
        let packed = pack_pairs(&[0.0, f64::NAN, 0.0]);
        assert_eq!(unpack_pairs(&packed, 3), Some(vec![0.0; 3]));
        assert_eq!(unpack_pairs(&packed, 2), None);
        assert_eq!(unpack_neurons(&[0; 5]), None);
    }
}
