//! Ranks finished networks by how well they should generalise, from their neurons alone.
//!
//! This is the paper's own use of the measures (Bansal, Pruthi, Belinkov (2022), section 5). Networks are ranked by the mean entropy of
//! their neurons and by the mean mutual information of their pairs, and the rankings are compared with scores, if there are any. The
//! direction depends on the kind of memorization to guard against ([`FearedKind`]). Only networks that were measured in the same way ([`MeasurementSetup`])
//! are ranked together, because an entropy over other neurons, or on other rows, is a different quantity. [`Comparison`] compares two
//! trainings over their epochs.
//!
//! Deliberately absent: a verdict on a single network, and one ranking from both measures, which may contradict each other.

mod comparison;
mod feared_kind;
mod measured_network;
mod order;
mod record;
mod training_curve;

pub use comparison::{Comparison, EPOCHS_MIN, Incomparable, Measure, Parting, Preference, Side, TrackRecord};
pub use feared_kind::FearedKind;
pub use measured_network::{LayerMeans, MeasuredNetwork, MeasurementSetup, Probe};
pub use order::{Direction, Group, NoDirection, Placed, groups};
pub use record::{ComparedRun, ComparisonRecord, LayerWidthRecord, PartingRecord, SetupRecord};
pub use training_curve::TrainingCurve;
