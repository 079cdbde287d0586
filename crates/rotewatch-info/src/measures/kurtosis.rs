//! Excess kurtosis: how heavy the tails of a neuron's activations are.
//!
//! A neuron that is silent on most rows and huge on a few has a large one. Large language models grow such outlier features, and they are
//! what makes low-precision inference fail (Dettmers et al. 2022).

use super::samples::Value;

/// Returns the excess kurtosis of one neuron's activations, a number without a unit.
///
/// # Shape
/// One value per row; values that are not finite are left out.
///
/// # Estimator
/// `m4 / m2^2 - 3` with the central moments `m_p = mean((x - mean x)^p)`, not corrected for its bias. 0 for a normal distribution, -2 for
/// a fair coin, at least -2 always; at most `n - 2 + 1 / (n - 1) - 3` for `n` values. NaN if all values are equal or there are none: a
/// constant has no shape.
///
/// # Source
/// Pearson (1905); Joanes and Gill (1998), `g2`; the default of `scipy.stats.kurtosis`.
///
/// # Cost
/// Two passes and a comparison, no memory.
#[must_use]
pub fn excess_kurtosis<V: Value>(column: &[V]) -> f64 {
    let values = || column.iter().filter(|value| value.finite()).map(|value| value.widened());
    let (count, sum) = values().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    let mean = sum / count;
    // The mean of equal values is rounded, so their second moment need not be 0.
    if values().all(|value| Some(value) == values().next()) {
        return f64::NAN;
    }
    let (second, fourth) = values().fold((0.0, 0.0), |(second, fourth), value| {
        let square = (value - mean) * (value - mean);
        (second + square, fourth + square * square)
    });
    // The counts of both moments cancel to one.
    count * fourth / (second * second) - 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_shapes_have_their_kurtosis() {
        let coin: Vec<f64> = (0..100).map(|row| f64::from(row % 2)).collect();
        assert!((excess_kurtosis(&coin) + 2.0).abs() < 1e-12);
        // A uniform distribution on n points has -6 (n^2 + 1) / (5 (n^2 - 1)).
        let ramp: Vec<f64> = (0..100).map(f64::from).collect();
        assert!((excess_kurtosis(&ramp) + 6.0 * 10_001.0 / (5.0 * 9_999.0)).abs() < 1e-9);
        // One outlier among n - 1 equal values has n - 2 + 1 / (n - 1) - 3.
        let mut outlier = vec![0.0_f32; 100];
        outlier[7] = 1e20;
        assert!((excess_kurtosis(&outlier) - (95.0 + 1.0 / 99.0)).abs() < 1e-9);
    }

    #[test]
    fn scale_and_place_change_nothing_and_what_is_not_finite_is_left_out() {
        let plain: Vec<f64> = (0..50).map(|row| f64::from(row * row % 17)).collect();
        let moved: Vec<f64> = plain.iter().map(|value| 3.0 - 1e-3 * value).chain([f64::NAN, f64::INFINITY]).collect();
        assert!((excess_kurtosis(&plain) - excess_kurtosis(&moved)).abs() < 1e-9);
    }

    #[test]
    fn a_constant_has_no_shape() {
        assert!(excess_kurtosis(&[2.5_f32; 9]).is_nan());
        assert!(excess_kurtosis::<f32>(&[]).is_nan());
    }
}
