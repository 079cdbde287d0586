//! The two fixed sets of rows (examples) that pass through the network after each epoch, and the numbers of their single rows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::choices::UnknownChoice;

/// Whether the network is trained on a row.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumMessage,
    EnumString,
    VariantArray,
    VariantNames,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<RowSet>)]
pub enum RowSet {
    /// The probe: rows that are not trained on.
    Unseen,
    /// Rows of the training set.
    Seen,
}

impl RowSet {
    /// Both sets, in the order in which they are listed.
    pub const ALL: [RowSet; 2] = [RowSet::Unseen, RowSet::Seen];

    /// The spelling of labels, parameters and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Something of each set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OfSets<T> {
    /// Of the rows that are not trained on.
    pub unseen: T,
    /// Of the rows of the training set.
    pub seen: T,
}

impl<T> OfSets<T> {
    /// What belongs to a set.
    pub fn of(&self, set: RowSet) -> &T {
        match set {
            RowSet::Unseen => &self.unseen,
            RowSet::Seen => &self.seen,
        }
    }

    /// What belongs to a set, to change it.
    pub fn of_mut(&mut self, set: RowSet) -> &mut T {
        match set {
            RowSet::Unseen => &mut self.unseen,
            RowSet::Seen => &mut self.seen,
        }
    }
}

/// The numbers of both sets after an epoch; `None` for a set that sent none.
pub type EpochRows = OfSets<Option<Arc<RowNumbers>>>;

/// What the network says of each row after an epoch. Every number is optional: a task without classes has losses alone, rows without labels
/// have no losses.
///
/// # Shape
/// One value per row in each vector, in the order of the rows, the same in every epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowNumbers {
    /// Loss by the given label, which may be wrong; in nats for cross-entropy.
    pub losses: Option<Vec<f32>>,
    /// 1 where the predicted class is not the given label, else 0; for sequences the share of such positions.
    pub errors: Option<Vec<f32>>,
    /// The predicted class.
    pub predictions: Option<Vec<i64>>,
    /// The largest predicted probability.
    pub confidence: Option<Vec<f32>>,
    /// Entropy of the predicted distribution, in nats.
    pub entropy: Option<Vec<f32>>,
}

impl RowNumbers {
    /// Numbers of rows of which the predicted class alone is known.
    #[must_use]
    pub fn of_predictions(predictions: Vec<i64>) -> Self {
        RowNumbers { predictions: Some(predictions), ..RowNumbers::default() }
    }

    /// The number of rows; `None` if nothing is known.
    #[must_use]
    pub fn rows(&self) -> Option<usize> {
        let [losses, errors, confidence, entropy] = self.reals().map(|(_, values)| values.as_ref().map(Vec::len));
        losses.or(errors).or(confidence).or(entropy).or(self.predictions.as_ref().map(Vec::len))
    }

    /// The bytes of all values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let reals: usize =
            self.reals().into_iter().filter_map(|(_, values)| Some(values.as_ref()?.len() * size_of::<f32>())).sum();
        reals + self.predictions.as_ref().map_or(0, |classes| classes.len() * size_of::<i64>())
    }

    /// The numbers that are not classes, with their names.
    #[must_use]
    pub fn reals(&self) -> [(&'static str, &Option<Vec<f32>>); 4] {
        [("losses", &self.losses), ("errors", &self.errors), ("confidence", &self.confidence), ("entropy", &self.entropy)]
    }

    /// Appends the rows of another part. A number that one of the parts lacks is left out of the whole.
    pub fn append(&mut self, part: RowNumbers) {
        fn joined<T>(whole: &mut Option<Vec<T>>, part: Option<Vec<T>>) {
            match (whole.as_mut(), part) {
                (Some(whole), Some(part)) => whole.extend(part),
                _ => *whole = None,
            }
        }
        joined(&mut self.losses, part.losses);
        joined(&mut self.errors, part.errors);
        joined(&mut self.predictions, part.predictions);
        joined(&mut self.confidence, part.confidence);
        joined(&mut self.entropy, part.entropy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_a_part_lacks_is_left_out_of_the_whole() {
        let mut whole = RowNumbers { losses: Some(vec![1.0]), predictions: Some(vec![3]), ..RowNumbers::default() };
        whole.append(RowNumbers { losses: Some(vec![2.0, 4.0]), errors: Some(vec![0.0, 1.0]), ..RowNumbers::default() });
        assert_eq!(whole, RowNumbers { losses: Some(vec![1.0, 2.0, 4.0]), ..RowNumbers::default() });
        assert_eq!((whole.rows(), whole.bytes()), (Some(3), 12));
        assert_eq!(RowNumbers::default().rows(), None);
        assert_eq!(
            (RowNumbers::of_predictions(vec![1, 2]).rows(), RowNumbers::of_predictions(vec![1, 2]).bytes()),
            (Some(2), 16)
        );
    }

    #[test]
    fn sets_are_spelled_as_in_parameters_and_labels() {
        for set in RowSet::ALL {
            assert_eq!(set.as_str().parse(), Ok(set));
        }
        assert_eq!(RowSet::Unseen.to_string(), "unseen");
        let mut of = OfSets { unseen: 1, seen: 2 };
        *of.of_mut(RowSet::Seen) += 1;
        assert_eq!((*of.of(RowSet::Unseen), *of.of(RowSet::Seen)), (1, 3));
    }
}
