//! Which of several finished networks generalises best, by what their neurons say alone.
//!
//! The paper's own use of the measures (Bansal, Pruthi, Belinkov (2022), section 5): networks are put in order by the mean entropy of their
//! neurons and by the mean mutual information of their pairs, and held against scores where there are any. What is better depends on
//! what is feared ([`Claim`]). Networks are only put in order beside others that were seen in the same way ([`Seen`]): an entropy over
//! other neurons, or on other rows, is another quantity. Of two trainings there is more to say ([`Comparison`]): since when they differ.
//!
//! Deliberately absent: a verdict on a single network, and one order out of both measures, which may contradict each other.

mod candidate;
mod claim;
mod comparison;
mod course;
mod order;

pub use candidate::{Candidate, LayerMeans, Probe, Seen};
pub use claim::Claim;
pub use comparison::{Comparison, EPOCHS_MIN, Incomparable, Measure, Parting, Preference, Side, TrackRecord};
pub use course::Course;
pub use order::{Direction, Group, NoDirection, Placed, groups};
