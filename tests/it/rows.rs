//! The two fixed sets of rows: unseen and seen, over HTTP and from files.

use safetensors::Dtype;
use serde_json::{Value, json};

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Daemon, daemon, document, serialized};
use crate::support::http::get;
use crate::support::recorded::{Recorded, with_inbox};
use crate::support::until::until;

const ROWS: usize = 300;

/// A number of each row, the same in all of them.
fn number(name: &'static str, value: f32) -> (&'static str, Dtype, Vec<usize>, Vec<u8>) {
    (name, Dtype::F32, vec![ROWS], value.to_le_bytes().repeat(ROWS))
}

/// Unseen rows: a layer and every number.
fn unseen(loss: f32) -> Vec<u8> {
    let activations = layer(ROWS, 6, 2.0);
    let bytes = activations.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let classes = (0..ROWS as i64).flat_map(|row| (row % 3).to_le_bytes()).collect();
    serialized(&[
        ("fc", Dtype::F32, vec![ROWS, 6], bytes),
        number("row:losses", loss),
        number("row:errors", 0.25),
        ("row:predictions", Dtype::I64, vec![ROWS], classes),
        number("row:confidence", 0.75),
        number("row:entropy", 0.5),
    ])
}

/// Seen rows: losses alone.
fn seen(loss: f32) -> Vec<u8> {
    serialized(&[number("row:losses", loss)])
}

fn declared() -> String {
    json!({ "attempt": ATTEMPT, "layers": ["fc"], "seen_digest": "1000 rows", "task": "classes", "features_layer": "fc" })
        .to_string()
}

fn sent(daemon: &Daemon, epoch: u32, set: &str, seq: u32, body: &[u8]) -> Value {
    let path = format!("runs/run/epochs/{epoch}/activations?attempt={ATTEMPT}&seq={seq}&rows={set}");
    document(&daemon.client.send("POST", &path, body), 202)
}

#[test]
fn both_sets_are_told_of_and_count_their_frames_apart() {
    let daemon = daemon();
    document(&daemon.client.send("PUT", "runs/run", declared().as_bytes()), 200);
    assert_eq!(sent(&daemon, 0, "unseen", 0, &unseen(1.5)), json!({ "queued": true }));
    assert_eq!(sent(&daemon, 0, "seen", 0, &seen(1.0)), json!({ "queued": true }));
    assert_eq!(sent(&daemon, 0, "seen", 0, &seen(1.0)), json!({ "duplicate": true }));
    assert_eq!(sent(&daemon, 0, "seen", 1, &seen(2.0)), json!({ "queued": true }));
    let path = format!("runs/run/epochs/0/activations?attempt={ATTEMPT}&seq=0&rows=seen");
    let other = document(&daemon.client.send("POST", &path, &seen(9.0)), 409);
    let says =
        "frame 0 of the seen rows of epoch 0 was already received with other bytes; give each frame of an epoch its own seq";
    assert_eq!(other, json!({ "error": says }));
    daemon.client.judged("run", 0);
    let epoch = daemon.client.read("runs/run/epochs")["epochs"][0].clone();
    let all = json!({ "rows": ROWS, "loss": 1.5, "error_ratio": 0.25, "confidence": 0.75, "entropy_nats": 0.5 });
    assert_eq!(epoch["unseen"], all);
    let losses = json!({ "rows": 2 * ROWS, "loss": 1.5, "error_ratio": null, "confidence": null, "entropy_nats": null });
    assert_eq!(epoch["seen"], losses);
    assert_eq!((&epoch["rows"], &epoch["coverage"]), (&json!(ROWS), &json!(1.0)), "the window has unseen rows alone");
    assert!(epoch["prediction_entropy_nats"].as_f64().is_some_and(|nats| (nats - 3.0_f64.ln()).abs() < 1e-9), "{epoch}");
}

#[test]
fn what_is_wrong_with_a_set_is_said() {
    let daemon = daemon();
    let client = &daemon.client;
    let with = |key: &str, value: &str| {
        let mut declaration: Value = serde_json::from_str(&declared()).expect("JSON");
        declaration[key] = value.into();
        document(&client.send("PUT", "runs/run", declaration.to_string().as_bytes()), 422)["error"].clone()
    };
    assert_eq!(with("features_layer", "fc2"), "features_layer \"fc2\" is not among the layers");
    assert_eq!(with("task", "class"), "task: `class` is not one of classes, binary, labels, tokens, values");
    let reserved = json!({ "attempt": ATTEMPT, "layers": ["row:losses"] }).to_string();
    let refused = document(&client.send("PUT", "runs/run", reserved.as_bytes()), 422);
    assert!(refused["error"].as_str().is_some_and(|says| says.contains("rename the layer")), "{refused}");
    document(&client.send("PUT", "runs/run", declared().as_bytes()), 200);
    let path = format!("runs/run/epochs/0/activations?attempt={ATTEMPT}&seq=0&rows=held");
    let refused = document(&client.send("POST", &path, &seen(1.0)), 422);
    assert_eq!(refused["error"], "rows: `held` is not one of unseen, seen");
}

#[test]
fn files_of_both_sets_are_imported_before_the_epoch_ends() {
    let recorded = Recorded::new();
    for (name, body) in [
        ("0.0.safetensors", unseen(1.0)),
        ("0.0.seen.safetensors", seen(0.5)),
        ("0.json", b"{}".to_vec()),
        ("run.json", declared().into_bytes()),
    ] {
        std::fs::write(recorded.run.join(name), body).expect("the folder is writable");
    }
    let daemon = with_inbox(&recorded.inbox);
    let epoch = until("the epoch", || {
        let answer = get(daemon.client.address, "/api/v1/runs/run/epochs");
        (answer.status == 200).then(|| document(&answer, 200)["epochs"][0].clone()).filter(|epoch| !epoch.is_null())
    });
    assert_eq!((&epoch["unseen"]["loss"], &epoch["seen"]["loss"]), (&json!(1.0), &json!(0.5)));
}
