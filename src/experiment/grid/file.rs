//! The sections of a grid file, as they are written.

use clap::ValueEnum;

use crate::config::section::{Given, Here, ListOf, OneOr, Placed, Sections, Text, Whole, Word, section};
use crate::experiment::Role;

/// The values of an option: one, or several to vary it.
pub type Words = Vec<Placed<String>>;

/// The word for what is made of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// Alarms against the truth.
    Onset,
    /// Finished networks along an option.
    Sweep,
}

section! {
    /// The whole file.
    GridFile {
        /// What is made of the runs.
        report: Option<Placed<Report>> = None, Given(Here(Word));
        /// The option that a sweep goes over.
        over: Option<Placed<String>> = None, Given(Here(Text));
        /// The cells.
        cells: Vec<Placed<Cell>> = Vec::new(), Sections("a list of cells");
    }
    sections {
        /// The seeds of cells that have none of their own.
        seeds: Seeds;
        /// Options of all cells.
        defaults: Defaults;
    }
}

section! {
    /// Seeds by what they are for.
    Seeds {
        /// Those of runs that thresholds are chosen on.
        tune: Option<Vec<u64>> = None, Given(OneOr(ListOf(Whole(0..=u64::MAX))));
        /// Those of runs that judge them.
        judge: Option<Vec<u64>> = None, Given(OneOr(ListOf(Whole(0..=u64::MAX))));
    }
}

section! {
    /// Options of all cells.
    Defaults {}
    rest {
        /// The options.
        options: Words, OneOr(ListOf(Here(Text)));
    }
}

section! {
    /// A training, or one for each combination of the values that its options list.
    Cell {
        /// What its runs are named after.
        name: Option<String> = None, Given(Text);
        /// What its runs are for.
        role: Vec<Role> = vec![Role::Judge], OneOr(ListOf(Word));
    }
    sections {
        /// Seeds of its own.
        seeds: Seeds;
    }
    rest {
        /// The options.
        options: Words, OneOr(ListOf(Here(Text)));
    }
}

impl Seeds {
    /// The seeds of a role; none where it has none here.
    pub(super) fn of(&self, role: Role) -> Option<&[u64]> {
        match role {
            Role::Tune => self.tune.as_deref(),
            Role::Judge => self.judge.as_deref(),
        }
    }
}
