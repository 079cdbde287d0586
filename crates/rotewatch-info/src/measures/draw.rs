//! Seeded draws whose results do not change with new versions of a crate.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Creates an independent generator for each (seed, stream, number).
#[must_use]
pub fn generator(seed: u64, stream: u64, number: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed ^ stream.rotate_left(32));
    generator.set_stream(number);
    generator
}

/// Returns a uniform number below `bound`, by Lemire's multiplication; its bias, below `bound / 2^32`, is far below any error here.
///
/// # Panics
/// If `bound` does not fit 32 bits.
#[expect(clippy::expect_used, reason = "a bound beyond 32 bits is a bug of the caller; the panic is documented")]
pub fn below(generator: &mut impl Rng, bound: usize) -> usize {
    let bound = u32::try_from(bound).expect("fewer than 2^32 rows and neurons");
    ((u64::from(generator.next_u32()) * u64::from(bound)) >> 32) as usize
}

/// Fisher and Yates's shuffle.
///
/// # Panics
/// If there are 2^32 values or more.
pub fn permute<T>(generator: &mut impl Rng, values: &mut [T]) {
    for last in (1..values.len()).rev() {
        values.swap(last, below(generator, last + 1));
    }
}
