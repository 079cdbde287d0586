//! The mean of the newest values of a series.

use std::collections::VecDeque;

/// The newest values of a series. A value is one number, or several numbers that are averaged separately.
///
/// # Estimator
/// Arithmetic mean of the newest values, summed from the oldest. A gap takes the place of a value but is not averaged.
#[derive(Clone, Debug, Default)]
pub struct TrailingMean<const NUMBERS: usize = 1> {
    newest: VecDeque<Option<[f64; NUMBERS]>>,
}

impl TrailingMean {
    /// Adds a number, keeps the newest `over` (at least this one), and returns their mean.
    pub fn push(&mut self, number: f64, over: usize) -> f64 {
        self.push_all(Some([number]), over).map_or(number, |[mean]| mean)
    }

    /// Returns the mean of the kept numbers; `None` before the first.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.means().map(|[mean]| mean)
    }
}

impl<const NUMBERS: usize> TrailingMean<NUMBERS> {
    /// Adds a value, or `None` for a gap, and keeps the newest `over` (at least this one). Returns the mean of each number; `None` if
    /// only gaps are kept.
    pub fn push_all(&mut self, value: Option<[f64; NUMBERS]>, over: usize) -> Option<[f64; NUMBERS]> {
        self.newest.push_back(value);
        let surplus = self.newest.len().saturating_sub(over.max(1));
        self.newest.drain(..surplus);
        self.means()
    }

    /// Returns the mean of each number over the kept values; `None` if there are none.
    #[must_use]
    pub fn means(&self) -> Option<[f64; NUMBERS]> {
        let mut count = 0.0;
        let mut sums = [0.0; NUMBERS];
        for value in self.newest.iter().flatten() {
            count += 1.0;
            sums.iter_mut().zip(value).for_each(|(sum, number)| *sum += number);
        }
        (count > 0.0).then(|| sums.map(|sum| sum / count))
    }

    /// Returns the number of kept values, including gaps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Returns whether nothing was added yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_the_newest_values() {
        let mut trailing = TrailingMean::default();
        assert_eq!((trailing.mean(), trailing.is_empty()), (None, true));
        let means = [1.0, 2.0, 6.0, 4.0].map(|number| trailing.push(number, 3));
        assert_eq!(means, [1.0, 1.5, 3.0, 4.0]);
        assert_eq!((trailing.mean(), trailing.len()), (Some(4.0), 3));
    }

    #[test]
    fn over_how_many_may_change_and_is_at_least_one() {
        let mut trailing = TrailingMean::default();
        for number in [1.0, 2.0, 3.0] {
            trailing.push(number, 3);
        }
        let means = [trailing.push(5.0, 2), trailing.push(7.0, 0), trailing.push(9.0, 3)];
        assert_eq!(means, [4.0, 7.0, 8.0]);
    }

    #[test]
    fn a_gap_takes_the_place_of_a_value_and_is_none() {
        let mut trailing = TrailingMean::<2>::default();
        assert_eq!(trailing.push_all(None, 2), None);
        assert_eq!(trailing.push_all(Some([1.0, 4.0]), 2), Some([1.0, 4.0]));
        assert_eq!(trailing.push_all(Some([3.0, 0.0]), 2), Some([2.0, 2.0]));
        assert_eq!(trailing.push_all(None, 2), Some([3.0, 0.0]));
        assert_eq!(trailing.push_all(None, 2), None);
    }
}
