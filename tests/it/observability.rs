//! A whole run monitored by a real Prometheus and a real Alertmanager: every expression of this repository has data there, and an
//! alert stops the run that it names.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::activations::layer;
use crate::support::catalogue::{CATALOGUE, OF_DAEMON};
use crate::support::client::{ATTEMPT, Client, document, frame, labelled_frame, seen_frame};
use crate::support::dashboard::{all, queried_variables, targets};
use crate::support::process::{rotewatch, text};
use crate::support::promql::selected;
use crate::support::running::Running;
use crate::support::servers::{Server, alertmanager, prometheus};
use crate::support::until::until;

const ROWS: usize = 600;

/// A run in which memorization is found: both signals are high at epoch 2 and fall from there.
const ALARMING: [f32; 6] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];
/// One in which nothing happens.
const STEADY: [f32; 6] = [0.2, 3.0, 4.0, 4.0, 4.0, 4.0];

/// Errors among the unseen and the seen rows of each epoch, of a run that memorizes and of one that does not.
const MEMORIZING: [(usize, usize); 6] = [(540, 540), (180, 170), (150, 140), (200, 100), (240, 60), (280, 20)];
const LEARNING: [(usize, usize); 6] = [(540, 540), (180, 170), (150, 140), (140, 120), (130, 110), (130, 100)];

/// A daemon that stops nothing by itself, with its Prometheus and Alertmanager.
struct Observatory {
    client: Client,
    prometheus: Server,
    _alertmanager: Server,
    _daemon: Running,
    _state: TempDir,
}

fn observatory() -> Option<Observatory> {
    let state = tempfile::tempdir().expect("a temporary folder");
    let config = state.path().join("rotewatch.yaml");
    let hooks = "hooks: [{name: told, on: [example_level], command: {argv: ['true']}}]\n";
    std::fs::write(&config, format!("detect: {{stop_on: []}}\n{hooks}")).expect("the folder is writable");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--state", text(state.path()), "--config", text(&config)];
    let mut daemon = Running::start(&mut rotewatch(arguments));
    let client = Client::of(daemon.served_address(), state.path());
    let alertmanager = alertmanager(client.address, &state.path().join("token"))?;
    let prometheus = prometheus(client.address, Some(alertmanager.address))?;
    Some(Observatory { client, prometheus, _alertmanager: alertmanager, _daemon: daemon, _state: state })
}

impl Observatory {
    /// Trains both runs to their last epoch, with Prometheus scraping each epoch of the first.
    fn train(&self) {
        for run in ["digits", "bystander"] {
            document(&self.client.declare(run, ATTEMPT, &["hidden1", "hidden2"]), 200);
        }
        for (epoch, signals) in (0..).zip(ALARMING.into_iter().zip(STEADY)) {
            for (run, signal) in [("bystander", signals.1), ("digits", signals.0)] {
                let layers = [layer(ROWS, 12, 2.0), layer(ROWS, 12, signal)];
                let (unseen, seen) = if run == "digits" { MEMORIZING[epoch as usize] } else { LEARNING[epoch as usize] };
                let body = labelled_frame(&[("hidden1", &layers[0]), ("hidden2", &layers[1])], unseen);
                document(&self.client.activations(run, epoch, 0, &body), 202);
                let path = format!("runs/{run}/epochs/{epoch}/activations?attempt={ATTEMPT}&seq=0&rows=seen");
                document(&self.client.send("POST", &path, &seen_frame(ROWS, seen)), 202);
                let losses = json!({ "train_loss": 1.0 / f64::from(epoch + 1), "train_accuracy": 0.5 }).to_string();
                let end = format!("runs/{run}/epochs/{epoch}/end?attempt={ATTEMPT}&wait=30");
                assert_eq!(document(&self.client.send("POST", &end, losses.as_bytes()), 200)["epoch"], epoch);
            }
            self.prometheus.has(&format!("rotewatch_run_epoch{{run=\"digits\"}} == {epoch}"));
        }
    }
}

