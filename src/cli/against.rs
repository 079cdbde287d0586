//! What is feared, as flags say it.

use clap::ValueEnum;

use rotewatch_core::compare::Claim;

/// What is feared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Against {
    /// Shortcuts: more entropy and less mutual information are better
    Heuristic,
    /// Examples learnt by heart: less entropy and more mutual information are better
    ExampleLevel,
}

impl Against {
    /// What decides which way is better.
    pub(super) fn claim(self) -> Claim {
        match self {
            Against::Heuristic => Claim::Heuristic,
            Against::ExampleLevel => Claim::ExampleLevel,
        }
    }
}
