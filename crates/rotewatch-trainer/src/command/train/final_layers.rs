//! All values of the finished network, for the JSON document. Box plots and densities are drawn from them.

use serde_json::{Value, json};

use rotewatch_core::monitor::report::{EpochReport, LayerReport};

/// Bins of the histogram of mutual information.
const BINS: usize = 250;
/// The end of its last bin in nats: a little more than ln 10, the maximum with ten bins per neuron. Larger values, which need more
/// bins, are counted in the last bin.
const UPPER_NATS: f64 = 2.5;

/// `[{name, entropy_network_nats: [..], mutual_information: {upper, counts: [..]}}]`, in forward order; layers that were not
/// measured are left out.
pub(super) fn document(report: &EpochReport) -> Value {
    report.layers.iter().filter(|layer| layer.statistics.is_some()).map(layer).collect()
}

#[expect(clippy::indexing_slicing, reason = "what lies beyond the last bin is counted in it")]
fn layer(report: &LayerReport) -> Value {
    let mut counts = vec![0_u64; BINS];
    for nats in report.measures.mutual_information.condensed() {
        let bin = (nats / UPPER_NATS * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    // Four decimals are far more precise than an estimate from a thousand rows.
    let rounded = |nats: &f64| (nats * 1e4).round() / 1e4;
    json!({
        "name": report.layer.as_str(),
        "entropy_network_nats": report.measures.entropy_network_nats.iter().map(rounded).collect::<Vec<_>>(),
        "mutual_information": { "upper": UPPER_NATS, "counts": counts },
    })
}
