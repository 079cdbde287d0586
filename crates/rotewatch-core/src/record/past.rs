//! An epoch that was judged before a restart, with what the detectors need to judge the next one as if nothing had happened.

use super::EpochRecord;
use crate::vocabulary::rows::EpochRows;

/// An epoch of the past.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastEpoch {
    /// The epoch.
    pub record: EpochRecord,
    /// The numbers of the rows of both sets.
    pub rows: EpochRows,
}
