//! A set of rows after an epoch, as every surface writes and reads it: means over its rows.

use serde::{Deserialize, Serialize};

use crate::vocabulary::rows::RowNumbers;

/// Means over the rows of a set. Rows whose value is not finite make the mean not finite, which JSON writes as null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowsRecord {
    /// Number of rows.
    pub rows: usize,
    /// Mean loss by the given labels; in nats for cross-entropy. `None` without labels.
    pub loss: Option<f64>,
    /// Share of rows whose predicted class is not the given label. `None` without labels or classes.
    pub error_ratio: Option<f64>,
    /// Mean of the largest predicted probability. `None` without classes.
    pub confidence: Option<f64>,
    /// Mean entropy of the predicted distributions, in nats. `None` without classes.
    pub entropy_nats: Option<f64>,
}

impl RowsRecord {
    /// Sums up the numbers of single rows.
    #[must_use]
    pub fn of(numbers: &RowNumbers) -> Self {
        let mean = |values: &Option<Vec<f32>>| {
            let values = values.as_ref().filter(|values| !values.is_empty())?;
            Some(values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64)
        };
        RowsRecord {
            rows: numbers.rows().unwrap_or(0),
            loss: mean(&numbers.losses),
            error_ratio: mean(&numbers.errors),
            confidence: mean(&numbers.confidence),
            entropy_nats: mean(&numbers.entropy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_the_rows_and_missing_numbers_stay_missing() {
        let numbers =
            RowNumbers { losses: Some(vec![1.0, 2.0, 6.0]), errors: Some(vec![0.0, 1.0, 1.0]), ..RowNumbers::default() };
        let record = RowsRecord::of(&numbers);
        assert_eq!((record.rows, record.loss, record.confidence), (3, Some(3.0), None));
        assert!((record.error_ratio.unwrap_or_default() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(RowsRecord::of(&RowNumbers::default()), RowsRecord::default());
    }
}