#[test]
fn a_rule_that_fires_in_prometheus_stops_its_run_through_alertmanager_and_no_other() {
    let Some(observatory) = observatory() else { return };
    let Observatory { client, prometheus, .. } = &observatory;
    observatory.train();
    until("the stop", || (client.read("runs/digits")["stop"] == true).then_some(()));
    let reason = client.read("runs/digits")["reason"].clone();
    let expected = "alert RotewatchMemorization: digits memorizes wrong labels or single examples";
    assert_eq!(reason, expected);
    for (run, stop) in [("digits", true), ("bystander", false)] {
        let body = frame(&[("hidden1", &layer(ROWS, 12, 2.0)), ("hidden2", &layer(ROWS, 12, 1.0))]);
        document(&client.activations(run, 6, 0, &body), 202);
        assert_eq!(client.judged(run, 6)["stop"], stop, "as the trainer of {run} learns at the next epoch end");
    }
    prometheus.has("rotewatch_stop_requested{run=\"digits\"} == 1");
    prometheus.has("rotewatch_http_requests_total{route=\"/api/v1/hooks/alertmanager\", code=\"200\"} >= 1");
    assert_eq!(client.read("runs/bystander")["stop"], false);
    let firing = prometheus.samples("ALERTS{alertstate=\"firing\", alertname=\"RotewatchMemorization\"}");
    let runs: Vec<&Value> = firing.iter().map(|sample| &sample["metric"]["run"]).collect();
    assert_eq!(runs, [&json!("digits")]);
}

#[test]
fn every_expression_of_every_dashboard_and_rule_has_data_there() {
    let Some(observatory) = observatory() else { return };
    let Observatory { client, prometheus, .. } = &observatory;
    observatory.train();
    // Annotations show it.
    prometheus.has("rotewatch_stop_requested{run=\"digits\"} == 1");
    prometheus.has("rotewatch_hook_attempts_total{result=\"ok\"} == 1");
    for (name, dashboard) in all() {
        for target in targets(&name, &dashboard) {
            let expression = target.of_run("digits");
            until(&format!("{}: {expression}", target.place), || (!prometheus.samples(&expression).is_empty()).then_some(()));
        }
        for variable in queried_variables(&dashboard) {
            let query = variable["query"]["query"].as_str().expect("a query");
            let series = query.trim_start_matches("label_values(").rsplit_once(", ").expect("an expression and a label").0;
            let series = series.replace("$job", ".+").replace("$instance", ".+").replace("$run", "digits");
            assert!(!prometheus.samples(&series).is_empty(), "{name}: {query}");
        }
    }
    let groups = prometheus.asked("/api/v1/rules")["groups"].clone();
    let rules: Vec<&Value> =
        groups.as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten().collect();
    assert!(rules.len() >= 15, "{}", rules.len());
    for rule in rules {
        assert_eq!((&rule["health"], &rule["lastError"]), (&json!("ok"), &Value::Null), "{rule}");
        let expression = rule["query"].as_str().expect("an expression");
        if rule["type"] == "recording" {
            prometheus.has(rule["name"].as_str().expect("a name"));
            continue;
        }
        // An alert has no data unless it fires, but its series do.
        for asked in selected(expression).expect("a valid expression") {
            prometheus.has(&asked.name);
        }
    }
    assert_eq!(client.read("runs/bystander")["stop"], false);
}

#[test]
fn prometheus_knows_the_type_and_the_help_of_every_series() {
    let Some(observatory) = observatory() else { return };
    observatory.train();
    let prometheus = &observatory.prometheus;
    prometheus.has("rotewatch_memorization_onset_epoch");
    let known = until("the metadata", || {
        let known: BTreeMap<String, Vec<Value>> = serde_json::from_value(prometheus.asked("/api/v1/metadata")).ok()?;
        known.contains_key("rotewatch_memorization_onset_epoch").then_some(known)
    });
    for (series, kind, _) in CATALOGUE.iter().chain(OF_DAEMON) {
        let told = known.get(&format!("rotewatch_{series}")).unwrap_or_else(|| panic!("{series} is unknown to Prometheus"));
        assert_eq!((told.len(), &told[0]["type"]), (1, &json!(kind)), "{series}");
        assert!(told[0]["help"].as_str().is_some_and(|help| help.len() > 10 && help.ends_with('.')), "{series}");
        assert_eq!(*kind == "counter", series.ends_with("_total"), "{series}");
        let others = ["milli", "micro", "_ms", "_percent", "_bits", "minutes"];
        assert!(others.iter().all(|unit| !series.contains(unit)), "{series} is in a base unit");
    }
}
