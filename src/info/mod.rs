//! The measures: how varied a layer's neurons are, and how much they repeat each other.
//!
//! Everything here is pure: samples in, numbers out, no clock, no files, and no failure on checked input. All information is in
//! nats (natural logarithm); ratios are for people. [`measure_layers`] is the one entry point of the monitor.
//!
//! | module | what it answers |
//! |---|---|
//! | [`samples`] | how activations are laid out: one row-aligned column a neuron |
//! | [`params`] | the choices (bins, edges, binning, shuffle, seed), checked once |
//! | [`binning`] | which bin a value falls in |
//! | [`entropy`] | how evenly one neuron uses its bins |
//! | [`neurons`] | a layer binned, and its entropies |
//! | [`terms`] | `n ln n` as integers, so that sums have no order |
//! | [`bits`] | bins as bit planes, and the tail rule |
//! | [`pairwise`] | what a pair of neurons shares; the plain definition |
//! | [`all_pairs`] | the same for all pairs of a layer, at the speed of the machine |
//! | [`blocks`] | that matrix seen from further away |
//! | [`knn`] | entropy and mutual information without bins, from nearest neighbours |
//! | [`ksg_sample`] | the same on a seeded sample of pairs, for live runs |
//! | [`digamma`] | the function that they need |
//! | [`class`] | what a neuron tells of the class that the network predicts |
//! | [`surprisal`] | how unlike the others, or a reference, a row is |
//! | [`shuffle`] | how much of the pairwise figure is there by chance |
//! | [`draw`] | seeded numbers |
//! | [`distribution`] | mean and quantiles over neurons or pairs |
//! | [`spread`] | how values lie, small enough to keep: a box, a density |
//! | [`layer`] | all of the above for the layers of one epoch |
//!
//! Deliberately absent: smoothing and windows over epochs (`window`, the monitor's), thresholds (the detectors'), and any correction of
//! a measure by its bias: the bias stands beside the value.

#![expect(
    clippy::indexing_slicing,
    reason = "rows, neurons and bins are counted in the shape that every slice here is made of; one beyond it would be a wrong number"
)]

pub mod all_pairs;
pub mod binning;
pub mod bits;
pub mod blocks;
pub mod class;
pub mod digamma;
pub mod distribution;
pub mod draw;
pub mod entropy;
pub mod knn;
pub mod ksg_sample;
pub mod layer;
pub mod neurons;
pub mod pairwise;
pub mod params;
pub mod samples;
pub mod shuffle;
pub mod spread;
pub mod surprisal;
pub mod terms;

pub use distribution::{Distribution, quantile};
pub use ksg_sample::KsgSample;
pub use layer::{LayerMeasures, LayerSamples, Skipped, measure_layers};
pub use pairwise::PairMatrix;
pub use params::{BinEdges, Binning, MeasureParams, ParamsError};
pub use samples::{Columns, Value};
pub use shuffle::ShuffleBias;
pub use spread::{Density, Quartiles};
