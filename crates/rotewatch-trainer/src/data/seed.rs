//! One seed, many independent generators: drawing more of one thing never moves another.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What is drawn. The number is the stream of the generator and part of what a seed means: never reuse one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Draw {
    /// Which rows of a source are trained on, probed and held out; what rendered examples look like.
    Examples = 1,
    /// What the rendered test examples look like.
    TestExamples = 2,
    /// Which labels are wrong, and what they become.
    Labels = 3,
    /// Colours and other shortcuts.
    Shortcuts = 4,
    /// Initial weights.
    Weights = 5,
    /// The order of the training examples.
    Batches = 6,
    /// Shifts of the training pictures.
    Shifts = 7,
    /// Which outputs dropout silences.
    Dropout = 8,
    /// Which words the topics of made-up texts like.
    Language = 9,
}

/// The generator of one kind of draw under a seed.
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
