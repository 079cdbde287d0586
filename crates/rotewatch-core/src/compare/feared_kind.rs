//! The direction in which the measures go with accuracy. It depends on the kind of memorization.

use crate::vocabulary::choices::Kind;

/// The paper's feared about the direction in which the measures go with test accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FearedKind {
    /// A shortcut: less accurate networks have less entropy and more mutual information.
    Heuristic,
    /// Wrong labels or single examples: less accurate networks have more entropy and less mutual information.
    ExampleLevel,
}

impl FearedKind {
    /// The feared for a kind of memorization; `None` for a departure from the baseline, which has no direction.
    #[must_use]
    pub fn of_kind(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Heuristic => Some(FearedKind::Heuristic),
            Kind::ExampleLevel => Some(FearedKind::ExampleLevel),
            Kind::Baseline => None,
        }
    }

    /// The name in flags and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FearedKind::Heuristic => "heuristic",
            FearedKind::ExampleLevel => "example-level",
        }
    }

    /// Every feared.
    pub const ALL: [FearedKind; 2] = [FearedKind::Heuristic, FearedKind::ExampleLevel];

    /// The feared that a sweep over this option tests; `None` for options that the paper does not sweep.
    #[must_use]
    pub fn of(option: &str) -> Option<Self> {
        match option {
            "spurious" => Some(FearedKind::Heuristic),
            "label-noise" => Some(FearedKind::ExampleLevel),
            _ => None,
        }
    }

    /// The sign of tau between entropy and accuracy that the feared expects; mutual information has the opposite sign.
    #[must_use]
    pub fn entropy_sign(self) -> f64 {
        match self {
            FearedKind::Heuristic => 1.0,
            FearedKind::ExampleLevel => -1.0,
        }
    }

    /// The paper's tau by entropy and by mutual information, in the direction of the feared.
    ///
    /// # Source
    /// Bansal, Pruthi, Belinkov (2022), table 2, Colored and Shuffled MNIST.
    #[must_use]
    pub fn of_the_paper(self) -> (f64, f64) {
        match self {
            FearedKind::Heuristic => (1.00, 1.00),
            FearedKind::ExampleLevel => (1.00, 0.88),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_and_memorized_examples_have_opposite_directions() {
        assert_eq!(FearedKind::Heuristic.entropy_sign(), -FearedKind::ExampleLevel.entropy_sign());
        assert_eq!(FearedKind::of("spurious"), FearedKind::of_kind(Kind::Heuristic));
        assert_eq!(FearedKind::of("label-noise"), FearedKind::of_kind(Kind::ExampleLevel));
        assert_eq!((FearedKind::of("dropout"), FearedKind::of_kind(Kind::Baseline)), (None, None));
    }
}
