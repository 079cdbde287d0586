//! The libtorch way: one-hot columns, one float32 product for all joint counts of a block, then x ln x over all cells.

use rotewatch_info::measures::bits::{BinnedLayer, Marginal};
use tch::{Device, Kind, Tensor};

/// Left neurons per block; the block's counts then take some tens of megabytes.
const BLOCK: usize = 64;

/// The one-hot columns of a layer: rows x (neurons * bins).
pub(crate) fn one_hot(layer: &BinnedLayer) -> Tensor {
    let (neurons, bins, rows) = (layer.neurons(), layer.bin_count(), layer.rows());
    let mut values = vec![0_f32; rows * neurons * bins];
    for neuron in 0..neurons {
        for (row, &bin) in layer.column(neuron).iter().enumerate() {
            values[(row * neurons + neuron) * bins + usize::from(bin)] = 1.0;
        }
    }
    Tensor::from_slice(&values).view([rows as i64, (neurons * bins) as i64])
}

/// Sums `n ln n` over the joint tables of all pairs, in blocks of left neurons; the right ones start at the block's first.
pub(crate) fn joint_sums(one_hot: &Tensor, neurons: usize, bins: usize) -> Vec<Tensor> {
    let starts = (0..neurons).step_by(BLOCK);
    starts
        .map(|start| {
            let end = neurons.min(start + BLOCK);
            let left = one_hot.narrow(1, (start * bins) as i64, ((end - start) * bins) as i64);
            let right = one_hot.narrow(1, (start * bins) as i64, ((neurons - start) * bins) as i64);
            let counts = left.transpose(0, 1).matmul(&right);
            let terms = counts.xlogy(&counts);
            let shape = [(end - start) as i64, bins as i64, (neurons - start) as i64, bins as i64];
            terms.view(shape).sum_dim_intlist([1_i64, 3].as_slice(), false, Kind::Float)
        })
        .collect()
}

/// Mutual information in nats of the pair (0, 1).
pub(crate) fn first_pair_nats(sums: &[Tensor], marginals: &[Marginal]) -> f64 {
    let joint = sums[0].to_device(Device::Cpu).double_value(&[0, 1]);
    let rows = marginals[0].rows as f64;
    let of = |marginal: &Marginal| {
        let terms = marginal.counts.iter().filter(|&&count| count > 0).map(|&count| count as f64 * (count as f64).ln());
        terms.sum::<f64>()
    };
    (joint - of(&marginals[0]) - of(&marginals[1]) + rows * rows.ln()) / rows
}
