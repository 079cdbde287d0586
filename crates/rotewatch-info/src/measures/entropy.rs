//! Shannon entropy of binned values.

/// Returns `x ln x`, and 0 at 0.
#[must_use]
pub fn x_ln_x(x: f64) -> f64 {
    if x > 0.0 { x * x.ln() } else { 0.0 }
}

/// Returns the plug-in entropy of counts, in nats.
///
/// # Shape
/// One count per bin.
///
/// # Estimator
/// `H = -sum p ln p` with `p = count / n`, computed as `ln n - (sum c ln c) / n`: natural logarithm, biased downwards by about
/// `(occupied bins - 1) / (2 n)`, not corrected. In `[0, ln(bins)]`; 0 for one occupied bin and for no values.
///
/// # Source
/// Shannon (1948), theorem 2.
///
/// # Cost
/// One logarithm per bin.
#[must_use]
pub fn entropy_nats(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let total = total as f64;
    let weighted: f64 = counts.iter().map(|&count| x_ln_x(count as f64)).sum();
    (total.ln() - weighted / total).max(0.0)
}

/// Returns the entropy as a share of the maximum for `bin_count` bins: `H / ln(bin_count)`, and 0 for one bin.
#[must_use]
pub fn entropy_ratio(nats: f64, bin_count: usize) -> f64 {
    if bin_count < 2 {
        return 0.0;
    }
    nats / (bin_count as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fair_coin_holds_ln_2() {
        assert!((entropy_nats(&[50, 50]) - 2.0_f64.ln()).abs() < 1e-15);
        assert!((entropy_ratio(entropy_nats(&[5; 10]), 10) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn certainty_and_emptiness_hold_nothing() {
        assert_eq!(entropy_nats(&[0, 9, 0]), 0.0);
        assert_eq!(entropy_nats(&[0, 0]), 0.0);
        assert_eq!(entropy_nats(&[]), 0.0);
    }
}
