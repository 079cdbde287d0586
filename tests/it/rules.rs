//! The Prometheus rules: promtool accepts them, each alert is documented in full, and each has a test that fails if
//! the alert is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rotewatch_core::vocabulary::choices::Kind;
use serde_json::Value;

use crate::support::process::{ended, text};
use crate::support::promql::selected;
use crate::support::servers::{ours, program};

const FILES: [&str; 2] = ["recording.rules.yml", "alerts.rules.yml"];
const TESTS: [&str; 2] = ["runs.test.yml", "daemon.test.yml"];

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(ours(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn rules(file: &str) -> Vec<Value> {
    let groups = yaml(&format!("config/prometheus/{file}"))["groups"].as_array().cloned().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_array().cloned().expect("rules")).collect()
}

fn alerts() -> BTreeMap<String, Value> {
    let named = |rule: Value| (rule["alert"].as_str().expect("an alert").to_owned(), rule);
    rules("alerts.rules.yml").into_iter().map(named).collect()
}

#[test]
fn promtool_and_amtool_have_nothing_to_say() {
    let Some(mut promtool) = program("promtool", "prometheus") else { return };
    let checked =
        ended(promtool.current_dir(ours("config/prometheus")).args(["check", "rules", "--lint=all", "--lint-fatal"]).args(FILES));
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    let Some(mut promtool) = program("promtool", "prometheus") else { return };
    let config = ours("config/prometheus/prometheus.yml");
    let checked = ended(promtool.args(["check", "config", "--lint=all", "--lint-fatal", text(&config)]));
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    let Some(mut amtool) = program("amtool", "prometheus-alertmanager") else { return };
    let config = ours("config/prometheus/alertmanager.yml");
    let checked = ended(amtool.args(["check-config", text(&config)]));
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
}

#[test]
fn recording_rules_are_named_by_level_metric_and_operation() {
    for rule in rules("recording.rules.yml") {
        let name = rule["record"].as_str().expect("a name");
        let parts: Vec<&str> = name.split(':').collect();
        assert!(parts.len() == 3 && parts.iter().all(|part| !part.is_empty()), "{name}");
        assert!(parts[1].starts_with("rotewatch_"), "{name}");
    }
}

#[test]
fn every_alert_says_what_how_bad_and_what_to_do() {
    let names: BTreeSet<String> = alerts().into_keys().collect();
    for (name, rule) in alerts() {
        assert!(["info", "warning", "critical"].iter().any(|severity| rule["labels"]["severity"] == *severity), "{name}");
        let said = |annotation: &str| rule["annotations"][annotation].as_str().unwrap_or_default().to_owned();
        assert!(said("summary").len() > 10 && said("description").len() > 40, "{name}");
        assert_eq!(said("runbook_url"), format!("http://runbooks.example.org/{name}.md"));
        let dashboard = said("dashboard_url");
        assert!(dashboard.starts_with("http://grafana.example.org/d/rotewatch-"), "{name}: {dashboard}");
        let page =
            fs::read_to_string(ours(&format!("docs/runbooks/{name}.md"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
    }
    let pages: BTreeSet<String> = fs::read_dir(ours("docs/runbooks"))
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".md")?.to_owned()))
        .collect();
    assert_eq!(pages, names, "one runbook page for each alert, and no other page");
}

#[test]
fn every_kind_that_an_alert_asks_for_is_one() {
    let kinds: BTreeSet<String> = Kind::ALL.iter().map(|kind| format!("={:?}", kind.as_str())).collect();
    let asked: BTreeSet<String> = alerts()
        .into_values()
        .flat_map(|rule| selected(rule["expr"].as_str().expect("an expression")).expect("it is one"))
        .filter_map(|mut asked| asked.matchers.remove("kind"))
        .collect();
    assert_eq!(asked, kinds, "every kind has an alert");
}

#[test]
fn every_alert_has_a_series_that_fires_and_one_that_must_not() {
    let (mut fires, mut must_not) = (BTreeSet::new(), BTreeSet::new());
    for file in TESTS {
        for test in yaml(&format!("config/prometheus/tests/{file}"))["tests"].as_array().expect("tests") {
            for expected in test["alert_rule_test"].as_array().expect("expectations") {
                let name = expected["alertname"].as_str().expect("a name").to_owned();
                let is_quiet = expected["exp_alerts"].as_array().is_none_or(Vec::is_empty);
                if is_quiet {
                    must_not.insert(name)
                } else {
                    fires.insert(name)
                };
            }
        }
    }
    let names: BTreeSet<String> = alerts().into_keys().collect();
    assert_eq!((&fires, &must_not), (&names, &names));
}

/// Runs promtool's tests of the rules in a folder; returns its output, and whether they pass.
fn tested(folder: &Path) -> Option<(bool, String)> {
    let mut promtool = program("promtool", "prometheus")?;
    let ended = ended(promtool.current_dir(folder.join("tests")).args(["test", "rules"]).args(TESTS));
    Some((ended.code == Some(0), format!("{}{}", ended.stdout, ended.stderr)))
}

#[test]
fn the_tests_of_the_rules_pass_and_fail_when_a_rule_is_broken() {
    let Some((passed, said)) = tested(&ours("config/prometheus")) else { return };
    assert!(passed, "{said}");
    let broken = [
        ("alerts.rules.yml", "onset{kind=\"example_level\"} == 1", "onset{kind=\"example_level\"} == 2"),
        ("alerts.rules.yml", "onset{kind=\"heuristic\"} == 1", "onset == 1"),
        ("alerts.rules.yml", "onset{kind=\"baseline\"} == 1", "onset{kind=\"baseline\"} >= 0"),
        ("alerts.rules.yml", "harm{state=\"shown\"} == 1", "harm{state=\"shown\"} >= 0"),
        ("alerts.rules.yml", "harm{state=\"suspected\"} == 1", "harm{state=\"suspected\"} >= 0"),
        ("alerts.rules.yml", "ratio >= 0.7", "ratio >= 0.1"),
        ("alerts.rules.yml", "ratio < 1", "ratio < 2"),
        ("alerts.rules.yml", "ratio > 10", "ratio > 100"),
        ("alerts.rules.yml", "time > 60", "time > 0"),
        ("alerts.rules.yml", "rotewatch_run_active == 1", "rotewatch_run_active >= 0"),
        ("alerts.rules.yml", "rotewatch_memorization_onset == 1", "rotewatch_memorization_onset == 2"),
        ("alerts.rules.yml", "result=\"ok\"", "result=\"none\""),
        ("recording.rules.yml", "epoch_interval_seconds[6h]", "epoch_interval_seconds[1m]"),
        ("recording.rules.yml", "offered_total[1h]", "offered_total[5m]"),
        ("alerts.rules.yml", "ratio_increase1h > 0.01", "ratio_increase1h > 0.001"),
        ("alerts.rules.yml", "up{job=\"rotewatch\"} == 0", "up == 0"),
        ("alerts.rules.yml", "last_reload_successful == 0", "last_reload_successful == 1"),
        ("alerts.rules.yml", "store_degraded == 1", "store_degraded >= 0"),
        ("alerts.rules.yml", "increase15m > 0", "increase15m > 100"),
        ("recording.rules.yml", "rotewatch_run_active == 1", "rotewatch_run_active >= 0"),
        ("recording.rules.yml", "refused|failed|timeout", "refused|failed|suppressed"),
    ];
    for (file, right, wrong) in broken {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("tests")).expect("the folder is writable");
        for name in FILES.iter().map(ToString::to_string).chain(TESTS.iter().map(|test| format!("tests/{test}"))) {
            let mut text = fs::read_to_string(ours("config/prometheus").join(&name)).expect("the file is there");
            if name == file {
                assert!(text.contains(right), "{file} no longer says {right}");
                text = text.replace(right, wrong);
            }
            fs::write(folder.path().join(&name), text).expect("the folder is writable");
        }
        let Some((passed, _)) = tested(folder.path()) else { return };
        assert!(!passed, "no test fails if {file} has {wrong} instead of {right}");
    }
}
