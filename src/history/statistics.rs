//! The columns of `layer_statistics` that hold measures: one for each measure of the catalogue and each statistic, and two for the box.
//!
//! A measure that is new since a file was made has no columns there. A writer adds them; a reader takes what there is.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rotewatch_core::record::catalogue::Measure;
use rotewatch_core::record::{LayerFigures, LayerRecord};
use rotewatch_info::measures::{Distribution, Quartiles};
use rusqlite::{Connection, Result};

/// The statistics, in the order of [`Distribution::by_name`].
pub(super) const STATISTICS: [&str; 5] = ["mean", "p05", "p50", "p90", "p95"];

/// The two columns of the box that are not statistics of its measure.
const QUARTILES: [&str; 2] = ["entropy_network_nats_p25", "entropy_network_nats_p75"];

/// The names of all columns, measure by measure.
static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let of_measures = Measure::NAMES.iter().flat_map(|measure| STATISTICS.map(|statistic| format!("{measure}_{statistic}")));
    of_measures.chain(QUARTILES.map(str::to_owned)).collect()
});

/// Number of columns.
pub(super) fn count() -> usize {
    COLUMNS.len()
}

/// The statement that inserts a layer.
pub(super) fn insert() -> &'static str {
    static INSERT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "INSERT INTO layer_statistics (epoch_id, place, neurons, neurons_offered, constant_neurons, reliable, \
             shuffle_bias_nats, density_from_nats, density_to_nats, density_counts, {}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?{})",
            COLUMNS.join(", "),
            ", ?".repeat(COLUMNS.len())
        )
    });
    &INSERT
}

/// The columns to select from a file: null stands for one that it lacks.
pub(super) fn selected(from: &Connection) -> Result<String> {
    let there = columns_of(from)?;
    let column = |name: &String| if there.contains(name) { name.clone() } else { "NULL".to_owned() };
    Ok(COLUMNS.iter().map(column).collect::<Vec<_>>().join(", "))
}

/// Adds the columns that a file lacks.
pub(super) fn add_missing(to: &Connection) -> Result<()> {
    let there = columns_of(to)?;
    for name in COLUMNS.iter().filter(|name| !there.contains(*name)) {
        to.execute_batch(&format!("ALTER TABLE layer_statistics ADD COLUMN {name} REAL"))?;
    }
    Ok(())
}

/// Whether a file lacks a column.
pub(super) fn lacks_any(file: &Connection) -> Result<bool> {
    let there = columns_of(file)?;
    Ok(COLUMNS.iter().any(|name| !there.contains(name)))
}

fn columns_of(file: &Connection) -> Result<BTreeSet<String>> {
    let mut names = file.prepare("SELECT name FROM pragma_table_info('layer_statistics')")?;
    names.query_map([], |row| row.get(0))?.collect()
}

/// Returns the values of the columns; all are null without measures.
pub(super) fn values(layer: &LayerRecord) -> Vec<Option<f64>> {
    let of_measure = |measure: Option<&Distribution>| {
        measure.map_or([None; STATISTICS.len()], |values| values.by_name().map(|(_, value)| Some(value)))
    };
    let quartiles = layer.entropy_network_box.map_or([None; QUARTILES.len()], |all| [Some(all.p25), Some(all.p75)]);
    layer.figures.iter().flat_map(|(_, measure)| of_measure(measure)).chain(quartiles).collect()
}

/// Returns the measures and the box from the columns' values.
pub(super) fn of_values(values: &[Option<f64>]) -> (LayerFigures, Option<Quartiles>) {
    let distribution = |values: &[Option<f64>; STATISTICS.len()]| {
        let [mean, p05, p50, p90, p95] = *values;
        Some(Distribution { mean: mean?, p05: p05?, p50: p50?, p90: p90?, p95: p95? })
    };
    let (of_measures, rest) = values.as_chunks();
    let figures: LayerFigures = Measure::ALL.iter().copied().zip(of_measures.iter().map(distribution)).collect();
    let quartiles = figures.get(Measure::EntropyNetworkNats).and_then(|of| match *rest {
        [Some(p25), Some(p75)] => Some(Quartiles { p05: of.p05, p25, p50: of.p50, p75, p95: of.p95 }),
        _ => None,
    });
    (figures, quartiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_a_distribution_in_its_order() {
        let any = Distribution { mean: 0.0, p05: 0.0, p50: 0.0, p90: 0.0, p95: 0.0 };
        assert_eq!(any.by_name().map(|(name, _)| name), STATISTICS);
    }

    #[test]
    fn a_file_without_a_measure_is_read_by_what_it_has_and_given_its_columns_by_a_writer() {
        let file = Connection::open_in_memory().unwrap();
        file.execute_batch("CREATE TABLE layer_statistics (place INTEGER, entropy_network_nats_mean REAL) STRICT").unwrap();
        assert!(lacks_any(&file).unwrap());
        let select = selected(&file).unwrap();
        assert!(select.starts_with("entropy_network_nats_mean, NULL, "), "{select}");
        file.execute_batch("INSERT INTO layer_statistics VALUES (0, 1.5)").unwrap();
        for _ in 0..2 {
            add_missing(&file).unwrap();
        }
        assert!(!lacks_any(&file).unwrap());
        let mean = |name: &str| -> Option<f64> {
            file.query_row(&format!("SELECT {name} FROM layer_statistics"), [], |row| row.get(0)).unwrap()
        };
        assert_eq!((mean("entropy_network_nats_mean"), mean("class_information_nats_p95")), (Some(1.5), None));
    }
}
