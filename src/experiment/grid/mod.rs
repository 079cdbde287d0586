//! The grid file: which trainings there are, and what each is for.
//!
//! `report` is `onset` or `sweep`, `over` names the option that a sweep varies, `seeds` lists seeds under `tune` and `judge`,
//! `defaults` holds options of all cells, and `cells` is a list. A cell has a `name`, may have a `role` (`judge` unless it says
//! otherwise, or a list of both) and `seeds` of its own, and every other key is an option of `rotewatch train`. A list as
//! a value is one cell for each of its values; several lists are one cell for each combination.
//! A cell's options win over `defaults`, which win over the trainer's own.

mod expand;
mod file;
mod mistake;
mod reader;
#[cfg(test)]
mod tests;

pub use mistake::{GridError, GridFault, GridMistake};

use super::Role;
use crate::choices::Mode;
use crate::identity::RunName;
use crate::training::TrainOptions;

/// Every run of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// What is made of the runs.
    pub report: ReportKind,
    /// The runs, in the order of the file: each variation of a cell with all its seeds.
    pub runs: Vec<PlannedRun>,
}

/// What is made of the runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// Alarms against the truth and against other ways to stop.
    Onset,
    /// Finished networks along one option, as in the paper.
    Sweep {
        /// The option.
        over: String,
    },
}

/// One training.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRun {
    /// Its name: the variation and the seed.
    pub name: RunName,
    /// The cell's name in the file.
    pub cell: String,
    /// The cell with what its lists vary: one row of a table.
    pub variation: String,
    /// What it is for.
    pub role: Role,
    /// Its seed.
    pub seed: u64,
    /// The options that the file sets, in its order.
    pub options: Vec<(String, String)>,
    /// The trainer's arguments for them, the seed included.
    pub arguments: Vec<String>,
    /// What they amount to.
    pub training: TrainOptions,
}

impl PlannedRun {
    /// The value that the file gives an option.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_str())
    }

    /// Where rows come from: a probe, unless the file says otherwise.
    #[must_use]
    pub fn source(&self) -> Mode {
        self.option("sampling").and_then(|mode| mode.parse().ok()).unwrap_or(Mode::Probe)
    }
}
