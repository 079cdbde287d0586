//! Reads the runs from a grid file, and collects all mistakes.

use std::collections::HashSet;
use std::path::Path;

use super::expand::{Values, variations};
use super::file::{Cell, GridFile, Report, Seeds, Words};
use super::mistake::{GridError, GridFault, GridMistake};
use super::{Grid, PlannedRun, ReportKind};
use crate::experiment::Role;
use crate::experiment::flags::{TrainerFlags, TrainerOption, arguments, reserved};
use rotewatch::config::document::{Fault, Free, Mistake, Placed, nearest, read_text, read_with_mistakes};
use rotewatch::config::yaml::Position;
use rotewatch_core::vocabulary::identity::{NameError, RunName};

/// The keys of a cell that are not options of the trainer.
const CELL_KEYS: [&str; 3] = ["name", "role", "seeds"];

impl Grid {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Why the file cannot be read, or everything that is wrong in it.
    pub fn read(path: &Path, flags: &dyn TrainerFlags) -> Result<Self, GridError> {
        Self::parse(&read_text(path)?, &path.display().to_string(), flags)
    }

    /// Checks a text; `origin` names it in messages.
    ///
    /// # Errors
    /// All mistakes in it. Names, seeds and combinations of options are checked only if all keys and options are right.
    pub fn parse(text: &str, origin: &str, flags: &dyn TrainerFlags) -> Result<Self, GridError> {
        let (file, mistakes) = read_with_mistakes::<GridFile>(text, origin)?;
        let told = |Mistake { path, at, fault }| Mistake { path, at, fault: GridFault::Key(fault) };
        let mistakes = mistakes.into_iter().map(told).collect();
        let mut planner = Planner { flags, known: flags.options(), mistakes, names: HashSet::new(), runs: Vec::new() };
        let report = planner.report(&file);
        let options = planner.options(&file);
        if planner.mistakes.is_empty() {
            for (index, (cell, options)) in file.cells.iter().zip(options).enumerate() {
                planner.cell(index, cell, &file.seeds, &options);
            }
        }
        let Planner { mut mistakes, runs, .. } = planner;
        mistakes.sort_by_key(|mistake| mistake.at);
        match report {
            Some(report) if mistakes.is_empty() => Ok(Grid { report, runs }),
            _ => Err(GridError::Mistakes { origin: origin.to_owned(), mistakes }),
        }
    }
}

struct Planner<'flags> {
    flags: &'flags dyn TrainerFlags,
    known: Vec<TrainerOption>,
    mistakes: Vec<GridMistake>,
    names: HashSet<String>,
    runs: Vec<PlannedRun>,
}

