//! One seed, many independent generators: drawing more from one never changes another.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The purpose of a generator. The number is its stream, and seeds depend on it: never reuse or change one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Draw {
    /// Which rows of a source are for training, the probe and the hold-out; the look of rendered examples.
    Examples = 1,
    /// The look of rendered test examples.
    TestExamples = 2,
    /// Which labels are wrong, and what they become.
    Labels = 3,
    /// Colours and other shortcuts.
    Shortcuts = 4,
    /// Initial weights.
    Weights = 5,
    /// The order of the training examples.
    Batches = 6,
    /// Shifts of the training images.
    Shifts = 7,
    /// Which outputs dropout sets to 0.
    Dropout = 8,
    /// Which words the topics of generated texts prefer.
    Language = 9,
    /// Which training examples the monitor passes through the network too.
    Seen = 10,
}

/// The generator for one purpose and seed.
pub(crate) fn generator(seed: u64, draw: Draw) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(draw as u64);
    generator
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn draws_differ_by_seed_and_by_kind_and_repeat() {
        let first = |seed, draw| generator(seed, draw).next_u64();
        assert_eq!(first(1, Draw::Labels), first(1, Draw::Labels));
        assert_ne!(first(1, Draw::Labels), first(2, Draw::Labels));
        assert_ne!(first(1, Draw::Labels), first(1, Draw::Weights));
    }
}
