//! Converts the tree of a file into a [`Config`] and collects all mistakes.
//!
//! By hand, not with serde: serde ends at the first mistake, this names all of them, each with its line and the key that was meant.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::fault::Fault;
use super::mistake::{ConfigError, Mistake};
use super::rules::{Rule, shape};
use super::section::{Acts, Free, Section, Visitor};
use super::{Config, cross, diff};
use crate::config::yaml::{self, Entry, MAX_BYTES, Node, Position, Value, YamlError};

/// The least similarity at which a known key is suggested for an unknown one. Chosen by trial: `smoth` and `smooth` have
/// 0.96, words that only share letters stay below 0.8.
const LIKENESS: f64 = 0.85;

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// If the file cannot be read, or has mistakes; all of them are listed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read_text(path)?, &path.display().to_string())
    }

    /// Checks a text; messages call it `origin`.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let (mut config, mut findings) = read_sections::<Self>(text, origin)?;
        config.old_names = std::mem::take(&mut findings.old_names);
        if findings.mistakes.is_empty() {
            // Skipped if there are mistakes already: the same mistake would be reported again in other words.
            findings.mistakes.extend(cross::mistakes(&config));
            for mistake in &mut findings.mistakes {
                mistake.at = findings.places.get(&mistake.path).copied();
            }
        }
        findings.mistakes.sort_by_key(|mistake| mistake.at);
        config.unless(findings.mistakes, origin)
    }

    /// Checks a configuration that flags and the environment have changed against the same ranges as a file. Messages call
    /// their source `origin`.
    ///
    /// # Errors
    /// All values that are out of range.
    pub fn checked(mut self, origin: &str) -> Result<Self, ConfigError> {
        let mut mistakes = faults_in(&mut self);
        if mistakes.is_empty() {
            mistakes = cross::mistakes(&self);
        }
        self.unless(mistakes, origin)
    }

    fn unless(self, mistakes: Vec<Mistake>, origin: &str) -> Result<Self, ConfigError> {
        if mistakes.is_empty() { Ok(self) } else { Err(ConfigError::Mistakes { origin: origin.to_owned(), mistakes }) }
    }
}

/// Reads another kind of document, with its own keys, by the same rules.
pub(super) fn read_document<S: Section + Default>(text: &str, origin: &str) -> Result<S, ConfigError> {
    let (sections, Findings { mut mistakes, .. }) = read_sections::<S>(text, origin)?;
    if mistakes.is_empty() {
        return Ok(sections);
    }
    mistakes.sort_by_key(|mistake| mistake.at);
    Err(ConfigError::Mistakes { origin: origin.to_owned(), mistakes })
}

/// Reads a document and returns it with its mistakes, for a caller that checks more before it reports all of them at once. A wrong
/// value is replaced by its default. Messages call the text `origin`.
///
/// # Errors
/// If the text is not YAML.
pub fn read_with_mistakes<S: Section + Default>(text: &str, origin: &str) -> Result<(S, Vec<Mistake>), ConfigError> {
    read_sections(text, origin).map(|(sections, findings)| (sections, findings.mistakes))
}

/// The values of a section that are out of range, whatever their source.
pub(super) fn faults_in(section: &mut impl Section) -> Vec<Mistake> {
    let mut checker = Checker { prefix: String::new(), mistakes: Vec::new() };
    section.visit(&mut checker);
    checker.mistakes
}

fn read_sections<S: Section + Default>(text: &str, origin: &str) -> Result<(S, Findings), ConfigError> {
    let document = yaml::parse(text).map_err(|error| ConfigError::Yaml { origin: origin.to_owned(), error })?;
    let mut sections = S::default();
    let elsewhere = diff::listed(&mut sections).into_iter().map(|setting| setting.key).collect();
    let mut findings = Findings { elsewhere, ..Findings::default() };
    for twice in document.duplicates {
        let fault = Fault::Duplicate { first: twice.first };
        findings.mistakes.push(Mistake { path: twice.path, at: Some(twice.again), fault });
    }
    read_section(&mut sections, &document.root, None, "", &mut findings);
    Ok((sections, findings))
}

