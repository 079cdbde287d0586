//! Ranks finished networks by how well they should generalise, from their neurons alone.
//!
//! This is the paper's own use of the measures (Bansal, Pruthi, Belinkov (2022), section 5). Networks are ranked by the mean entropy of
//! their neurons and by the mean mutual information of their pairs, and the rankings are compared with scores, if there are any. The
//! direction depends on the kind of memorization to guard against ([`Claim`]). Only networks that were measured in the same way ([`Seen`])
//! are ranked together, because an entropy over other neurons, or on other rows, is a different quantity. [`Comparison`] compares two
//! trainings over their epochs.
//!
//! Deliberately absent: a verdict on a single network, and one ranking from both measures, which may contradict each other.

mod candidate;
mod claim;
mod comparison;
mod course;
mod order;
mod record;

pub use candidate::{Candidate, LayerMeans, Probe, Seen};
pub use claim::Claim;
pub use comparison::{Comparison, EPOCHS_MIN, Incomparable, Measure, Parting, Preference, Side, TrackRecord};
pub use course::Course;
pub use order::{Direction, Group, NoDirection, Placed, groups};
pub use record::{ComparedRun, ComparisonRecord, LayerWidthRecord, PartingRecord, SetupRecord};
