//! The dashboards: they pass the rules of Grafana's dashboard-linter, each under its own name, and show only series that are
//! exported.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::catalogue::{CATALOGUE, OF_DAEMON};
use crate::support::dashboard::{Target, all, list, panels, queried_variables, targets};
use crate::support::need::or_skip;
use crate::support::process::ended;
use crate::support::promql::{Selected, selected};
use crate::support::servers::{ours, program};

/// The schema of Grafana 9.0: an older Grafana cannot load a newer file.
const SCHEMA_MAX: u64 = 36;
/// Width of a dashboard in columns.
const COLUMNS: u64 = 24;
/// The units in use; all are in Grafana's list.
const UNITS: [&str; 10] =
    ["none", "short", "string", "percentunit", "s", "bytes", "ops", "reqps", "bool_yes_no", "dateTimeFromNow"];
/// Series that Prometheus itself adds for a target.
const OF_PROMETHEUS: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];
/// Series about the process.
const OF_PROCESS: [&str; 2] = ["process_cpu_seconds_total", "process_resident_memory_bytes"];

fn every_target() -> Vec<Target> {
    all().iter().flat_map(|(name, dashboard)| targets(name, dashboard)).collect()
}

fn every_selected() -> Vec<(String, Selected)> {
    let read = |target: &Target| {
        let found = selected(&target.timed()).unwrap_or_else(|error| panic!("{}: {}: {error}", target.place, target.expression));
        assert!(!found.is_empty(), "{} has no query", target.place);
        found.into_iter().map(|selected| (target.place.clone(), selected)).collect::<Vec<_>>()
    };
    every_target().iter().flat_map(read).collect()
}

/// Calls `check` with each panel and its location.
fn each_panel(check: impl Fn(&str, &Value)) {
    for (name, dashboard) in all() {
        assert!(panels(&dashboard).count() > 10, "{name}");
        for panel in panels(&dashboard) {
            check(&format!("{name}, {}", panel["title"]), panel);
        }
    }
}

/// Returns a variable by its name.
fn variable<'a>(dashboard: &'a Value, name: &str) -> &'a Value {
    list(&dashboard["templating"]["list"]).find(|variable| variable["name"] == name).unwrap_or(&Value::Null)
}

#[test]
fn template_datasource_rule() {
    for (name, dashboard) in all() {
        let sources: Vec<_> = list(&dashboard["templating"]["list"]).filter(|v| v["type"] == "datasource").collect();
        assert_eq!(sources.len(), 1, "{name}");
        let told = (&sources[0]["name"], &sources[0]["label"], &sources[0]["query"]);
        assert_eq!(told, (&json!("datasource"), &json!("Data source"), &json!("prometheus")), "{name}");
    }
}

#[test]
fn template_job_rule_and_template_instance_rule() {
    for (name, dashboard) in all() {
        for (variable_name, label) in [("job", "Job"), ("instance", "Instance")] {
            let variable = variable(&dashboard, variable_name);
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{name}: {variable_name}");
            let told = [&variable["type"], &variable["label"], &variable["multi"], &variable["allValue"]];
            assert_eq!(told, [&json!("query"), &json!(label), &json!(true), &json!(".+")], "{name}: {variable_name}");
        }
        for more in ["run", "layer"] {
            assert!(variable(&dashboard, more).is_object(), "{name} lacks {more}");
        }
    }
}

#[test]
fn template_label_promql_rule() {
    for (name, dashboard) in all() {
        for variable in queried_variables(&dashboard) {
            let query = variable["query"]["query"].as_str().expect("a query");
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (expression, label) =
                inner.and_then(|inner| inner.rsplit_once(", ")).unwrap_or_else(|| panic!("{name}: {query}"));
            let asked = selected(expression).unwrap_or_else(|error| panic!("{name}: {query}: {error}"));
            let exported = CATALOGUE.iter().find(|(series, ..)| format!("rotewatch_{series}") == asked[0].name);
            let (_, _, labels) = exported.unwrap_or_else(|| panic!("{name}: {query}"));
            assert!(["job", "instance"].contains(&label) || labels.contains(&label), "{name}: {query}");
        }
    }
}

#[test]
fn template_on_time_change_reload() {
    for (name, dashboard) in all() {
        assert!(queried_variables(&dashboard).all(|variable| variable["refresh"] == 2), "{name}");
    }
}

