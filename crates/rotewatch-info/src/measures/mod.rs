//! The measures: how varied a layer's neurons are, and how much they repeat each other.
//!
//! Everything here is pure: no clock, no files, and no errors on checked input. All information is in
//! nats (natural logarithm); ratios are for display. [`measure_layers`] is the entry point of the monitor.
//!
//! | module | content |
//! |---|---|
//! | [`samples`] | the layout of activations: one row-aligned column per neuron |
//! | [`params`] | the choices (bins, edges, binning, shuffle, seed), checked once |
//! | [`binning`] | which bin a value falls in |
//! | [`entropy`] | how evenly one neuron uses its bins |
//! | [`neurons`] | a binned layer, and its entropies |
//! | [`terms`] | `n ln n` as integers, so that the order of a sum does not matter |
//! | [`bits`] | bins as bit planes, and the tail rule |
//! | [`pairwise`] | what a pair of neurons shares; the plain reference implementation |
//! | [`all_pairs`] | the same for all pairs of a layer, optimized |
//! | [`blocks`] | that matrix at a lower resolution |
//! | [`knn`] | entropy and mutual information without bins, from nearest neighbours |
//! | [`ksg_sample`] | the same on a seeded sample of pairs, for live runs |
//! | [`digamma`] | the digamma function, which [`knn`] needs |
//! | [`kurtosis`] | how heavy the tails of a neuron's activations are |
//! | [`agreement`] | how well predicted classes agree with the nearest rows |
//! | [`class`] | how much a neuron tells about the class that the network predicts |
//! | [`surprisal`] | how unusual a row is among the others, or against a reference |
//! | [`shuffle`] | how much of the pairwise mutual information is chance |
//! | [`draw`] | seeded numbers |
//! | [`distribution`] | mean and quantiles over neurons or pairs |
//! | [`spread`] | compact summaries of values: a box plot, a density |
//! | [`layer`] | all of the above for the layers of one epoch |
//!
//! Not included: smoothing and windows over epochs (`window` and the monitor), thresholds (the detectors), and bias
//! correction of a measure: the bias is reported beside the value.

#![expect(
    clippy::indexing_slicing,
    reason = "every slice here has the shape that its indices are bounded by; an index beyond it would be a wrong result"
)]

pub mod agreement;
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
pub mod kurtosis;
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
pub use params::{BinEdges, Binning, KnnParams, MeasureParams, ParamsError};
pub use samples::{Columns, Value};
pub use shuffle::ShuffleBias;
pub use spread::{Density, Quartiles};
