//! The numbers of the rows of the two fixed sets in the epoch that is being received.

use std::sync::Arc;

use crate::vocabulary::rows::{EpochRows, OfSets, RowNumbers, RowSet};

/// Maximum number of rows of a set, at 24 bytes each. A set that sends more is not judged by its rows.
const ROWS_MAX: usize = 100_000;

/// Joins the frames of an epoch. Rows are in the order in which their frames were sent; a frame that was dropped leaves fewer rows, which
/// is how a reader knows that rows of two epochs do not match.
#[derive(Debug, Default)]
pub struct RowsReceived {
    sets: OfSets<Option<RowNumbers>>,
}

impl RowsReceived {
    /// Adds the rows of a frame.
    pub fn take_in(&mut self, set: RowSet, part: RowNumbers) {
        let of_set = self.sets.of_mut(set);
        match of_set {
            // One row too many is kept, so that the end of the epoch knows.
            Some(whole) if whole.rows().is_some_and(|rows| rows > ROWS_MAX) => {}
            Some(whole) => whole.append(part),
            None => *of_set = Some(part),
        }
    }

    /// Ends the epoch and returns its numbers.
    pub fn end(&mut self) -> EpochRows {
        let OfSets { unseen, seen } = std::mem::take(&mut self.sets);
        let known = |numbers: Option<RowNumbers>| {
            let rows = numbers.as_ref().and_then(RowNumbers::rows);
            numbers.filter(|_| rows.is_some_and(|rows| rows <= ROWS_MAX)).map(Arc::new)
        };
        OfSets { unseen: known(unseen), seen: known(seen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_joined_by_set_and_an_epoch_starts_empty() {
        let mut rows = RowsReceived::default();
        for class in [1, 2] {
            rows.take_in(RowSet::Unseen, RowNumbers::of_predictions(vec![class; 2]));
        }
        rows.take_in(RowSet::Seen, RowNumbers::default());
        let ended = rows.end();
        assert_eq!(ended.unseen.and_then(|numbers| numbers.predictions.clone()), Some(vec![1, 1, 2, 2]));
        assert_eq!(ended.seen, None, "a set without a number says nothing");
        assert_eq!(rows.end(), EpochRows::default());
    }
}
