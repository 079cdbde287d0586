//! The live page of one run as one HTML file that opens without a network.

use crate::history::records;
use crate::history::{Epochs, Snapshot, StoreError, StoredRun};
use crate::page::{FrozenRun, frozen};
use rotewatch_core::record::document;
use rotewatch_core::vocabulary::clock::unix_seconds;

/// Blocks per side of each pair matrix, as on the live page.
const BLOCKS: usize = 128;

/// The whole page.
pub(super) fn page(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let matrices = run.layers.iter().map(|layer| records::matrix(history, run, layer, None, BLOCKS));
    let matrices: Vec<Option<_>> = matrices.collect::<Result<_, _>>()?;
    Ok(frozen(&[FrozenRun {
        run: records::run_in_full(history, run)?,
        verdict: records::verdict(history, run)?,
        epochs: records::epochs(history, run, Epochs::ALL)?,
        matrices: matrices.iter().flatten().map(document).collect(),
        made_at_unix_seconds: unix_seconds(),
    }]))
}
