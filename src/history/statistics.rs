//! Defines the names and the order of the columns of `layer_statistics`, and converts a layer's statistics to and from them.
//!
//! The box of the entropies shares three of its five values with their distribution; the other two have separate columns.

use std::sync::LazyLock;

use rotewatch_core::monitor::live_runs::LayerSummary;
use rotewatch_core::monitor::report::LayerStatistics;
use rotewatch_info::measures::{Distribution, Quartiles};

/// The measures, in the order of [`LayerStatistics`].
const MEASURES: [&str; 7] = [
    "entropy_network_nats",
    "entropy_network_ratio",
    "entropy_neuron_nats",
    "entropy_neuron_ratio",
    "mutual_information_nats",
    "mutual_information_ratio",
    "class_information_nats",
];
/// The statistics, in the order of [`Distribution::by_name`].
const STATISTICS: [&str; 5] = ["mean", "p05", "p50", "p90", "p95"];

/// The other two columns of the box.
const QUARTILES: [&str; 2] = ["entropy_network_nats_p25", "entropy_network_nats_p75"];

/// The number of columns.
pub(super) const COLUMNS: usize = MEASURES.len() * STATISTICS.len() + QUARTILES.len();

/// The columns' names, with commas between.
pub(super) fn columns() -> &'static str {
    static NAMES: LazyLock<String> = LazyLock::new(|| {
        let of_measures = MEASURES.iter().flat_map(|measure| STATISTICS.map(|statistic| format!("{measure}_{statistic}")));
        let names: Vec<String> = of_measures.chain(QUARTILES.map(str::to_owned)).collect();
        names.join(", ")
    });
    &NAMES
}

/// The statement that inserts a layer.
pub(super) fn insert() -> &'static str {
    static INSERT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "INSERT INTO layer_statistics (epoch_id, place, neurons, neurons_offered, constant_neurons, reliable, \
             shuffle_bias_nats, density_from_nats, density_to_nats, density_counts, {}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?{})",
            columns(),
            ", ?".repeat(COLUMNS)
        )
    });
    &INSERT
}

/// Returns the values of the columns; all are null without statistics.
pub(super) fn values(layer: &LayerSummary) -> Vec<Option<f64>> {
    let by_measure = |all: &LayerStatistics| {
        [
            Some(all.entropy_network_nats),
            Some(all.entropy_network_ratio),
            Some(all.entropy_neuron_nats),
            Some(all.entropy_neuron_ratio),
            all.mutual_information_nats,
            all.mutual_information_ratio,
            all.class_information_nats,
        ]
    };
    let measures = layer.statistics.as_ref().map_or([None; MEASURES.len()], by_measure);
    let of_measure = |measure: Option<Distribution>| {
        measure.map_or([None; STATISTICS.len()], |values| values.by_name().map(|(_, value)| Some(value)))
    };
    let quartiles = layer.entropy_network_box.map_or([None; QUARTILES.len()], |all| [Some(all.p25), Some(all.p75)]);
    measures.into_iter().flat_map(of_measure).chain(quartiles).collect()
}

/// Returns the statistics and the box from the columns' values; `None` if the layer could not be measured.
#[expect(clippy::indexing_slicing, reason = "a measure's index is below their number, and all of them have columns")]
pub(super) fn of_values(values: &[Option<f64>; COLUMNS]) -> Option<(LayerStatistics, Quartiles)> {
    let measure = |place: usize| {
        let [mean, p05, p50, p90, p95] = values[place * STATISTICS.len()..].first_chunk().copied()?;
        Some(Distribution { mean: mean?, p05: p05?, p50: p50?, p90: p90?, p95: p95? })
    };
    let [p25, p75] = values.last_chunk().copied()?;
    let statistics = LayerStatistics {
        entropy_network_nats: measure(0)?,
        entropy_network_ratio: measure(1)?,
        entropy_neuron_nats: measure(2)?,
        entropy_neuron_ratio: measure(3)?,
        mutual_information_nats: measure(4),
        mutual_information_ratio: measure(5),
        class_information_nats: measure(6),
    };
    let Distribution { p05, p50, p95, .. } = statistics.entropy_network_nats;
    Some((statistics, Quartiles { p05, p25: p25?, p50, p75: p75?, p95 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_a_distribution_in_its_order() {
        let any = Distribution { mean: 0.0, p05: 0.0, p50: 0.0, p90: 0.0, p95: 0.0 };
        assert_eq!(any.by_name().map(|(name, _)| name), STATISTICS);
        assert_eq!(columns().split(", ").count(), COLUMNS);
    }
}
