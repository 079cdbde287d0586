//! Which rows and neurons are sampled. The same seed gives the same choice.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Chooses `take` of `0..population` without repetition, ascending; each set is equally likely. Returns the whole population
/// if it has at most `take` members.
///
/// # Cost
/// Time and memory are linear in `population` (a partial shuffle).
#[must_use]
pub fn chosen(seed: u64, population: usize, take: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..population).collect();
    if take < population {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for place in 0..take {
            places.swap(place, random.random_range(place..population));
        }
        places.truncate(take);
        places.sort_unstable();
    }
    places
}

/// Derives a seed for one purpose from a configured seed: the same for the same arguments, unrelated for different ones.
///
/// # Source
/// The output function of `SplitMix64` (Steele, Lea, Flood, 2014), applied once per part.
#[must_use]
pub fn derived_seed(seed: u64, parts: &[u64]) -> u64 {
    let mix = |state: u64| {
        let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    parts.iter().fold(mix(seed), |state, part| mix(state ^ part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_ascending_free_of_repetition_and_repeats_with_its_seed() {
        let choice = chosen(7, 100, 10);
        assert_eq!(choice.len(), 10);
        assert!(choice.windows(2).all(|pair| pair[0] < pair[1]), "{choice:?}");
        assert!(choice.iter().all(|place| *place < 100));
        assert_eq!(choice, chosen(7, 100, 10));
        assert_ne!(choice, chosen(8, 100, 10));
    }

    #[test]
    fn a_small_population_is_taken_whole() {
        assert_eq!(chosen(7, 3, 3), [0, 1, 2]);
        assert_eq!(chosen(7, 3, 10), [0, 1, 2]);
        assert!(chosen(7, 0, 10).is_empty());
    }

    #[test]
    fn every_place_is_chosen_about_equally_often() {
        let mut times = [0_u32; 10];
        for seed in 0..2_000 {
            for place in chosen(seed, 10, 3) {
                times[place] += 1;
            }
        }
        // 600 expected, with a standard deviation of 20.5: allow five on either side.
        assert!(times.iter().all(|count| (498..=702).contains(count)), "{times:?}");
    }

    #[test]
    fn derived_seeds_differ_with_every_part() {
        let seeds =
            [derived_seed(0, &[]), derived_seed(0, &[0]), derived_seed(0, &[1]), derived_seed(1, &[0]), derived_seed(0, &[0, 1])];
        for (place, seed) in seeds.iter().enumerate() {
            assert!(!seeds[place + 1..].contains(seed), "{seeds:?}");
        }
    }
}
