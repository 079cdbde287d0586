//! The sections of a grid file.

use strum::{Display, EnumMessage, EnumString, VariantArray, VariantNames};

use crate::experiment::Role;
use rotewatch::config::document::{Given, Here, ListOf, OneOr, Placed, Sections, Text, Whole, Word, section};
use rotewatch_core::vocabulary::choices::UnknownChoice;

/// The values of an option: one, or several to vary it.
pub(super) type Words = Vec<Placed<String>>;

/// The kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, EnumString, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Report>)]
pub(super) enum Report {
    /// Compares alarms with what the runs really did.
    Onset,
    /// Ranks finished networks over the values of an option.
    Sweep,
}

section! {
    /// The whole file.
    pub(super) GridFile {
        /// The kind of report.
        report: Option<Placed<Report>> = None, Given(Here(Word));
        /// The option that a sweep varies.
        over: Option<Placed<String>> = None, Given(Here(Text));
        /// The cells.
        cells: Vec<Placed<Cell>> = Vec::new(), Sections("a list of cells");
    }
    sections {
        /// The seeds of cells without seeds of their own.
        seeds: Seeds;
        /// Options of all cells.
        defaults: Defaults;
    }
}

section! {
    /// Seeds by the role of their runs.
    pub(super) Seeds {
        /// Seeds of runs for choosing thresholds.
        tune: Option<Vec<u64>> = None, Given(OneOr(ListOf(Whole(0..=u64::MAX))));
        /// Seeds of runs for judging them.
        judge: Option<Vec<u64>> = None, Given(OneOr(ListOf(Whole(0..=u64::MAX))));
    }
}

section! {
    /// Options of all cells.
    pub(super) Defaults {}
    rest {
        /// The options.
        options: Words, OneOr(ListOf(Here(Text)));
    }
}

section! {
    /// A training, or one for each combination of the values that its options list.
    pub(super) Cell {
        /// The prefix of the names of its runs.
        name: Option<String> = None, Given(Text);
        /// The roles of its runs.
        role: Vec<Role> = vec![Role::Judge], OneOr(ListOf(Word));
    }
    sections {
        /// Its own seeds.
        seeds: Seeds;
    }
    rest {
        /// The options.
        options: Words, OneOr(ListOf(Here(Text)));
    }
}

impl Seeds {
    /// The seeds of a role; `None` if none are given here.
    pub(super) fn of(&self, role: Role) -> Option<&[u64]> {
        match role {
            Role::Tune => self.tune.as_deref(),
            Role::Judge => self.judge.as_deref(),
        }
    }
}
