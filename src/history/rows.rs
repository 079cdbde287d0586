//! The table of what the network said of each row of the two fixed sets.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, Result, Row, params};

use super::blob::{pack_classes, pack_reals, unpack_classes, unpack_reals};
use rotewatch_core::record::RowsRecord;
use rotewatch_core::vocabulary::rows::{EpochRows, OfSets, RowNumbers, RowSet};

/// The means of both sets, by the epoch's id.
pub(super) type Means = BTreeMap<i64, OfSets<Option<RowsRecord>>>;

/// Writes the rows of an epoch.
pub(super) fn write(to: &Connection, epoch: i64, rows: &EpochRows) -> Result<()> {
    let mut insert = to.prepare_cached("INSERT INTO row_numbers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for set in RowSet::ALL {
        let Some(numbers) = rows.of(set) else { continue };
        let means = RowsRecord::of(numbers);
        let reals = |values: &Option<Vec<f32>>| values.as_deref().map(pack_reals);
        insert.execute(params![
            epoch,
            set.as_str(),
            means.rows as i64,
            means.loss,
            means.error_ratio,
            means.confidence,
            means.entropy_nats,
            reals(&numbers.losses),
            reals(&numbers.errors),
            numbers.predictions.as_deref().map(pack_classes),
            reals(&numbers.confidence),
            reals(&numbers.entropy),
        ])?;
    }
    Ok(())
}

/// The columns of [`means_of`].
pub(super) const MEANS: &str = "epoch_id, row_set, rows, loss_mean, error_ratio, confidence_mean, entropy_mean_nats";

/// The epoch's id, the set and its means. A mean that was not finite is stored as null, so it counts as missing.
pub(super) fn means_of(row: &Row<'_>) -> Result<(i64, String, RowsRecord)> {
    let record = RowsRecord {
        rows: row.get::<_, i64>(2)? as usize,
        loss: row.get(3)?,
        error_ratio: row.get(4)?,
        confidence: row.get(5)?,
        entropy_nats: row.get(6)?,
    };
    Ok((row.get(0)?, row.get(1)?, record))
}

/// The columns of [`numbers_of`].
pub(super) const NUMBERS: &str = "epoch, row_set, row_numbers.rows, losses, errors, predictions, confidence, entropy";

/// The epoch, the set and its numbers; the numbers are `None` if they are damaged.
pub(super) fn numbers_of(row: &Row<'_>) -> Result<(u32, String, Option<Arc<RowNumbers>>)> {
    let count = row.get::<_, i64>(2)? as usize;
    let mut whole = true;
    let mut reals = |column: usize| -> Result<Option<Vec<f32>>> {
        let Some(packed) = row.get::<_, Option<Vec<u8>>>(column)? else { return Ok(None) };
        let values = unpack_reals(&packed, count);
        whole &= values.is_some();
        Ok(values)
    };
    let (losses, errors, confidence, entropy) = (reals(3)?, reals(4)?, reals(6)?, reals(7)?);
    let packed = row.get::<_, Option<Vec<u8>>>(5)?;
    let predictions = packed.as_ref().and_then(|packed| unpack_classes(packed, count));
    whole &= packed.is_none() || predictions.is_some();
    let numbers = RowNumbers { losses, errors, predictions, confidence, entropy };
    Ok((row.get(0)?, row.get(1)?, whole.then(|| Arc::new(numbers))))
}
