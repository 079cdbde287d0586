//! The digamma function at positive integers, as doubles and as fixed-point integers that can be summed in any order.

/// Fractional bits of a fixed-point value.
const FRACTION_BITS: i32 = 44;

/// The Euler-Mascheroni constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// `psi(1), psi(2), ...` up to a largest argument.
#[derive(Clone, Debug)]
pub struct Digamma {
    values: Vec<f64>,
    fixed: Vec<i64>,
}

impl Digamma {
    /// Computes the values at `1..=largest`.
    ///
    /// # Estimator
    /// Below 32 the recurrence `psi(n + 1) = psi(n) + 1 / n`, from there on the asymptotic series to the sixth power, whose remainder
    /// is below 1e-15.
    ///
    /// # Source
    /// Abramowitz and Stegun (1964), equations 6.3.2 and 6.3.18.
    #[must_use]
    pub fn up_to(largest: usize) -> Self {
        let mut values = vec![f64::NAN];
        let mut recurrence = -EULER;
        for n in 1..=largest {
            let x = n as f64;
            values.push(if n < 32 { recurrence } else { series(x) });
            recurrence += 1.0 / x;
        }
        let scale = 2.0_f64.powi(FRACTION_BITS);
        let fixed = values.iter().map(|value| (value * scale).round() as i64).collect();
        Self { values, fixed }
    }

    /// Returns `psi(n)`.
    ///
    /// # Panics
    /// If `n` is 0 or beyond the largest argument.
    #[must_use]
    pub fn of(&self, n: usize) -> f64 {
        assert!(n > 0, "psi has a pole at 0");
        self.values[n]
    }

    /// Returns `psi(n)` in units of `2^-44`.
    ///
    /// # Panics
    /// If `n` is beyond the largest argument.
    #[must_use]
    pub fn fixed(&self, n: usize) -> i64 {
        debug_assert!(n > 0, "psi has a pole at 0");
        self.fixed[n]
    }

    /// Converts a sum of fixed-point values to a double.
    #[must_use]
    pub fn unfixed(sum: i128) -> f64 {
        sum as f64 * 2.0_f64.powi(-FRACTION_BITS)
    }
}

fn series(x: f64) -> f64 {
    let inverse = 1.0 / (x * x);
    x.ln() - 0.5 / x - inverse * (1.0 / 12.0 - inverse * (1.0 / 120.0 - inverse / 252.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_minus_euler_and_obeys_the_recurrence() {
        let digamma = Digamma::up_to(5_000);
        assert_eq!(digamma.of(1), -EULER);
        for n in 1..5_000 {
            // Each of the thirty additions of the recurrence may be off by one unit in the last place.
            assert!((digamma.of(n + 1) - digamma.of(n) - 1.0 / n as f64).abs() < 1e-14, "{n}");
            assert!((Digamma::unfixed(digamma.fixed(n).into()) - digamma.of(n)).abs() < 1e-13, "{n}");
        }
    }
}
