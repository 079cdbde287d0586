//! Runs that arrive as files: read in order and once, with the verdicts that they gave live; bad files are set aside with the
//! reason.

use std::fs;

use serde_json::{Value, json};

use crate::support::client::{ALARMING, ATTEMPT, Client, NEXT_ATTEMPT, daemon, document};
use crate::support::http::get;
use crate::support::process::{rotewatch, text};
use crate::support::recorded::{Recorded, body, run_with, with_inbox};
use crate::support::running::Running;
use crate::support::until::until;

/// Returns the run's document, once all of it is in the history.
fn comparable(client: &Client) -> (Value, Value) {
    let newest = ALARMING.len() - 1;
    until("the last commit", || (client.read("runs/run")["committed_epoch"] == newest).then_some(()));
    let mut epochs = client.read("runs/run/epochs")["epochs"].clone();
    for epoch in epochs.as_array_mut().expect("epochs") {
        // When it was computed, and how fast, may differ.
        epoch["compute_seconds"] = Value::Null;
        epoch["made_at"] = Value::Null;
    }
    (client.read("runs/run/verdict"), epochs)
}

#[test]
fn a_recorded_run_gives_the_verdict_and_the_numbers_that_it_gave_live() {
    let live = daemon();
    let declared = json!({ "attempt": ATTEMPT, "layers": ["a", "b"] }).to_string();
    document(&live.client.send("PUT", "runs/run", declared.as_bytes()), 200);
    for epoch in 0..ALARMING.len() {
        let number = u32::try_from(epoch).expect("a small number");
        document(&live.client.activations("run", number, 0, &body(epoch)), 202);
        let end = format!("runs/run/epochs/{epoch}/end?attempt={ATTEMPT}&wait=30");
        document(&live.client.send("POST", &end, br#"{"train_loss": null}"#), 200);
    }
    document(&live.client.finish("run"), 200);
    run_with(&live.client, "finished");

    let recorded = Recorded::new();
    recorded.declare(ATTEMPT);
    recorded.epochs(0..ALARMING.len());
    recorded.finish();
    let replayed = with_inbox(&recorded.inbox);
    run_with(&replayed.client, "finished");
    assert_eq!(comparable(&replayed.client), comparable(&live.client));
    assert_eq!(replayed.client.read("runs/run/verdict")["verdict"], "memorizing");
    until("an empty folder", || recorded.files("").is_empty().then_some(()));
    assert_eq!(recorded.files("done").len(), 2 + 2 * ALARMING.len());
    assert_eq!(recorded.files("quarantine"), Vec::<String>::new());
}

#[test]
fn files_that_come_while_it_serves_are_taken_as_they_come() {
    let recorded = Recorded::new();
    fs::remove_dir(&recorded.run).expect("the folder is there");
    let daemon = with_inbox(&recorded.inbox);
    fs::create_dir(&recorded.run).expect("the folder is writable");
    recorded.declare(ATTEMPT);
    for epoch in 0..3 {
        recorded.epochs(epoch..epoch + 1);
        until("the epoch", || {
            let run: Value = serde_json::from_str(&get(daemon.client.address, "/api/v1/runs/run").body).ok()?;
            (run["epoch"] == json!(epoch)).then_some(())
        });
    }
    recorded.finish();
    run_with(&daemon.client, "finished");
    // A second training with the same name, by the same writer.
    recorded.declare(NEXT_ATTEMPT);
    until("the next attempt", || (daemon.client.read("runs/run")["attempt"] == NEXT_ATTEMPT).then_some(()));
    until("its declaration taken", || (recorded.files("done") == ["run.json"]).then_some(()));
    assert_eq!(recorded.files("done.2").len(), 8, "the files of the earlier attempt are kept separately");
}

#[test]
fn a_daemon_that_is_killed_in_the_midst_of_a_run_comes_to_the_same_verdict() {
    let recorded = Recorded::new();
    let state = tempfile::tempdir().expect("a temporary folder");
    let flags = ["serve", "--listen", "127.0.0.1:0", "--state", text(state.path()), "--inbox", text(&recorded.inbox)];
    let mut daemon = Running::start(&mut rotewatch(flags));
    daemon.served_address();
    recorded.declare(ATTEMPT);
    recorded.epochs(0..3);
    until("half of the run", || (recorded.files("done").len() == 7).then_some(()));
    daemon.signal("KILL");
    daemon.end();
    recorded.epochs(3..ALARMING.len());
    recorded.finish();
    let mut daemon = Running::start(&mut rotewatch(flags));
    let client = Client::of(daemon.served_address(), state.path());
    let run = run_with(&client, "finished");
    assert_eq!((&run["verdict"], &run["onset_epoch"]), (&json!("memorizing"), &json!(3)));
    assert_eq!(client.read("runs/run/epochs")["epochs"].as_array().map(Vec::len), Some(ALARMING.len()));
}
