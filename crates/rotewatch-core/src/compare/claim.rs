//! The direction in which the measures go with accuracy. It depends on the kind of memorization.

use crate::vocabulary::choices::Kind;

/// The paper's claim about the direction in which the measures go with test accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A shortcut: less accurate networks have less entropy and more mutual information.
    Heuristic,
    /// Wrong labels or single examples: less accurate networks have more entropy and less mutual information.
    ExampleLevel,
}

impl Claim {
    /// The claim for a kind of memorization; `None` for a departure from the baseline, which has no direction.
    #[must_use]
    pub fn of_kind(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Heuristic => Some(Claim::Heuristic),
            Kind::ExampleLevel => Some(Claim::ExampleLevel),
            Kind::Baseline => None,
        }
    }

    /// The name in flags and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Claim::Heuristic => "heuristic",
            Claim::ExampleLevel => "example-level",
        }
    }

    /// Every claim.
    pub const ALL: [Claim; 2] = [Claim::Heuristic, Claim::ExampleLevel];

    /// The claim that a sweep over this option tests; `None` for options that the paper does not sweep.
    #[must_use]
    pub fn of(option: &str) -> Option<Self> {
        match option {
            "spurious" => Some(Claim::Heuristic),
            "label-noise" => Some(Claim::ExampleLevel),
            _ => None,
        }
    }

    /// The sign of tau between entropy and accuracy that the claim expects; mutual information has the opposite sign.
    #[must_use]
    pub fn entropy_sign(self) -> f64 {
        match self {
            Claim::Heuristic => 1.0,
            Claim::ExampleLevel => -1.0,
        }
    }

    /// The paper's tau by entropy and by mutual information, in the direction of the claim.
    ///
    /// # Source
    /// Bansal, Pruthi, Belinkov (2022), table 2, Colored and Shuffled MNIST.
    #[must_use]
    pub fn of_the_paper(self) -> (f64, f64) {
        match self {
            Claim::Heuristic => (1.00, 1.00),
            Claim::ExampleLevel => (1.00, 0.88),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_and_memorized_examples_have_opposite_directions() {
        assert_eq!(Claim::Heuristic.entropy_sign(), -Claim::ExampleLevel.entropy_sign());
        assert_eq!(Claim::of("spurious"), Claim::of_kind(Kind::Heuristic));
        assert_eq!(Claim::of("label-noise"), Claim::of_kind(Kind::ExampleLevel));
        assert_eq!((Claim::of("dropout"), Claim::of_kind(Kind::Baseline)), (None, None));
    }
}
