//! All values of the finished network, for the JSON document. Box plots and densities are drawn from them.

use rotewatch_core::monitor::report::{EpochReport, LayerReport};
use rotewatch_core::record::training::{FinalLayer, Histogram};

/// Bins of the histogram of mutual information.
const BINS: usize = 250;
/// The end of its last bin in nats: a little more than ln 10, the maximum with ten bins per neuron. Larger values, which need more
/// bins, are counted in the last bin.
const UPPER_NATS: f64 = 2.5;

/// The layers in forward order; layers that could not be measured are left out.
pub(super) fn of(report: &EpochReport) -> Vec<FinalLayer> {
    report.layers.iter().filter(|layer| layer.figures.is_some()).map(layer).collect()
}

#[expect(clippy::indexing_slicing, reason = "a value beyond the last bin is counted in the last bin")]
fn layer(report: &LayerReport) -> FinalLayer {
    let mut counts = vec![0_u64; BINS];
    for nats in report.measures.mutual_information.condensed() {
        let bin = (nats / UPPER_NATS * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    // Four digits are far below what a thousand rows can tell.
    let rounded = |nats: &f64| (nats * 1e4).round() / 1e4;
    FinalLayer {
        layer: report.layer.clone(),
        entropy_network_nats: report.measures.entropy_network_nats.iter().map(rounded).collect(),
        mutual_information: Histogram { upper: UPPER_NATS, counts },
    }
}
