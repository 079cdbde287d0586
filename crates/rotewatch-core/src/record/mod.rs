//! An epoch and a run as they are written and read: one serialisable type each, for the API, `train --json`, exports, the frozen report,
//! `rotewatch top` and the page.
//!
//! JSON has no NaN and no infinity, so null stands for a number that is not finite, and for what does not exist (yet).

pub mod catalogue;
pub mod epoch;
pub mod figures;
pub mod matrix;
pub mod past;
pub mod rows;
pub mod run;
pub mod training;
pub mod verdict;

pub use epoch::{CommittedEpoch, EpochRecord, Hints, LayerRecord, LossGap};
pub use figures::LayerFigures;
pub use matrix::MatrixRecord;
pub use past::PastEpoch;
pub use rows::RowsRecord;
pub use run::{EpochsRecord, FindingRecord, RunDetail, RunRecord, StateRecord, VerdictDetail};
pub use training::TrainingDocument;
pub use verdict::VerdictRecord;

/// A record as a JSON document, its keys in alphabetical order.
///
/// # Panics
/// Never for records: their keys are text.
#[must_use]
#[expect(clippy::expect_used, reason = "serialisation fails for maps whose keys are not text, which no record has")]
pub fn document(record: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(record).expect("the keys of records are text")
}
