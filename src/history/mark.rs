//! Changes to the history outside of its writer's thread: marks the baseline run, and notes interrupted runs.

use std::path::Path;

use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::write::{INTERRUPTED, TRAINING};
use super::{StoreError, file};
use rotewatch_core::vocabulary::identity::RunName;

/// Marks the newest attempt of a run as the baseline that others are compared with; `None` removes the mark. Returns whether the run
/// exists; without a history there is none.
///
/// # Errors
/// See [`StoreError`].
pub fn mark_baseline(state: &Path, name: Option<&RunName>) -> Result<bool, StoreError> {
    let path = state.join(file::FILE);
    if file::open_to_read(&path)?.is_none() {
        return Ok(name.is_none());
    }
    let sql = StoreError::sql(&path);
    let mut file = file::open_beside(&path)?;
    let transaction = file.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&sql)?;
    let id: Option<i64> = match name {
        Some(name) => transaction
            .query_row("SELECT max(id) FROM runs WHERE name = ?", [name.as_str()], |row| row.get(0))
            .optional()
            .map_err(&sql)?
            .flatten(),
        None => None,
    };
    if name.is_some() && id.is_none() {
        return Ok(false);
    }
    transaction.execute("UPDATE runs SET is_baseline = (id IS ?1) WHERE is_baseline OR id IS ?1", [id]).map_err(&sql)?;
    transaction.commit().map_err(&sql)?;
    Ok(true)
}

/// Marks runs as interrupted that have the status "training", but are not being trained according to `is_trained`: their daemon
/// ended before they did. If a client comes back, its run continues.
///
/// # Errors
/// See [`StoreError`].
pub fn note_interrupted(state: &Path, is_trained: impl Fn(&RunName) -> bool) -> Result<(), StoreError> {
    let path = state.join(file::FILE);
    let Some((history, _)) = file::open_to_read(&path)? else { return Ok(()) };
    let sql = StoreError::sql(&path);
    let training: Vec<(i64, String)> = {
        let mut statement = history.prepare("SELECT id, name FROM runs WHERE status = ?").map_err(&sql)?;
        let rows = statement.query_map([TRAINING], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&sql)?;
        rows.collect::<Result<_, _>>().map_err(&sql)?
    };
    drop(history);
    let is_left = |name: &str| name.parse().is_ok_and(|name: RunName| !is_trained(&name));
    let left: Vec<i64> = training.iter().filter(|(_, name)| is_left(name)).map(|(id, _)| *id).collect();
    if left.is_empty() {
        return Ok(());
    }
    let mut file = file::open_beside(&path)?;
    let transaction = file.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&sql)?;
    for id in left {
        let interrupted = "UPDATE runs SET status = ?, finished_at = updated_at WHERE id = ? AND status = ?";
        transaction.execute(interrupted, params![INTERRUPTED, id, TRAINING]).map_err(&sql)?;
    }
    transaction.commit().map_err(&sql)
}
