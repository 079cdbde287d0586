//! Runs that change their shape, repeat frames, go back, or share a name.

use rotewatch_core::intake::gate::DropReason;
use serde_json::{Value, json};

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::client::{ALARMING, ATTEMPT, NEXT_ATTEMPT, daemon, daemon_with, document, frame, serialized};
use crate::support::http::get;
use crate::support::monitored::{assert_conserved, dropped, scrape};
use crate::support::running::Running;
use crate::support::until::until;
use safetensors::tensor::Dtype;

const ROWS: usize = 600;

#[test]
fn case_04_a_layer_whose_width_changed_is_left_out_and_named() {
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a", "b"]), 200);
    let (narrow, wide) = (layer(ROWS, 4, 2.0), layer(ROWS, 6, 2.0));
    document(&client.activations("run", 0, 0, &frame(&[("a", &narrow), ("b", &narrow)])), 202);
    let taken = document(&client.activations("run", 0, 1, &frame(&[("a", &narrow), ("b", &wide)])), 202);
    assert_eq!(taken["rejected"], json!({ "b": "it has 6 neurons, but had 4 in its first frame" }));
    let taken = document(&client.activations("run", 0, 2, &frame(&[("b", &wide)])), 202);
    assert!(taken["rejected"]["b"].is_string(), "{taken}");
    client.judged("run", 0);
    let counts = daemon.monitor.flow();
    assert_conserved(&counts);
    assert_eq!((counts.measured, dropped(&counts, DropReason::Rejected)), (2, 1));

    // A trainer in this process has no session that would check the widths.
    let tap = daemon.monitor.declare(declaration("here", &["a", "b"])).expect("the name is free");
    assert!(send(&tap, 0, ROWS, &[narrow.clone(), narrow.clone()]));
    assert!(send(&tap, 0, ROWS, &[narrow, wide.clone()]));
    assert!(send(&tap, 0, ROWS, &[wide.clone(), wide]));
    judged(&tap, 0);
    let counts = daemon.monitor.flow();
    assert_conserved(&counts);
    assert_eq!((counts.measured, dropped(&counts, DropReason::Rejected)), (4, 2));
}

