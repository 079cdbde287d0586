//! What changed between two configurations, and whether it may while the program runs.

use std::fmt;

use super::Config;
use super::rules::Rule;
use super::section::{Acts, Free, Section, Visitor};

/// A key that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key, as `detect.smooth`.
    pub key: String,
    /// Its value before, as in the file.
    pub before: String,
    /// Its value now.
    pub after: String,
    /// When the change acts.
    pub acts: Acts,
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, before, after, .. } = self;
        write!(out, "{key} ({before} -> {after})")
    }
}

/// A key as it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, as `detect.smooth`.
    pub key: String,
    /// Its value, as in the file.
    pub value: String,
    /// What values it takes.
    pub takes: String,
    /// When a change of it acts.
    pub acts: Acts,
    /// Differs where values differ, also those that are not shown in full.
    told_apart_by: String,
}

impl Config {
    /// Every key with its value: those outside of any section, then section by section.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        // A walk may change what it visits; this one does not, but the signature cannot say so.
        listed(&mut self.clone())
    }

    /// The keys in which `newer` differs.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<Change> {
        let pairs = self.settings().into_iter().zip(newer.settings());
        pairs
            .filter(|(old, new)| old.told_apart_by != new.told_apart_by)
            .map(|(old, new)| Change { key: old.key, before: old.value, after: new.value, acts: old.acts })
            .collect()
    }
}

/// Every key of a section with its value.
pub(super) fn listed(section: &mut impl Section) -> Vec<Setting> {
    let mut lister = Lister { prefix: String::new(), settings: Vec::new() };
    section.visit(&mut lister);
    lister.settings
}

struct Lister {
    prefix: String,
    settings: Vec<Setting>,
}

impl Visitor for Lister {
    fn key<T>(&mut self, name: &'static str, value: &mut T, rule: &impl Rule<T>, acts: Acts) {
        let key = format!("{}{name}", self.prefix);
        let (value, told_apart_by) = (rule.show(value), rule.told_apart_by(value));
        self.settings.push(Setting { key, value, takes: rule.describe(), acts, told_apart_by });
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
            let key = format!("{}{name}", self.prefix);
            let (value, told_apart_by) = (rule.show(value), rule.told_apart_by(value));
            self.settings.push(Setting { key, value, takes: rule.describe(), acts: Acts::AfterRestart, told_apart_by });
        }
    }
}