/// Reads the text of a file, up to the size limit of a configuration.
///
/// # Errors
/// If it is not a regular file, cannot be read, is too long or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    // Checked before opening: opening a named pipe waits for a writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(ConfigError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() > MAX_BYTES {
        let (origin, bytes) = (path.display().to_string(), bytes.len());
        return Err(ConfigError::Yaml { origin, error: YamlError::TooLong { bytes } });
    }
    String::from_utf8(bytes).map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// A section that a file calls by the name it had in the release before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldName {
    /// The path with the old name, such as `detect.example_level`.
    pub old: String,
    /// The path with the new name.
    pub new: String,
}

#[derive(Default)]
struct Findings {
    mistakes: Vec<Mistake>,
    old_names: Vec<OldName>,
    /// The position of each key, for mistakes that are found after all keys were read.
    places: HashMap<String, Position>,
    /// All keys of the document, to suggest one for a key in the wrong section.
    elsewhere: Vec<String>,
}

fn read_section(section: &mut impl Section, node: &Node, key_at: Option<Position>, prefix: &str, findings: &mut Findings) {
    let entries: &[Entry] = match &node.value {
        Value::Mapping(entries) => entries,
        // An empty section, for example one whose keys are all commented out.
        Value::Scalar(scalar) if scalar.is_null() => return,
        other => {
            let fault = Fault::Shape { wanted: "a section of keys", got: shape(other) };
            let path = prefix.trim_end_matches('.').to_owned();
            return findings.mistakes.push(Mistake { path, at: key_at.or(Some(node.at)), fault });
        }
    };
    let mut reader = Reader { entries, prefix, known: Vec::new(), takes_any: false, findings };
    section.visit(&mut reader);
    if !reader.takes_any {
        reader.report_unknown();
    }
}

/// Reads a list item that is a section, by the same rules; `inside` is its path in messages.
pub(super) fn read_item(
    item: &mut impl Section,
    node: &Node,
    inside: &str,
    refuse: &mut dyn FnMut(Option<Position>, Fault),
) -> bool {
    let mut findings = Findings::default();
    read_section(item, node, None, &format!("{inside}."), &mut findings);
    let sound = findings.mistakes.is_empty();
    for Mistake { path, at, fault } in findings.mistakes {
        refuse(at, Fault::Inside { path, fault: Box::new(fault) });
    }
    sound
}

/// Fills a section from the entries of a mapping.
struct Reader<'file, 'findings> {
    entries: &'file [Entry],
    /// The path of the section with a trailing dot; empty for the outermost section.
    prefix: &'file str,
    known: Vec<&'static str>,
    /// Whether the section accepts keys that it does not declare.
    takes_any: bool,
    findings: &'findings mut Findings,
}

impl<'file> Reader<'file, '_> {
    /// The first entry with this name. A second one has already been reported as a duplicate.
    fn entry(&mut self, name: &'static str) -> Option<(&'file Entry, String)> {
        self.known.push(name);
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        let path = format!("{}{name}", self.prefix);
        self.findings.places.insert(path.clone(), entry.at);
        Some((entry, path))
    }

    /// Reads the value of an entry and records its mistakes.
    fn value<T>(&mut self, entry: &Entry, path: &str, rule: &impl Rule<T>) -> Option<T> {
        let mut refuse = |at: Option<Position>, fault| {
            let at = Some(at.unwrap_or(entry.at));
            let (path, fault) = match fault {
                Fault::Inside { path: inside, fault } => (format!("{path}{inside}"), *fault),
                fault => (path.to_owned(), fault),
            };
            self.findings.mistakes.push(Mistake { path, at, fault });
        };
        rule.read(&entry.node, &mut refuse)
    }

    /// The entries that the section does not declare, each key once.
    fn undeclared(&self) -> Vec<&'file Entry> {
        let undeclared = |(index, entry): (usize, &'file Entry)| {
            let seen_before = self.entries.iter().take(index).any(|earlier| earlier.key == entry.key);
            (!seen_before && !self.known.contains(&entry.key.as_str())).then_some(entry)
        };
        self.entries.iter().enumerate().filter_map(undeclared).collect()
    }

    fn report_unknown(self) {
        for entry in self.undeclared() {
            let sibling = nearest(&entry.key, self.known.iter().copied()).map(str::to_owned);
            let nearest = sibling.or_else(|| self.findings.elsewhere(&entry.key));
            let path = format!("{}{}", self.prefix, entry.key);
            self.findings.mistakes.push(Mistake { path, at: Some(entry.at), fault: Fault::UnknownKey { nearest } });
        }
    }
}

