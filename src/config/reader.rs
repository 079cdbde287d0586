//! Converts the tree of a file into a [`Config`] and collects all mistakes.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::mistake::{ConfigError, Fault, Mistake};
use super::rules::{Rule, shape};
use super::section::{Acts, Section, Visitor};
use super::{Config, cross};
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
        let (config, mut findings) = read_sections::<Self>(text, origin)?;
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
        let mut checker = Checker { prefix: String::new(), mistakes: Vec::new() };
        self.visit(&mut checker);
        let mut mistakes = checker.mistakes;
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

fn read_sections<S: Section + Default>(text: &str, origin: &str) -> Result<(S, Findings), ConfigError> {
    let document = yaml::parse(text).map_err(|error| ConfigError::Yaml { origin: origin.to_owned(), error })?;
    let mut sections = S::default();
    let mut findings = Findings::default();
    for twice in document.duplicates {
        let fault = Fault::Duplicate { first: twice.first };
        findings.mistakes.push(Mistake { path: twice.path, at: Some(twice.again), fault });
    }
    read_section(&mut sections, &document.root, None, "", &mut findings);
    Ok((sections, findings))
}

/// Reads the text of a file, up to the size limit of a configuration.
pub(super) fn read_text(path: &Path) -> Result<String, ConfigError> {
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

#[derive(Default)]
struct Findings {
    mistakes: Vec<Mistake>,
    /// The position of each key, for mistakes that are found after all keys were read.
    places: HashMap<String, Position>,
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
    let mut reader = Reader { entries, prefix, known: Vec::new(), findings };
    section.visit(&mut reader);
    reader.report_unknown();
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

    fn report_unknown(self) {
        for (index, entry) in self.entries.iter().enumerate() {
            let seen_before = self.entries.iter().take(index).any(|earlier| earlier.key == entry.key);
            if seen_before || self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let fault = Fault::UnknownKey { nearest: nearest(&entry.key, &self.known) };
            let path = format!("{}{}", self.prefix, entry.key);
            self.findings.mistakes.push(Mistake { path, at: Some(entry.at), fault });
        }
    }
}

impl Visitor for Reader<'_, '_> {
    fn key<T>(&mut self, name: &'static str, value: &mut T, rule: &impl Rule<T>, _: Acts) {
        let Some((entry, path)) = self.entry(name) else { return };
        let mut refuse = |at: Option<Position>, fault| {
            let at = Some(at.unwrap_or(entry.at));
            let (path, fault) = match fault {
                Fault::Inside { path: inside, fault } => (format!("{path}{inside}"), *fault),
                fault => (path.clone(), fault),
            };
            self.findings.mistakes.push(Mistake { path, at, fault });
        };
        if let Some(read) = rule.read(&entry.node, &mut refuse) {
            *value = read;
        }
    }

    fn section(&mut self, name: &'static str, section: &mut impl Section) {
        let Some((entry, path)) = self.entry(name) else { return };
        read_section(section, &entry.node, Some(entry.at), &format!("{path}."), self.findings);
    }
}

/// The key that was probably intended: a similar one of the same section, else the same name in another section.
fn nearest(unknown: &str, siblings: &[&'static str]) -> Option<String> {
    let unknown = unknown.to_lowercase().replace('-', "_");
    let alike = siblings.iter().map(|name| (strsim::jaro_winkler(&unknown, name), name));
    let best = alike.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|best| best.0 >= LIKENESS);
    if let Some((_, name)) = best {
        return Some((*name).to_owned());
    }
    let elsewhere = Config::default().settings().into_iter().map(|setting| setting.key);
    elsewhere.into_iter().find(|key| key.rsplit('.').next() == Some(&unknown))
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
}
