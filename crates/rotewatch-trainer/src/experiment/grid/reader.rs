//! Reads the runs from a grid file, and collects all mistakes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::expand::{Values, variations};
use super::mistake::{GridError, GridFault, GridMistake};
use super::{Grid, PlannedRun, ReportKind};
use crate::experiment::Role;
use crate::experiment::flags::{TrainerFlags, TrainerOption, arguments, reserved};
use rotewatch::config::yaml::{self, Entry, Node, Position, Value};
use rotewatch_core::vocabulary::identity::{NameError, RunName};

/// How similar a name must be to be suggested for an unknown one, as for the keys of the configuration.
const LIKENESS: f64 = 0.85;
const TOP_KEYS: [&str; 5] = ["report", "over", "seeds", "defaults", "cells"];
const CELL_KEYS: [&str; 3] = ["name", "role", "seeds"];
const ROLES: &[&str] = &["tune", "judge"];

type Seeds = BTreeMap<Role, Vec<u64>>;

impl Grid {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Why the file cannot be read, or everything that is wrong in it.
    pub fn read(path: &Path, flags: &dyn TrainerFlags) -> Result<Self, GridError> {
        let text = std::fs::read_to_string(path).map_err(|source| GridError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string(), flags)
    }

    /// Checks a text; `origin` names it in messages.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn parse(text: &str, origin: &str, flags: &dyn TrainerFlags) -> Result<Self, GridError> {
        let document = yaml::parse(text).map_err(|error| GridError::Yaml { origin: origin.to_owned(), error })?;
        let mut reader = Reader { flags, known: flags.options(), mistakes: Vec::new(), names: HashSet::new(), runs: Vec::new() };
        for twice in document.duplicates {
            reader.mistake(twice.again, &twice.path, GridFault::Duplicate { first: twice.first });
        }
        let report = reader.grid(&document.root);
        let Reader { mut mistakes, runs, .. } = reader;
        mistakes.sort_by_key(|mistake| mistake.at);
        match report {
            Some(report) if mistakes.is_empty() => Ok(Grid { report, runs }),
            _ => Err(GridError::Mistakes { origin: origin.to_owned(), mistakes }),
        }
    }
}

struct Reader<'flags> {
    flags: &'flags dyn TrainerFlags,
    known: Vec<TrainerOption>,
    mistakes: Vec<GridMistake>,
    names: HashSet<String>,
    runs: Vec<PlannedRun>,
}