impl Visitor for Reader<'_, '_> {
    fn key<T>(&mut self, name: &'static str, value: &mut T, rule: &impl Rule<T>, _: Acts) {
        let Some((entry, path)) = self.entry(name) else { return };
        if let Some(read) = self.value(entry, &path, rule) {
            *value = read;
        }
    }

    fn section(&mut self, name: &'static str, section: &mut impl Section) {
        let Some((entry, path)) = self.entry(name) else { return };
        read_section(section, &entry.node, Some(entry.at), &format!("{path}."), self.findings);
    }

    fn renamed_section(&mut self, name: &'static str, old: &'static str, section: &mut impl Section) {
        let (by_new_name, by_old_name) = (self.entry(name), self.entry(old));
        let new = format!("{}{name}", self.prefix);
        if let Some((entry, path)) = &by_old_name {
            if by_new_name.is_some() {
                let fault = Fault::GivenByNewName { new };
                self.findings.mistakes.push(Mistake { path: path.clone(), at: Some(entry.at), fault });
            } else {
                self.findings.old_names.push(OldName { old: path.clone(), new });
            }
        }
        if let Some((entry, path)) = by_new_name.or(by_old_name) {
            read_section(section, &entry.node, Some(entry.at), &format!("{path}."), self.findings);
        }
    }

    fn rest<T>(&mut self, keys: &mut Vec<Free<T>>, rule: &impl Rule<T>) {
        self.takes_any = true;
        for entry in self.undeclared() {
            let path = format!("{}{}", self.prefix, entry.key);
            if let Some(value) = self.value(entry, &path, rule) {
                keys.push(Free { name: entry.key.clone(), at: entry.at, value });
            }
        }
    }
}

impl Findings {
    /// The key with the same name in another section.
    fn elsewhere(&self, unknown: &str) -> Option<String> {
        let unknown = plain(unknown);
        self.elsewhere.iter().find(|key| key.rsplit('.').next() == Some(&unknown)).cloned()
    }
}

/// The name that was probably intended: the most similar known name; `None` if none is similar enough.
#[must_use]
pub fn nearest<'known>(unknown: &str, known: impl IntoIterator<Item = &'known str>) -> Option<&'known str> {
    let unknown = plain(unknown);
    let alike = known.into_iter().map(|name| (strsim::jaro_winkler(&unknown, &plain(name)), name));
    let best = alike.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|best| best.0 >= LIKENESS);
    best.map(|(_, name)| name)
}

/// A name for comparison, without regard to case and to the kind of dash.
fn plain(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// Checks that values are in range, whatever their source.
struct Checker {
    prefix: String,
    mistakes: Vec<Mistake>,
}

impl Visitor for Checker {
    fn key<T>(&mut self, name: &'static str, value: &mut T, rule: &impl Rule<T>, _: Acts) {
        if let Err(fault) = rule.check(value) {
            let path = format!("{}{name}", self.prefix);
            self.mistakes.push(Mistake { path, at: None, fault });
        }
    }

    fn section(&mut self, name: &'static str, section: &mut impl Section) {
        let outer = self.prefix.len();
        self.prefix.push_str(name);
        self.prefix.push('.');
        section.visit(self);
        self.prefix.truncate(outer);
    }

    fn rest<T>(&mut self, keys: &mut Vec<Free<T>>, rule: &impl Rule<T>) {
        for Free { name, value, .. } in keys {
            if let Err(fault) = rule.check(value) {
                self.mistakes.push(Mistake { path: format!("{}{name}", self.prefix), at: None, fault });
            }
        }
    }
}