impl Planner<'_> {
    fn mistake(&mut self, at: Option<Position>, path: &str, fault: impl Into<GridFault>) {
        self.mistakes.push(GridMistake { at, path: path.to_owned(), fault: fault.into() });
    }

    /// Reports a missing required key, unless the key is there and has a mistake.
    fn missing(&mut self, at: Option<Position>, path: &str, what: &'static str) {
        if !self.mistakes.iter().any(|mistake| mistake.path == path) {
            self.mistake(at, path, Fault::Needs { what });
        }
    }

    fn report(&mut self, file: &GridFile) -> Option<ReportKind> {
        let Some(report) = &file.report else {
            self.missing(None, "report", "onset or sweep");
            return None;
        };
        match (report.value, &file.over) {
            (Report::Onset, None) => Some(ReportKind::Onset),
            (Report::Onset, Some(over)) => {
                self.mistake(over.at, "over", GridFault::NoSweep);
                None
            }
            (Report::Sweep, None) => {
                self.missing(report.at, "over", "the option that the sweep varies");
                None
            }
            (Report::Sweep, Some(Placed { value: over, at })) => {
                if !self.known.iter().any(|known| known.name == *over) {
                    let fault = self.unknown(over, &[]);
                    self.mistake(*at, &format!("over.{over}"), fault);
                    return None;
                }
                Some(ReportKind::Sweep { over: over.clone() })
            }
        }
    }

    /// The options of each cell, including the defaults.
    fn options(&mut self, file: &GridFile) -> Vec<Vec<Values>> {
        if file.cells.is_empty() {
            self.missing(None, "cells", "a list of cells");
        }
        let defaults: Vec<Values> =
            file.defaults.options.iter().filter_map(|option| self.option(option, "defaults", &[])).collect();
        let mut all = Vec::with_capacity(file.cells.len());
        for (index, cell) in file.cells.iter().enumerate() {
            let path = format!("cells[{index}]");
            if cell.value.name.is_none() {
                self.missing(cell.at, &format!("{path}.name"), "the cell's name");
            }
            let mut options = defaults.clone();
            for option in &cell.value.options {
                if let Some(values) = self.option(option, &path, &CELL_KEYS) {
                    options.retain(|(name, _)| *name != values.0);
                    options.push(values);
                }
            }
            all.push(options);
        }
        all
    }

    /// An option of the trainer with those values that the trainer accepts. `others` are suggested for an unknown option as well.
    fn option(&mut self, Free { name, at, value: words }: &Free<Words>, path: &str, others: &[&str]) -> Option<Values> {
        let path = format!("{path}.{name}");
        if let Some(reason) = reserved(name) {
            self.mistake(Some(*at), &path, GridFault::Reserved { reason });
            return None;
        }
        let Some(option) = self.known.iter().find(|option| option.name == *name).cloned() else {
            let fault = self.unknown(name, others);
            self.mistake(Some(*at), &path, fault);
            return None;
        };
        if words.is_empty() {
            self.mistake(Some(*at), &path, Fault::NoValue);
        }
        let mut values = Vec::new();
        for Placed { value, at } in words {
            let fault = if option.is_switch {
                let is_position = matches!(value.as_str(), "true" | "false");
                (!is_position).then(|| Fault::NotSwitch { got: value.clone() }.into())
            } else {
                self.flags.value_fault(name, value).map(|says| GridFault::Value { says })
            };
            match fault {
                Some(fault) => self.mistake(*at, &path, fault),
                None => values.push(value.clone()),
            }
        }
        (!values.is_empty()).then_some((option.name, values))
    }

    fn unknown(&self, name: &str, others: &[&str]) -> Fault {
        let options = self.known.iter().map(|option| option.name.as_str()).filter(|option| reserved(option).is_none());
        Fault::UnknownKey { nearest: nearest(name, others.iter().copied().chain(options)).map(str::to_owned) }
    }

    /// Plans the runs of a cell, with its own seeds or those of the file.
    fn cell(&mut self, index: usize, Placed { value: cell, at }: &Placed<Cell>, seeds: &Seeds, options: &[Values]) {
        let path = format!("cells[{index}]");
        for role in &cell.role {
            match cell.seeds.of(*role).or_else(|| seeds.of(*role)) {
                Some(seeds) if !seeds.is_empty() => self.runs_of(*at, &path, cell, *role, seeds, options),
                _ => self.mistake(*at, &path, GridFault::NoSeeds { role: role.as_str() }),
            }
        }
    }

    fn runs_of(&mut self, at: Option<Position>, path: &str, cell: &Cell, role: Role, seeds: &[u64], options: &[Values]) {
        let cell = cell.name.as_deref().unwrap_or_default();
        for variation in variations(cell, options) {
            let mut refused = false;
            for &seed in seeds {
                let mut arguments = arguments(&variation.options, &self.known);
                arguments.push(format!("--seed={seed}"));
                let training = match self.flags.training(&arguments) {
                    Ok(training) => training,
                    Err(says) if !refused => {
                        refused = true;
                        self.mistake(at, path, GridFault::Combination { variation: variation.name.clone(), says });
                        continue;
                    }
                    Err(_) => continue,
                };
                let name = format!("{}-s{seed}", variation.name);
                if !self.names.insert(name.clone()) {
                    let own = self.runs.iter().any(|run| run.name.as_str() == name && run.cell == cell);
                    let fault = if own {
                        GridFault::SeedTwice { seed, variation: variation.name.clone() }
                    } else {
                        GridFault::NameTwice { name }
                    };
                    self.mistake(at, path, fault);
                    continue;
                }
                let name: RunName = match name.parse() {
                    Ok(name) => name,
                    Err(error) => {
                        let error: NameError = error;
                        self.mistake(at, path, GridFault::Name { name, says: error.to_string() });
                        continue;
                    }
                };
                self.runs.push(PlannedRun {
                    name,
                    cell: cell.to_owned(),
                    variation: variation.name.clone(),
                    role,
                    seed,
                    options: variation.options.clone(),
                    arguments,
                    training,
                });
            }
        }
    }
}
