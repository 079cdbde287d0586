//! A count out of a total, and the confidence interval of the share behind it.

use std::fmt;

/// Error probability of an interval.
const ERROR: f64 = 0.05;

/// A number of runs out of a total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountedShare {
    /// Runs that meet the condition.
    pub hits: u32,
    /// All runs.
    pub of: u32,
}

impl CountedShare {
    /// Counts the items that meet the condition.
    pub fn count<T>(all: impl IntoIterator<Item = T>, hit: impl Fn(&T) -> bool) -> Self {
        let mut share = CountedShare::default();
        for one in all {
            share.of += 1;
            share.hits += u32::from(hit(&one));
        }
        share
    }

    /// Returns the share; `None` if the total is 0.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.of > 0).then(|| f64::from(self.hits) / f64::from(self.of))
    }

    /// Returns the exact 95 % interval; `None` if the total is 0.
    ///
    /// # Estimator
    /// The shares under which at least this many hits, and at most this many hits, each have a probability of at least 2.5 %. With
    /// no hits or only hits, one side is open and the other gets the whole 5 %, so that 0 of 40 means below 7.2 %.
    ///
    /// # Source
    /// Clopper and Pearson (1934); the ends are found by bisection on the binomial tail.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        let Self { hits, of } = *self;
        self.value()?;
        if hits == 0 {
            return Some((0.0, 1.0 - ERROR.powf(1.0 / f64::from(of))));
        }
        if hits == of {
            return Some((ERROR.powf(1.0 / f64::from(of)), 1.0));
        }
        let lower = bisect(|share| 1.0 - at_most(hits - 1, of, share) < ERROR / 2.0);
        let upper = bisect(|share| at_most(hits, of, share) > ERROR / 2.0);
        Some((lower, upper))
    }
}

impl fmt::Display for CountedShare {
    /// Formats as `3 of 40 (7.5 %, 1.6 to 20.4)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.hits, self.of)?;
        if let (Some(value), Some((lower, upper))) = (self.value(), self.interval()) {
            write!(f, " ({:.1} %, {:.1} to {:.1})", 100.0 * value, 100.0 * lower, 100.0 * upper)?;
        }
        Ok(())
    }
}

/// Returns the largest share for which `holds`, which must be true up to some share and false beyond it.
fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut holding, mut failing) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let middle = f64::midpoint(holding, failing);
        if holds(middle) {
            holding = middle;
        } else {
            failing = middle;
        }
    }
    f64::midpoint(holding, failing)
}

/// Returns the probability of at most this many hits.
fn at_most(hits: u32, of: u32, share: f64) -> f64 {
    if share <= 0.0 {
        return 1.0;
    }
    if share >= 1.0 {
        return if hits >= of { 1.0 } else { 0.0 };
    }
    let (log_share, log_rest) = (share.ln(), (1.0 - share).ln());
    let mut log_ways = 0.0;
    let mut chance = 0.0;
    for so_many in 0..=hits {
        if so_many > 0 {
            log_ways += (f64::from(of - so_many + 1) / f64::from(so_many)).ln();
        }
        chance += (log_ways + f64::from(so_many) * log_share + f64::from(of - so_many) * log_rest).exp();
    }
    chance.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        // scipy 1.17 `binomtest(k, n).proportion_ci()`; for no hits and for all hits `1 - 0.05 ** (1 / n)`.
        let table = [
            (0, 40, 0.0, 0.072_158),
            (40, 40, 0.927_842, 1.0),
            (2, 40, 0.006_114, 0.169_197),
            (57, 60, 0.860_757, 0.989_568),
            (5, 10, 0.187_086, 0.812_914),
            (1, 1, 0.05, 1.0),
        ];
        for (hits, of, lower, upper) in table {
            let (low, high) = CountedShare { hits, of }.interval().expect("there are runs");
            assert!((low - lower).abs() < 2e-6 && (high - upper).abs() < 2e-6, "{hits} of {of}: {low} to {high}");
        }
        assert_eq!(CountedShare::default().interval(), None);
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let share = CountedShare::count([1, 2, 3, 4], |number| *number > 3);
        assert_eq!(share.to_string(), "1 of 4 (25.0 %, 0.6 to 80.6)");
        assert_eq!(CountedShare::default().to_string(), "0 of 0");
    }
}