impl Reader<'_> {
    fn mistake(&mut self, at: Position, path: &str, fault: GridFault) {
        self.mistakes.push(GridMistake { at, path: path.to_owned(), fault });
    }

    fn grid(&mut self, root: &Node) -> Option<ReportKind> {
        let entries = self.mapping(root, "", "a section of keys")?;
        for entry in entries.iter().filter(|entry| !TOP_KEYS.contains(&entry.key.as_str())) {
            self.unknown(entry, "", &TOP_KEYS);
        }
        let report = self.report(root, entries);
        let seeds = find(entries, "seeds").map(|entry| self.seeds(entry, "seeds")).unwrap_or_default();
        let defaults = find(entries, "defaults").map(|entry| self.defaults(entry)).unwrap_or_default();
        let Some(cells) = find(entries, "cells") else {
            self.mistake(root.at, "cells", GridFault::Missing { what: "a list of cells" });
            return report;
        };
        match &cells.node.value {
            Value::Sequence(cells) if !cells.is_empty() => {
                for cell in cells {
                    self.cell(cell, &seeds, &defaults);
                }
            }
            _ => self.mistake(cells.at, "cells", GridFault::Shape { wanted: "a list of cells" }),
        }
        report
    }

    fn report(&mut self, root: &Node, entries: &[Entry]) -> Option<ReportKind> {
        const KNOWN: &[&str] = &["onset", "sweep"];
        let over = find(entries, "over");
        let Some(entry) = find(entries, "report") else {
            self.mistake(root.at, "report", GridFault::Missing { what: "onset or sweep" });
            return None;
        };
        let word = self.word(&entry.node, "report")?;
        match (word.as_str(), over) {
            ("onset", None) => Some(ReportKind::Onset),
            ("onset", Some(over)) => {
                self.mistake(over.at, "over", GridFault::Reserved { reason: "`over` is only for a sweep" });
                None
            }
            ("sweep", None) => {
                self.mistake(entry.at, "over", GridFault::Missing { what: "the option that the sweep varies" });
                None
            }
            ("sweep", Some(over)) => {
                let option = self.word(&over.node, "over")?;
                if !self.known.iter().any(|known| known.name == option) {
                    let nearest = self.nearest(&option, &[]);
                    self.mistake(over.node.at, &format!("over: {option}"), GridFault::Unknown { nearest });
                    return None;
                }
                Some(ReportKind::Sweep { over: option })
            }
            _ => {
                self.mistake(entry.node.at, "report", GridFault::Word { got: word, known: KNOWN });
                None
            }
        }
    }

    fn seeds(&mut self, entry: &Entry, path: &str) -> Seeds {
        let mut seeds = Seeds::new();
        let wanted = "a section with lists of seeds under `tune` and `judge`";
        for entry in self.mapping(&entry.node, path, wanted).unwrap_or_default() {
            let Some(role) = Role::ALL.into_iter().find(|role| role.as_str() == entry.key) else {
                self.mistake(entry.at, path, GridFault::Word { got: entry.key.clone(), known: ROLES });
                continue;
            };
            let path = format!("{path}.{role}");
            for word in self.words(&entry.node, &path) {
                match word.1.parse() {
                    Ok(seed) => seeds.entry(role).or_default().push(seed),
                    Err(_) => self.mistake(word.0, &path, GridFault::Seed { got: word.1 }),
                }
            }
        }
        seeds
    }

    fn defaults(&mut self, entry: &Entry) -> Vec<Values> {
        let entries = self.mapping(&entry.node, "defaults", "a section of options").unwrap_or_default();
        entries.iter().filter_map(|entry| self.option(entry, "defaults")).collect()
    }

    fn cell(&mut self, node: &Node, seeds: &Seeds, defaults: &[Values]) {
        let Some(entries) = self.mapping(node, "cells", "a section with a name and options") else { return };
        let Some(name) = find(entries, "name").and_then(|entry| self.word(&entry.node, "name")) else {
            return self.mistake(node.at, "cells", GridFault::Missing { what: "the cell's name" });
        };
        let path = format!("cells.{name}");
        let roles = match find(entries, "role") {
            Some(entry) => self.roles(entry, &path),
            None => vec![Role::Judge],
        };
        let own_seeds = find(entries, "seeds").map(|entry| self.seeds(entry, &format!("{path}.seeds"))).unwrap_or_default();
        let mut options = defaults.to_vec();
        for entry in entries.iter().filter(|entry| !CELL_KEYS.contains(&entry.key.as_str())) {
            if let Some(values) = self.option(entry, &path) {
                options.retain(|(name, _)| *name != values.0);
                options.push(values);
            }
        }
        for role in &roles {
            match own_seeds.get(role).or_else(|| seeds.get(role)) {
                Some(seeds) => self.runs_of(node.at, &name, *role, seeds, &options),
                None => self.mistake(node.at, &path, GridFault::NoSeeds { role: role.as_str() }),
            }
        }
    }

    fn roles(&mut self, entry: &Entry, path: &str) -> Vec<Role> {
        let mut roles = Vec::new();
        for (at, word) in self.words(&entry.node, path) {
            match Role::ALL.into_iter().find(|role| role.as_str() == word) {
                Some(role) => roles.push(role),
                None => self.mistake(at, &format!("{path}.role"), GridFault::Word { got: word, known: ROLES }),
            }
        }
        roles
    }

    /// An option of the trainer with those values that the trainer accepts.
    fn option(&mut self, entry: &Entry, path: &str) -> Option<Values> {
        let path = format!("{path}.{}", entry.key);
        if let Some(reason) = reserved(&entry.key) {
            self.mistake(entry.at, &path, GridFault::Reserved { reason });
            return None;
        }
        let Some(option) = self.known.iter().find(|option| option.name == entry.key).cloned() else {
            self.unknown(entry, &path, &CELL_KEYS);
            return None;
        };
        let mut values = Vec::new();
        for (at, value) in self.words(&entry.node, &path) {
            let fault = if option.is_switch {
                (!matches!(value.as_str(), "true" | "false")).then(|| format!("`{value}` is neither true nor false"))
            } else {
                self.flags.value_fault(&option.name, &value)
            };
            match fault {
                Some(says) => self.mistake(at, &path, GridFault::Value { says }),
                None => values.push(value),
            }
        }
        (!values.is_empty()).then_some((option.name, values))
    }

    fn runs_of(&mut self, at: Position, cell: &str, role: Role, seeds: &[u64], options: &[Values]) {
        let path = format!("cells.{cell}");
        for variation in variations(cell, options) {
            let mut refused = false;
            for &seed in seeds {
                let mut arguments = arguments(&variation.options, &self.known);
                arguments.push(format!("--seed={seed}"));
                let training = match self.flags.training(&arguments) {
                    Ok(training) => training,
                    Err(says) if !refused => {
                        refused = true;
                        self.mistake(at, &path, GridFault::Combination { variation: variation.name.clone(), says });
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
                    self.mistake(at, &path, fault);
                    continue;
                }
                let name: RunName = match name.parse() {
                    Ok(name) => name,
                    Err(error) => {
                        let error: NameError = error;
                        self.mistake(at, &path, GridFault::Name { name, says: error.to_string() });
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

    fn mapping<'node>(&mut self, node: &'node Node, path: &str, wanted: &'static str) -> Option<&'node [Entry]> {
        if let Value::Mapping(entries) = &node.value {
            return Some(entries);
        }
        self.mistake(node.at, path, GridFault::Shape { wanted });
        None
    }

    fn word(&mut self, node: &Node, path: &str) -> Option<String> {
        match &node.value {
            Value::Scalar(scalar) if !scalar.is_null() => Some(scalar.text.clone()),
            _ => {
                self.mistake(node.at, path, GridFault::Shape { wanted: "one value" });
                None
            }
        }
    }

    /// One value, or a list of values, each with its position.
    fn words(&mut self, node: &Node, path: &str) -> Vec<(Position, String)> {
        let nodes = match &node.value {
            Value::Sequence(nodes) if !nodes.is_empty() => nodes.as_slice(),
            Value::Scalar(_) => std::slice::from_ref(node),
            _ => {
                self.mistake(node.at, path, GridFault::Shape { wanted: "one value or a list of values" });
                return Vec::new();
            }
        };
        nodes.iter().filter_map(|node| Some((node.at, self.word(node, path)?))).collect()
    }

    fn unknown(&mut self, entry: &Entry, path: &str, keys: &[&str]) {
        let nearest = self.nearest(&entry.key, keys);
        let path = if path.is_empty() { &entry.key } else { path };
        self.mistake(entry.at, path, GridFault::Unknown { nearest });
    }

    fn nearest(&self, unknown: &str, keys: &[&str]) -> Option<String> {
        let options = self.known.iter().map(|option| option.name.as_str()).filter(|option| reserved(option).is_none());
        let known = keys.iter().copied().chain(options);
        let unknown = unknown.to_lowercase().replace('_', "-");
        let alike = known.map(|name| (strsim::jaro_winkler(&unknown, name), name));
        let best = alike.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|best| best.0 >= LIKENESS);
        best.map(|(_, name)| name.to_owned())
    }
}

fn find<'entries>(entries: &'entries [Entry], key: &str) -> Option<&'entries Entry> {
    entries.iter().find(|entry| entry.key == key)
}
