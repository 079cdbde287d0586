//! Activations for the benchmarks: a seeded mixture that resembles a trained layer.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rotewatch_info::measures::Columns;

/// Correlated, roughly Gaussian pre-activations: each neuron is a weighted sum of eight shared factors plus its own noise.
pub(crate) fn layer(rows: usize, neurons: usize, seed: u64) -> Columns {
    const FACTORS: usize = 8;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut gaussian = move || (0..6).map(|_| f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5).sum::<f64>() * 1.4;
    let factors: Vec<f64> = (0..rows * FACTORS).map(|_| gaussian()).collect();
    let mut values = Vec::with_capacity(rows * neurons);
    for _ in 0..neurons {
        let weights: Vec<f64> = (0..FACTORS).map(|_| gaussian()).collect();
        values.extend(factors.chunks_exact(FACTORS).map(|row| {
            let shared: f64 = row.iter().zip(&weights).map(|(factor, weight)| factor * weight).sum();
            (shared + gaussian()) as f32
        }));
    }
    Columns::from_neuron_major(rows, neurons, values)
}
