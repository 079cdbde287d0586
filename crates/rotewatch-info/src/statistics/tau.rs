//! Kendall's rank correlation.

/// Returns Kendall's tau-b of pairs, -1 to 1; `None` if one side is constant.
///
/// # Estimator
/// (concordant - discordant) / sqrt((n0 - ties of one side) (n0 - ties of the other)), n0 = n (n - 1) / 2.
///
/// # Source
/// Kendall (1945), "The treatment of ties in ranking problems"; the same value as `scipy.stats.kendalltau`.
///
/// # Cost
/// Quadratic in the number of pairs: meant for tens of values.
#[must_use]
pub fn tau_b(pairs: &[(f64, f64)]) -> Option<f64> {
    let (mut agreement, mut untied_left, mut untied_right) = (0_i64, 0_i64, 0_i64);
    for (place, one) in pairs.iter().enumerate() {
        for other in pairs.iter().take(place) {
            let left = order(one.0, other.0);
            let right = order(one.1, other.1);
            agreement += left * right;
            untied_left += left.abs();
            untied_right += right.abs();
        }
    }
    if untied_left == 0 || untied_right == 0 {
        return None;
    }
    Some(agreement as f64 / ((untied_left as f64) * (untied_right as f64)).sqrt())
}

fn order(one: f64, other: f64) -> i64 {
    match one.total_cmp(&other) {
        _ if one == other => 0,
        std::cmp::Ordering::Less => -1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_scipy() {
        // scipy 1.17 `kendalltau(x, y).statistic`.
        let table: [(&[f64], &[f64], f64); 4] = [
            (&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 4.0], 1.0),
            (&[1.0, 2.0, 3.0, 4.0], &[4.0, 3.0, 2.0, 1.0], -1.0),
            (&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0], -0.471_404_520_791),
            (&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0, 2.0, 3.0, 5.0, 4.0], 0.8),
        ];
        for (x, y, expected) in table {
            let pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
            let tau = tau_b(&pairs).expect("neither side is constant");
            assert!((tau - expected).abs() < 1e-9, "{tau} is not {expected}");
        }
    }

    #[test]
    fn a_constant_has_no_ranking() {
        assert_eq!(tau_b(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(tau_b(&[(1.0, 1.0)]), None);
    }
}
