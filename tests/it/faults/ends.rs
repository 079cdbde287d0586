//! How a daemon ends: in order, and immediately.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, document, frame};
use crate::support::process::{ended, rotewatch, text};
use crate::support::raw::Raw;
use crate::support::running::Running;
use crate::support::until::{DEADLINE, until};

/// The daemon's readiness status; `None` once it is gone.
fn ready(client: &Client) -> Option<String> {
    let mut stream = TcpStream::connect(client.address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    std::io::Write::write_all(&mut stream, b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.strip_prefix("HTTP/1.1 ").map(str::to_owned)
}

#[test]
fn case_30_a_signal_in_the_midst_of_an_epoch_ends_it_in_order() {
    const EPOCHS: u32 = 4;
    let state = tempfile::tempdir().expect("a temporary folder");
    let config = state.path().join("rotewatch.yaml");
    std::fs::write(&config, "limits: {shutdown_seconds: 600}\n").expect("the folder is writable");
    let mut daemon = Running::serve(state.path(), &["--config", text(&config)]);
    let client = Client::of(daemon.served_address(), state.path());
    daemon.heeds_signals();
    let mut events = Raw::open(client.address);
    events.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    // Queued epochs can be committed only after everything else has ended.
    let lock = Connection::open(state.path().join("history.sqlite")).expect("the history is there");
    lock.busy_timeout(DEADLINE).and_then(|()| lock.execute_batch("BEGIN IMMEDIATE")).expect("nobody holds it for long");
    // More than is measured by the time of the signal.
    let body = frame(&[("a", &layer(2048, 256, 2.0))]);
    for epoch in 0..EPOCHS {
        document(&client.activations("run", epoch, 0, &body), 202);
        document(&client.send("POST", &format!("runs/run/epochs/{epoch}/end?attempt={ATTEMPT}"), b"{}"), 200);
    }
    daemon.signal("TERM");
    daemon.warns("cannot write the history");
    lock.execute_batch("ROLLBACK").expect("it is ours");
    let ended_with = daemon.end();
    assert_eq!(ended_with.code, Some(0), "{}", ended_with.stderr);
    let heard = String::from_utf8_lossy(&events.rest()).into_owned();
    assert_eq!(
        heard.matches("event: epoch").count(),
        EPOCHS as usize,
        "queued epochs are measured and sent to subscribers: {heard}"
    );
    let kept = ended(&mut rotewatch(["runs", "show", "run", "--json", "--state", text(state.path())]));
    let kept: Value = serde_json::from_str(&kept.stdout).expect("one document");
    assert_eq!(kept["epochs"].as_array().map(Vec::len), Some(EPOCHS as usize));
}

#[test]
fn case_30_while_it_ends_it_is_not_ready_and_a_second_signal_ends_it_at_once() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let config = state.path().join("rotewatch.yaml");
    // A hook that is still running delays the end.
    let hook = "{name: slow, command: {argv: [sleep, '600'], timeout_seconds: 300}}";
    std::fs::write(&config, format!("hooks: [{hook}]\nlimits: {{shutdown_seconds: 600}}\n")).expect("the folder is writable");
    let mut daemon = Running::serve(state.path(), &["--config", text(&config)]);
    let client = Client::of(daemon.served_address(), state.path());
    daemon.heeds_signals();
    assert!(ready(&client).is_some_and(|answer| answer.starts_with("200")));
    client.alarming("run");
    daemon.signal("TERM");
    let stops = |answer: &String| answer.starts_with("503") && answer.contains("not ready: starting or stopping");
    until("it to say so", || ready(&client).filter(stops));
    daemon.signal("TERM");
    assert_eq!(daemon.end().code, Some(130));
}
