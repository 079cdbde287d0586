//! Alertmanager's webhook: it stops the run that a firing alert names, once, and no other run.

use serde_json::{Value, json};

use crate::support::client::{ATTEMPT, Client, NEXT_ATTEMPT, daemon, daemon_with, document};
use crate::support::http::{exchange, get};
use crate::support::until::until;

/// An alert as Alertmanager 0.25 sends it.
fn alert(status: &str, labels: &Value, fingerprint: &str) -> Value {
    json!({
        "status": status, "labels": labels, "annotations": { "summary": "it learns by rote" },
        "startsAt": "2096-08-01T10:00:00.000Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph", "fingerprint": fingerprint,
    })
}

fn message(alerts: &[Value]) -> Vec<u8> {
    let message = json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "stop-run",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager", "alerts": alerts,
    });
    message.to_string().into_bytes()
}

fn of_run(run: &str) -> Value {
    json!({ "alertname": "Onset", "run": run, "severity": "warning" })
}

/// Declares a run and waits until the monitor knows it: alerts only stop runs that are visible over the API.
fn open(client: &Client, run: &str, attempt: &str) {
    document(&client.declare(run, attempt, &["a"]), 200);
    until("the run to be shown", || {
        let answer = get(client.address, &format!("/api/v1/runs/{run}"));
        (answer.status == 200 && document(&answer, 200)["attempt"] == attempt).then_some(())
    });
}

fn told(client: &Client, alerts: &[Value], status: u16) -> Value {
    document(&client.send("POST", "hooks/alertmanager", &message(alerts)), status)
}

#[test]
fn a_firing_alert_stops_the_run_that_it_names_and_no_other() {
    let daemon = daemon();
    let client = &daemon.client;
    for run in ["named", "bystander"] {
        open(client, run, ATTEMPT);
    }
    let resolved = alert("resolved", &of_run("bystander"), "f2");
    let answer = told(client, &[alert("firing", &of_run("named"), "f1"), resolved], 200);
    assert_eq!(answer, json!({ "stopped": ["named"], "ignored": [] }));
    let named = client.read("runs/named");
    assert_eq!((&named["stop"], &named["reason"]), (&json!(true), &json!("alert Onset: it learns by rote")));
    assert_eq!(client.read("runs/bystander")["stop"], false);
}

#[test]
fn an_alert_counts_once_and_a_new_attempt_is_not_stopped_for_the_old_one() {
    let daemon = daemon_with(|config| config.limits.idle_seconds = 0);
    let client = &daemon.client;
    open(client, "run", ATTEMPT);
    let firing = alert("firing", &of_run("run"), "f");
    assert_eq!(told(client, std::slice::from_ref(&firing), 200)["stopped"], json!(["run"]));
    document(&client.finish("run"), 200);
    open(client, "run", NEXT_ATTEMPT);
    let again = told(client, std::slice::from_ref(&firing), 200);
    assert_eq!(again["ignored"], json!([{ "alert": "Onset", "run": "run", "reason": "this alert was already received" }]));
    assert_eq!(client.read("runs/run")["stop"], false);
    let mut anew = firing;
    anew["startsAt"] = json!("2096-08-01T11:00:00.000Z");
    assert_eq!(told(client, &[anew], 200)["stopped"], json!(["run"]));
    assert_eq!(client.read("runs/run")["stop"], true);
}

#[test]
fn an_alert_that_is_older_than_the_attempt_or_of_another_daemon_stops_nothing() {
    let daemon = daemon();
    let client = &daemon.client;
    open(client, "run", ATTEMPT);
    let mut old = alert("firing", &of_run("run"), "f1");
    old["startsAt"] = json!("2020-01-01T00:00:00Z");
    let reason = told(client, &[old], 200)["ignored"][0]["reason"].clone();
    assert_eq!(reason, "the alert began before this attempt of the run");
    let mut labels = of_run("run");
    labels["instance"] = json!("node1:19787");
    let of_node1 = message(&[alert("firing", &labels, "f2")]);
    let told_to =
        |instance: &str| document(&client.send("POST", &format!("hooks/alertmanager?instance={instance}"), &of_node1), 200);
    assert_eq!(told_to("node2:19787")["ignored"][0]["reason"], "the alert is about another instance");
    assert_eq!(client.read("runs/run")["stop"], false);
    assert_eq!(told_to("node1:19787")["stopped"], json!(["run"]));
}

#[test]
fn what_cannot_be_stopped_is_said() {
    let daemon = daemon();
    let client = &daemon.client;
    for run in ["over", "asked", "open"] {
        open(client, run, ATTEMPT);
    }
    document(&client.finish("over"), 200);
    document(&client.send("POST", "runs/asked/stop", br#"{"reason": "enough"}"#), 200);
    let alerts: Vec<Value> = ["unknown", "over", "asked"].map(|run| alert("firing", &of_run(run), run)).to_vec();
    let ignored = told(client, &alerts, 200)["ignored"].clone();
    let reasons: Vec<&str> = (0..3).filter_map(|place| ignored[place]["reason"].as_str()).collect();
    assert_eq!(reasons, ["no such run", "the run has ended", "the run was already asked to stop"]);
    assert_eq!(client.read("runs/asked")["reason"], "enough");
    // An alert for an unknown run is not remembered: the run may be declared by the time the alert is repeated.
    open(client, "unknown", ATTEMPT);
    assert_eq!(told(client, &alerts[..1], 200)["stopped"], json!(["unknown"]));

    let nameless = alert("firing", &json!({ "alertname": "DiskFull" }), "g1");
    let strange = alert("firing", &of_run("../etc"), "g2");
    let answer = told(client, &[nameless, strange, alert("firing", &of_run("open"), "g3")], 422);
    let error = answer["error"].as_str().expect("an error");
    assert!(error.contains("alert DiskFull has no label `run`") && error.contains("run name \"../etc\""), "{error}");
    assert_eq!(answer["stopped"], json!(["open"]), "the other alerts of the message still count");
}

#[test]
fn a_message_needs_the_token_and_the_right_form() {
    let daemon = daemon();
    let client = &daemon.client;
    open(client, "run", ATTEMPT);
    let body = message(&[alert("firing", &of_run("run"), "f")]);
    let (host, length) = (client.address.to_string(), body.len().to_string());
    let headers = [("Host", host.as_str()), ("Content-Length", &length)];
    document(&exchange(client.address, "POST", "/api/v1/hooks/alertmanager", &headers, &body), 401);
    for (body, says) in [("", "version 4"), ("[]", "version 4"), (r#"{"alerts": [{"status": "pending"}]}"#, "unknown variant")] {
        let refused = document(&client.send("POST", "hooks/alertmanager", body.as_bytes()), 422);
        assert!(refused["error"].as_str().is_some_and(|error| error.contains(says)), "{refused}");
    }
    assert_eq!(client.send("GET", "hooks/alertmanager", b"").status, 405);
    assert_eq!(client.read("runs/run")["stop"], false);
}
