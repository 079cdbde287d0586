//! How well the classes that a network predicts agree with where it places the rows.

use rayon::prelude::*;

use super::class::ClassGroups;
use super::samples::Columns;

/// Nearest rows that a row is compared with.
pub const NEIGHBOURS: usize = 10;

/// Rows that are compared at most: the cost is quadratic, and the estimate of a thousand rows is good to 0.01.
pub const ROWS_MAX: usize = 1000;

/// Values that are added up side by side, so that the compiler can use vectors.
const LANES: usize = 16;

/// Returns the agreement between the predicted class of each row and those of its ten nearest rows: Cohen's kappa, 1 if all agree and 0 if
/// they agree as often as by chance. `None` if there are fewer than eleven rows without missing values, or a single class.
///
/// While a network learns what the examples of a class have in common, rows that lie together get the same class. When it learns wrong labels
/// by heart, single rows get another class than everything around them.
///
/// # Shape
/// `columns`: the layer, one row per prediction. The first [`ROWS_MAX`] rows whose values are all finite are compared.
///
/// # Estimator
/// Observed agreement: the mean over the rows, over the [`NEIGHBOURS`] other rows at the least Euclidean distance (the earlier row of two at
/// the same distance), of whether the classes are the same. Expected agreement: the sum of the squared shares of the classes. Kappa is
/// (observed - expected) / (1 - expected).
///
/// # Source
/// Kappa: Cohen (1960). Nearest rows against wrong labels: after Bahri, Jiang, Gupta, "Deep k-NN for Noisy Labels" (ICML 2020), here with
/// the network's own predictions in place of labels.
///
/// # Cost
/// `rows` squared times `neurons`, on the current rayon pool; the same bits for any number of threads.
///
/// # Panics
/// If there is not one prediction per row.
#[must_use]
pub fn neighbour_agreement(columns: &Columns, predictions: &[i64]) -> Option<f64> {
    assert_eq!(columns.rows(), predictions.len(), "there must be one prediction per row");
    let whole = |row: &usize| columns.columns().all(|column| column[*row].is_finite());
    let rows: Vec<usize> = (0..columns.rows()).filter(whole).take(ROWS_MAX).collect();
    let classes: Vec<i64> = rows.iter().map(|&row| predictions[row]).collect();
    let expected = ClassGroups::of(&classes).chance_agreement();
    if rows.len() <= NEIGHBOURS || expected >= 1.0 {
        return None;
    }
    let width = columns.neurons().next_multiple_of(LANES);
    let mut points = vec![0.0_f32; rows.len() * width];
    for (neuron, column) in columns.columns().enumerate() {
        for (place, &row) in rows.iter().enumerate() {
            points[place * width + neuron] = column[row];
        }
    }
    let agreeing: usize = (0..rows.len()).into_par_iter().map(|row| agreeing_neighbours(row, &points, width, &classes)).sum();
    let observed = agreeing as f64 / (rows.len() * NEIGHBOURS) as f64;
    Some((observed - expected) / (1.0 - expected))
}

/// How many of the nearest rows have the row's class.
fn agreeing_neighbours(row: usize, points: &[f32], width: usize, classes: &[i64]) -> usize {
    let own = &points[row * width..(row + 1) * width];
    let mut others: Vec<(f32, usize)> = if width == 0 {
        (0..classes.len()).map(|other| (0.0, other)).collect()
    } else {
        points.chunks_exact(width).map(|other| squared_distance(own, other)).zip(0..).collect()
    };
    others.swap_remove(row);
    others.select_nth_unstable_by(NEIGHBOURS - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    others[..NEIGHBOURS].iter().filter(|(_, other)| classes[*other] == classes[row]).count()
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (a - b) * (a - b);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two clouds of rows, 20 each, far apart.
    fn clouds() -> Columns {
        let values: Vec<f32> =
            (0..40_u16).flat_map(|row| [f32::from(row % 20) / 100.0, if row < 20 { 0.0 } else { 9.0 }]).collect();
        Columns::from_row_major(40, 2, &values)
    }

    fn classes(of: impl Fn(usize) -> i64) -> Vec<i64> {
        (0..40).map(of).collect()
    }

    #[test]
    fn rows_that_lie_together_and_have_one_class_agree_in_full() {
        assert_eq!(neighbour_agreement(&clouds(), &classes(|row| i64::from(row < 20))), Some(1.0));
    }

    #[test]
    fn classes_that_have_nothing_to_do_with_the_place_agree_by_chance() {
        let agreement = neighbour_agreement(&clouds(), &classes(|row| (row * 7 % 20 / 10) as i64)).unwrap();
        assert!(agreement.abs() < 0.25, "{agreement}");
    }

    #[test]
    fn a_row_with_another_class_than_all_around_it_costs_agreement() {
        // One of 40 rows: it disagrees with its ten neighbours, and about ten rows have it among theirs.
        let agreement = neighbour_agreement(&clouds(), &classes(|row| i64::from(row < 20) + i64::from(row == 5))).unwrap();
        assert!((0.85..0.97).contains(&agreement), "{agreement}");
    }

    #[test]
    fn what_cannot_be_compared_has_none() {
        assert_eq!(neighbour_agreement(&clouds(), &classes(|_| 3)), None, "a single class");
        let few = Columns::from_row_major(10, 1, &[0.0; 10]);
        assert_eq!(neighbour_agreement(&few, &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), None, "ten rows have nine neighbours");
        let missing = Columns::from_row_major(12, 1, &[[0.0; 10].as_slice(), &[f32::NAN, f32::INFINITY]].concat());
        assert_eq!(neighbour_agreement(&missing, &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), None, "two rows are not finite");
    }

    proptest! {
        #[test]
        fn it_is_the_plain_definition_and_bounded(
            values in proptest::collection::vec(-3.0_f32..3.0, 30 * 5),
            classes in proptest::collection::vec(0_i64..3, 30),
        ) {
            let found = neighbour_agreement(&Columns::from_row_major(30, 5, &values), &classes);
            let mut shares = [0.0; 3];
            for class in &classes {
                shares[*class as usize] += 1.0 / 30.0;
            }
            let expected: f64 = shares.iter().map(|share| share * share).sum();
            prop_assume!(expected < 0.999);
            let mut agreeing = 0;
            for row in 0..30 {
                let distance = |other: &usize| -> f32 {
                    values[row * 5..][..5].iter().zip(&values[other * 5..][..5]).map(|(a, b)| (a - b) * (a - b)).sum()
                };
                let mut others: Vec<usize> = (0..30).filter(|other| *other != row).collect();
                others.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
                agreeing += others[..10].iter().filter(|other| classes[**other] == classes[row]).count();
            }
            let wanted = (agreeing as f64 / 300.0 - expected) / (1.0 - expected);
            // Rounding may swap two neighbours at almost the same distance.
            prop_assert!((found.unwrap() - wanted).abs() < 0.02);
            prop_assert!(found.unwrap() <= 1.0);
        }
    }
}
