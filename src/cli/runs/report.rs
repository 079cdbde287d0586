//! The live page of one run as one HTML file that opens without a network.

use serde_json::Value;

use crate::history::{Epochs, Snapshot, StoreError, StoredRun, document};
use crate::page::{FrozenRun, frozen};
use rotewatch_core::vocabulary::clock::unix_seconds;

/// Blocks per side of each pair matrix, as on the live page.
const BLOCKS: usize = 128;

/// The whole page.
pub(super) fn page(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let matrices = run.layers.iter().map(|layer| document::matrix(history, run, layer, None, BLOCKS));
    let matrices: Vec<Option<_>> = matrices.collect::<Result<_, _>>()?;
    Ok(frozen(&[FrozenRun {
        run: Value::Object(document::run_in_full(history, run)?),
        verdict: Value::Object(document::verdict(history, run)?),
        epochs: Value::Object(document::epochs(history, run, Epochs::ALL)?),
        matrices: matrices.into_iter().flatten().map(Value::Object).collect(),
        made_at_unix_seconds: unix_seconds(),
    }]))
}