#[test]
fn panel_datasource_rule() {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    each_panel(|place, panel| {
        assert_eq!(panel["datasource"], source, "{place}");
        assert!(list(&panel["targets"]).all(|target| target["datasource"] == source), "{place}");
    });
}

#[test]
fn panel_title_description_rule() {
    each_panel(|place, panel| {
        for said in ["title", "description"] {
            assert!(panel[said].as_str().is_some_and(|text| text.len() > 3), "{place} has no {said}");
        }
    });
}

#[test]
fn panel_units_rule() {
    each_panel(|place, panel| {
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
        assert!(unit.is_some_and(|unit| UNITS.contains(&unit)), "{place}: {unit:?}");
    });
}

#[test]
fn panel_no_targets_rule() {
    each_panel(|place, panel| {
        let ids: Vec<_> = list(&panel["targets"]).map(|target| target["refId"].clone()).collect();
        assert!(!ids.is_empty(), "{place} has no query");
        assert!((0..ids.len()).all(|place| ids[place] == json!(char::from(b'A' + place as u8).to_string())), "{place}: {ids:?}");
    });
}

#[test]
fn target_promql_rule_and_everything_asked_for_is_exported() {
    let exported: BTreeSet<String> = CATALOGUE
        .iter()
        .chain(OF_DAEMON)
        .flat_map(|(series, kind, _)| {
            let ends: &[&str] = if *kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            ends.iter().map(move |end| format!("rotewatch_{series}{end}"))
        })
        .chain(OF_PROMETHEUS.iter().chain(&OF_PROCESS).map(ToString::to_string))
        .collect();
    for (place, Selected { name, .. }) in every_selected() {
        assert!(exported.contains(&name), "{place} uses {name}, which is not exported");
    }
}

#[test]
fn every_series_of_the_catalogue_is_shown_somewhere() {
    let shown: BTreeSet<String> = every_selected().into_iter().map(|(_, selected)| selected.name).collect();
    let on_purpose = ["run_info"];
    let is_shown = |series: &str, kind: &str| match kind {
        "histogram" => shown.contains(&format!("rotewatch_{series}_bucket")),
        _ => shown.contains(&format!("rotewatch_{series}")),
    };
    let missing: Vec<&str> = CATALOGUE
        .iter()
        .chain(OF_DAEMON)
        .filter(|(series, kind, _)| !is_shown(series, kind))
        .map(|(series, ..)| *series)
        .collect();
    assert_eq!(missing, on_purpose, "only run_info is missing: it defines the variable");
}

#[test]
fn target_rate_interval_rule() {
    for target in every_target() {
        assert!(!target.expression.contains('[') || target.expression.contains("[$__rate_interval]"), "{}", target.place);
        for Selected { range, name, .. } in selected(&target.timed()).expect("see target_promql_rule") {
            let Some((_, function)) = range else { continue };
            assert!(["rate", "irate", "increase"].contains(&function.as_str()), "{}: {function}({name})", target.place);
        }
    }
}

#[test]
fn target_job_rule_and_target_instance_rule() {
    for (place, Selected { name, matchers, .. }) in every_selected() {
        for label in ["job", "instance"] {
            assert_eq!(matchers.get(label), Some(&format!("=~\"${label}\"")), "{place}: {name}");
        }
    }
}

#[test]
fn target_counter_agg_rule() {
    for (place, Selected { name, range, .. }) in every_selected() {
        assert!(!name.ends_with("_total") || range.is_some(), "{place}: {name} is a counter");
    }
}

#[test]
fn uneditable_dashboard_rule() {
    for (name, dashboard) in all() {
        assert_eq!(dashboard["editable"], false, "{name}");
    }
}

#[test]
fn a_dashboard_is_one_that_grafana_9_loads() {
    let mut ids = BTreeSet::new();
    for (name, dashboard) in all() {
        assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version <= SCHEMA_MAX), "{name}");
        assert!(ids.insert(dashboard["uid"].as_str().expect("an id").to_owned()), "{name}");
        assert!(
            dashboard.get("id").is_none() && dashboard.get("__inputs").is_none(),
            "{name} was exported from a running Grafana"
        );
        let mut taken = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        for panel in list(&dashboard["panels"]) {
            let place = format!("{name}, {}", panel["title"]);
            assert!(numbers.insert(panel["id"].as_u64().expect("a number")), "{place}");
            let grid = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a whole number"));
            let [x, y, w, h] = grid;
            assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{place}: {grid:?}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{place} overlaps another panel");
            }
        }
        assert!(list(&dashboard["annotations"]["list"]).any(|annotation| annotation["name"] == "Memorization"), "{name}");
    }
}

