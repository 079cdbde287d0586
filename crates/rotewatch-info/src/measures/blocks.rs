//! A pair matrix at a lower resolution: means over blocks of neighbouring neurons.

use super::pairwise::PairMatrix;

/// Computes the mean of each block of a symmetric matrix whose upper triangle is `pairs` and whose diagonal is `diagonal`.
///
/// # Shape
/// `diagonal` has one value per neuron. The neurons are divided into `min(neurons, most_blocks)` groups of neighbours, as equal
/// as possible; the result has one row and one column per group, and is symmetric.
///
/// # Estimator
/// A block's value is the mean over its pairs of different neurons. The diagonal block of a single neuron has that neuron's
/// diagonal value.
///
/// # Cost
/// One pass over the pairs.
///
/// # Panics
/// If `diagonal` has another number of neurons than `pairs`, or `most_blocks` is 0.
#[must_use]
pub fn block_means(pairs: &PairMatrix, diagonal: &[f64], most_blocks: usize) -> Vec<Vec<f64>> {
    let neurons = pairs.neurons();
    assert_eq!(diagonal.len(), neurons, "there must be one diagonal value per neuron");
    assert!(most_blocks > 0, "there must be at least one block");
    let blocks = neurons.min(most_blocks);
    let block_of = |neuron: usize| neuron * blocks / neurons;
    let mut sums = vec![vec![(0.0, 0_u64); blocks]; blocks];
    for (i, j, value) in pairs.iter() {
        let (sum, count) = &mut sums[block_of(i)][block_of(j)];
        *sum += value;
        *count += 1;
    }
    let mut means = vec![vec![0.0; blocks]; blocks];
    for row in 0..blocks {
        for column in row..blocks {
            let (sum, count) = sums[row][column];
            means[row][column] = if count > 0 { sum / count as f64 } else { 0.0 };
            means[column][row] = means[row][column];
        }
    }
    // A single neuron has no pair with itself.
    for (neuron, value) in diagonal.iter().enumerate() {
        let block = block_of(neuron);
        if sums[block][block].1 == 0 {
            means[block][block] = *value;
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> PairMatrix {
        PairMatrix::from_condensed(4, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    }

    #[test]
    fn with_enough_blocks_it_is_the_matrix_itself() {
        let diagonal = [10.0, 20.0, 30.0, 40.0];
        for most in [4, 5, 1000] {
            let means = block_means(&matrix(), &diagonal, most);
            assert_eq!(means, [[10.0, 1.0, 2.0, 3.0], [1.0, 20.0, 4.0, 5.0], [2.0, 4.0, 30.0, 6.0], [3.0, 5.0, 6.0, 40.0]]);
        }
    }

    #[test]
    fn a_block_is_the_mean_of_its_pairs() {
        assert_eq!(block_means(&matrix(), &[9.0; 4], 2), [[1.0, 3.5], [3.5, 6.0]]);
        assert_eq!(block_means(&matrix(), &[9.0; 4], 1), [[3.5]]);
        // Three blocks: neurons 0 and 1, neuron 2, neuron 3.
        assert_eq!(block_means(&matrix(), &[9.0; 4], 3)[0], [1.0, 3.0, 4.0]);
        assert_eq!(block_means(&matrix(), &[9.0; 4], 3)[1][1], 9.0);
    }

    #[test]
    fn a_layer_without_neurons_has_no_blocks() {
        assert_eq!(block_means(&PairMatrix::from_condensed(0, Vec::new()), &[], 8), Vec::<Vec<f64>>::new());
    }
}