#[test]
fn case_06_a_frame_sent_again_counts_once() {
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(ROWS, 4, 2.0))]);
    assert_eq!(document(&client.activations("run", 0, 0, &body), 202), json!({ "queued": true }));
    assert_eq!(document(&client.activations("run", 0, 0, &body), 202), json!({ "duplicate": true }));
    let other = frame(&[("a", &layer(ROWS, 4, 3.0))]);
    let refused = document(&client.activations("run", 0, 0, &other), 409);
    assert!(
        refused["error"].as_str().is_some_and(|reason| reason.contains("frame 0 of the unseen rows of epoch 0")),
        "{refused}"
    );
    assert_eq!(document(&client.activations("run", 0, 1, &other), 202), json!({ "queued": true }));
    client.judged("run", 0);
    assert_eq!(document(&client.activations("run", 0, 1, &other), 202), json!({ "duplicate": true }), "also after the end");
    let counts = daemon.monitor.flow();
    assert_conserved(&counts);
    assert_eq!((counts.offered, counts.measured), (2, 2));
    let again = client.judged("run", 0);
    assert_eq!(again["epoch"], 0, "a repeated end returns the known verdict");
    assert_eq!(client.read("runs/run/epochs")["epochs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn case_33_an_attempt_is_replaced_only_once_it_is_idle() {
    let busy = daemon();
    document(&busy.client.declare("run", ATTEMPT, &["a"]), 200);
    let refused = document(&busy.client.declare("run", NEXT_ATTEMPT, &["a"]), 409);
    assert!(refused["error"].as_str().is_some_and(|reason| reason.contains(ATTEMPT)), "{refused}");
    document(&busy.client.finish("run"), 200);
    document(&busy.client.declare("run", NEXT_ATTEMPT, &["a"]), 200);

    let idle = daemon_with(|config| config.limits.idle_seconds = 0);
    let client = &idle.client;
    document(&client.declare("run", ATTEMPT, &["a", "b"]), 200);
    for (epoch, signal) in (0..).zip(ALARMING) {
        let body = frame(&[("a", &layer(ROWS, 12, 2.0)), ("b", &layer(ROWS, 12, signal))]);
        document(&client.activations("run", epoch, 0, &body), 202);
        client.judged("run", epoch);
    }
    assert_eq!(client.read("runs/run/verdict")["verdict"], "memorizing");
    document(&client.declare("run", NEXT_ATTEMPT, &["a", "b"]), 200);
    let renewed = until("the new attempt", || {
        let verdict = client.read("runs/run/verdict");
        (verdict["attempt"] == NEXT_ATTEMPT).then_some(verdict)
    });
    assert_eq!((&renewed["verdict"], &renewed["epoch"], &renewed["stop"]), (&json!("too_early"), &Value::Null, &json!(false)));
    document(&client.activations("run", 6, 0, &frame(&[("a", &layer(ROWS, 12, 2.0))])), 404);
}

#[test]
fn case_04_another_precision_is_no_other_width_and_another_attempt_may_have_another() {
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let activations = layer(ROWS, 4, 2.0);
    document(&client.activations("run", 0, 0, &frame(&[("a", &activations)])), 202);
    client.judged("run", 0);
    let halves = activations.values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect();
    let halves = serialized(&[("a", Dtype::F16, vec![ROWS, 4], halves)]);
    assert_eq!(document(&client.activations("run", 1, 0, &halves), 202), json!({ "queued": true }));
    client.judged("run", 1);
    document(&client.finish("run"), 200);
    document(&client.declare("run", NEXT_ATTEMPT, &["a"]), 200);
    let wider = frame(&[("a", &layer(ROWS, 6, 2.0))]);
    let next = format!("runs/run/epochs/0/activations?attempt={NEXT_ATTEMPT}&seq=0");
    assert_eq!(document(&client.send("POST", &next, &wider), 202), json!({ "queued": true }));
}

#[test]
fn case_07_skipped_and_late_epochs_fool_nobody_and_a_resumed_run_is_a_new_attempt() {
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = |epoch: u32| frame(&[("a", &layer(ROWS, 12, 2.0 + 0.01 * epoch as f32))]);
    // Much less information than before, in an epoch that is over: it must not count as a decline.
    let less = frame(&[("a", &layer(ROWS, 12, 0.1))]);
    for epoch in [0, 1, 2, 6] {
        document(&client.activations("run", epoch, 0, &body(epoch)), 202);
        if epoch == 6 {
            document(&client.activations("run", 5, 0, &less), 202);
        }
        assert_ne!(client.judged("run", epoch)["verdict"], "memorizing");
    }
    document(&client.activations("run", 3, 0, &less), 202);
    let late = document(&client.send("POST", &format!("runs/run/epochs/3/end?attempt={ATTEMPT}&wait=1"), b"{}"), 200);
    assert_eq!((&late["epoch"], &late["verdict"]), (&json!(6), &json!("learning")));
    let epochs = client.read("runs/run/epochs");
    let numbers: Vec<_> = epochs["epochs"].as_array().expect("epochs").iter().map(|epoch| epoch["epoch"].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 6]);
    until("the count", || (dropped(&daemon.monitor.flow(), DropReason::Late) == 2).then_some(()));
    assert_conserved(&daemon.monitor.flow());
    assert_eq!(scrape(&daemon.monitor).value(r#"run_epoch{run="run"}"#), 6.0);
    // A missing epoch end is inferred from the first frame of a later epoch.
    document(&client.activations("run", 7, 0, &body(7)), 202);
    document(&client.activations("run", 8, 0, &body(8)), 202);
    client.judged("run", 8);
    let epochs = client.read("runs/run/epochs");
    let newest: Vec<_> = epochs["epochs"].as_array().expect("epochs").iter().rev().map(|epoch| epoch["epoch"].clone()).collect();
    assert_eq!(newest[..3], [8, 7, 6]);

    document(&client.finish("run"), 200);
    document(&client.declare("run", NEXT_ATTEMPT, &["a"]), 200);
    let resumed = until("the new attempt", || Some(client.read("runs/run")).filter(|run| run["attempt"] == NEXT_ATTEMPT));
    assert_eq!((&resumed["verdict"], &resumed["epoch"]), (&json!("too_early"), &Value::Null));
    assert_eq!(scrape(&daemon.monitor).get(r#"run_epoch{run="run"}"#), None, "no series goes back without a break");
    let next = format!("runs/run/epochs/3/activations?attempt={NEXT_ATTEMPT}&seq=0");
    document(&client.send("POST", &next, &body(0)), 202);
    let end = format!("runs/run/epochs/3/end?attempt={NEXT_ATTEMPT}&wait=30");
    assert_eq!(document(&client.send("POST", &end, b"{}"), 200)["epoch"], 3);
}

#[test]
fn case_33_a_second_daemon_on_a_state_folder_is_refused() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut first = Running::serve(state.path(), &[]);
    let address = first.served_address();
    let second = Running::serve(state.path(), &[]).end();
    assert_eq!((second.code, second.stdout.as_str()), (Some(2), ""));
    assert!(second.stderr.contains("another `rotewatch serve` uses this state folder"), "{}", second.stderr);
    assert!(state.path().join("url").exists(), "the refused daemon removes nothing of the running one");
    assert_eq!(get(address, "/-/ready").status, 200);
}
