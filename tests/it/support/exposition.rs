//! A strict parser of the Prometheus text format.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::http::get;

/// All samples of a scrape, and the declared types of their families.
#[derive(Debug)]
pub(crate) struct Exposition {
    samples: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
}

impl Exposition {
    /// Scrapes an address.
    ///
    /// # Panics
    /// If the answer is not 200 or not in the format.
    pub(crate) fn scrape(address: SocketAddr) -> Self {
        let answer = get(address, "/metrics");
        assert_eq!(answer.status, 200, "{}", answer.body);
        Exposition::parse(&answer.body)
    }

    /// Parses the text.
    ///
    /// # Panics
    /// At the first malformed line, and at a repeated sample.
    pub(crate) fn parse(text: &str) -> Self {
        let mut exposition = Exposition { samples: BTreeMap::new(), types: BTreeMap::new() };
        for line in text.lines() {
            if let Some(announced) = line.strip_prefix("# TYPE ") {
                let (name, kind) = announced.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
                assert!(exposition.types.insert(name.into(), kind.into()).is_none(), "announced twice: {name}");
            } else if !line.starts_with("# HELP ") {
                let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                assert!(exposition.samples.insert(in_order(sample), value).is_none(), "stands twice: {sample}");
            }
        }
        exposition
    }

    /// Returns the value of one sample, named as in the text but without the prefix, its labels in any order: `run_epoch{run="a"}`.
    pub(crate) fn get(&self, sample: &str) -> Option<f64> {
        self.samples.get(&in_order(&format!("rotewatch_{sample}"))).copied()
    }

    /// Returns the value of a sample that must exist.
    ///
    /// # Panics
    /// If it does not exist.
    pub(crate) fn value(&self, sample: &str) -> f64 {
        self.get(sample).unwrap_or_else(|| panic!("{sample} is missing in {:#?}", self.samples.keys()))
    }

    /// Returns the samples of one series, with their values.
    pub(crate) fn series<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, f64)> {
        let (bare, labelled) = (format!("rotewatch_{name}"), format!("rotewatch_{name}{{"));
        let samples = self.samples.iter().map(|(sample, value)| (sample.as_str(), *value));
        samples.filter(move |(sample, _)| *sample == bare || sample.starts_with(&labelled))
    }

    /// Returns the sum over a series.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// Returns this program's series with their types, without the prefix.
    pub(crate) fn catalogue(&self) -> BTreeSet<(&str, &str)> {
        let own = self.types.iter().filter_map(|(name, kind)| Some((name.strip_prefix("rotewatch_")?, kind.as_str())));
        own.collect()
    }

    /// Returns the label names of a series, in alphabetical order.
    ///
    /// # Panics
    /// If its samples have different labels.
    pub(crate) fn labels(&self, name: &str) -> Vec<String> {
        let mut sets: Vec<Vec<String>> = self.series(name).map(|(sample, _)| names(labels(sample).1)).collect();
        sets.dedup();
        assert!(sets.len() <= 1, "{name} has samples with {sets:?}");
        sets.pop().unwrap_or_default()
    }

    /// Returns every value.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        self.samples.iter().map(|(sample, value)| (sample.as_str(), *value))
    }
}

fn names(labels: Vec<(&str, &str)>) -> Vec<String> {
    labels.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// A sample's name with its labels in alphabetical order.
fn in_order(sample: &str) -> String {
    let (name, labels) = labels(sample);
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> = labels.into_iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// A sample's name and its labels, values as escaped in the text.
fn labels(sample: &str) -> (&str, Vec<(&str, &str)>) {
    let Some((name, mut rest)) = sample.split_once('{') else { return (sample, Vec::new()) };
    let mut labels = Vec::new();
    while rest != "}" {
        let (label, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {sample}"));
        let mut escaped = false;
        let end = value.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        let end = end.unwrap_or_else(|| panic!("no end of a label: {sample}"));
        labels.push((label, &value[..end]));
        rest = value[end + 1..].strip_prefix(',').unwrap_or(&value[end + 1..]);
    }
    labels.sort_unstable();
    (name, labels)
}
