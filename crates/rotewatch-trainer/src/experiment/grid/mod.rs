//! The grid file: the trainings of an experiment, and the role of each.
//!
//! `report` is `onset` or `sweep`, `over` names the option that a sweep varies, `seeds` lists seeds under `tune` and `judge`,
//! `defaults` holds options of all cells, and `cells` is a list. A cell has a `name`, may have a `role` (`judge` by default,
//! `tune`, or a list of both) and its own `seeds`; every other key is an option of `rotewatch train`. A list as a value makes one
//! cell for each of its values; several lists make one cell for each combination.
//! A cell's options override `defaults`, which override the trainer's defaults.

mod expand;
mod file;
mod mistake;
mod reader;
#[cfg(test)]
mod tests;

pub use mistake::{GridError, GridFault, GridMistake};

use super::Role;
use crate::options::TrainOptions;
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_core::vocabulary::identity::RunName;

/// Every run of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The kind of report.
    pub report: ReportKind,
    /// The runs, in the order of the file: each variation of a cell with all its seeds.
    pub runs: Vec<PlannedRun>,
}

/// The kind of report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// Compares alarms with the truth and with other stopping rules.
    Onset,
    /// Ranks finished networks along one option, as in the paper.
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
    /// Its role.
    pub role: Role,
    /// Its seed.
    pub seed: u64,
    /// The options that the file sets, in its order.
    pub options: Vec<(String, String)>,
    /// The trainer's arguments for them, the seed included.
    pub arguments: Vec<String>,
    /// The training that they describe.
    pub training: TrainOptions,
}

impl PlannedRun {
    /// The value that the file gives an option.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_str())
    }

    /// The source of measured rows: a probe by default.
    #[must_use]
    pub fn source(&self) -> Mode {
        self.option("sampling").and_then(|mode| mode.parse().ok()).unwrap_or(Mode::Probe)
    }
}
