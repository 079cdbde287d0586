//! The values of `--against`: which kind of memorization to guard against.

use clap::ValueEnum;

use rotewatch_core::compare::FearedKind;

/// Which kind of memorization to guard against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Against {
    /// A shortcut: more entropy and less mutual information are better
    Heuristic,
    /// Wrong labels or single examples: less entropy and more mutual information are better
    ExampleLevel,
}

impl Against {
    /// The feared that says which direction is better.
    pub(super) fn feared(self) -> FearedKind {
        match self {
            Against::Heuristic => FearedKind::Heuristic,
            Against::ExampleLevel => FearedKind::ExampleLevel,
        }
    }
}