#[test]
fn distributions_are_heat_maps_of_buckets() {
    let mut seen = BTreeSet::new();
    each_panel(|place, panel| {
        if panel["type"] == "heatmap" {
            assert_eq!(
                (&panel["options"]["calculate"], &panel["targets"][0]["format"]),
                (&json!(false), &json!("heatmap")),
                "{place}"
            );
        }
    });
    for (_, Selected { name, .. }) in every_selected() {
        seen.extend(name.strip_suffix("_bucket").map(str::to_owned));
    }
    let histograms =
        CATALOGUE.iter().filter(|(_, kind, _)| *kind == "histogram").map(|(series, ..)| format!("rotewatch_{series}"));
    assert_eq!(seen, histograms.collect());
}

/// Grafana's own types, with enumerations widened to what JSON can express.
const TYPES: &str = "import type { Dashboard } from '@grafana/schema';
type Told<T> = T extends string ? (string extends T ? string : `${T}`)
  : T extends number ? number
  : T extends readonly (infer Each)[] ? readonly Told<Each>[]
  : T extends object ? { readonly [Key in keyof T]: Told<T[Key]> }
  : T;
declare function loads<const Given extends Told<Dashboard>>(dashboard: Given): void;
";
/// Keys of an annotation that belong to the Prometheus plugin and not to Grafana's types.
const OF_THE_PLUGIN: [&str; 6] = ["expr", "step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"];

#[test]
fn a_dashboard_has_the_types_of_grafana_13() {
    let folder = ours("target/grafana");
    let found = folder.join("node_modules/.bin/tsc").exists();
    let Some(()) = or_skip(found.then_some(()), "@grafana/schema is not in target/grafana (make grafana-types)") else { return };
    let mut text = TYPES.to_owned();
    for (_, mut dashboard) in all() {
        for annotation in dashboard["annotations"]["list"].as_array_mut().expect("a list") {
            let annotation = annotation.as_object_mut().expect("an object");
            annotation.retain(|key, _| !OF_THE_PLUGIN.contains(&key.as_str()));
        }
        let _ = writeln!(text, "loads({dashboard});");
    }
    std::fs::write(folder.join("dashboards.ts"), text).expect("the folder is writable");
    let mut tsc = Command::new(folder.join("node_modules/.bin/tsc"));
    tsc.args(
        "--noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext --target es2022 dashboards.ts".split(' '),
    );
    let said = ended(tsc.current_dir(folder));
    assert_eq!(said.code, Some(0), "{}", said.stdout);
}

#[test]
fn the_flavour_to_be_shared_asks_for_its_data_source_when_it_is_imported() {
    let Some(mut python) = program("python3", "python3") else { return };
    let out = tempfile::tempdir().expect("a temporary folder");
    let said = ended(python.arg(ours("dashboards/share.py")).arg(out.path()));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for (name, dashboard) in all() {
        let text = std::fs::read_to_string(out.path().join(&name)).expect("the script wrote it");
        let shared: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(
            (&shared["__inputs"][0]["name"], &shared["__inputs"][0]["pluginId"]),
            (&json!("DS_PROMETHEUS"), &json!("prometheus"))
        );
        assert!(!text.contains("${datasource}") && text.contains("${DS_PROMETHEUS}"), "{name}");
        assert_eq!(variable(&shared, "datasource"), &Value::Null, "{name}");
        assert_eq!(list(&shared["panels"]).count(), list(&dashboard["panels"]).count(), "{name}");
        let kinds: BTreeSet<_> = panels(&shared).map(|panel| panel["type"].to_string()).collect();
        let required: BTreeSet<_> =
            list(&shared["__requires"]).filter(|part| part["type"] == "panel").map(|part| part["id"].to_string()).collect();
        assert_eq!(kinds, required, "{name}");
    }
}
