//! The differences between two configurations, and whether they may be applied while the program runs.

use std::fmt;

use super::Config;
use super::rules::Rule;
use super::section::{Acts, Free, Section, Visitor};

/// A key that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key, such as `detect.smooth`.
    pub key: String,
    /// Its value before, as written in the file.
    pub before: String,
    /// Its new value.
    pub after: String,
    /// When the change takes effect.
    pub acts: Acts,
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, before, after, .. } = self;
        write!(out, "{key} ({before} -> {after})")
    }
}

/// A key with its current value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, such as `detect.smooth`.
    pub key: String,
    /// Its value, as written in the file.
    pub value: String,
    /// The values that it accepts.
    pub takes: String,
    /// When a change takes effect.
    pub acts: Acts,
    /// Differs if the values differ, even if `value` does not show them in full.
    told_apart_by: String,
}

impl Config {
    /// Every key with its value: first the keys outside of any section, then section by section.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        // A visit may change values, so it needs a mutable copy; this one changes nothing.
        listed(&mut self.clone())
    }

    /// The keys whose values differ in `newer`.
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
