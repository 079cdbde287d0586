//! Clocks that jump: libfaketime gives the daemon another time of day.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, document, frame};
use crate::support::exposition::Exposition;
use crate::support::need::or_skip;
use crate::support::process::{rotewatch, text};
use crate::support::raw::Raw;
use crate::support::running::Running;

/// The path of libfaketime on Debian.
const LIBRARIES: [&str; 2] =
    ["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

#[test]
fn case_08_a_clock_that_jumps_changes_the_dates_and_nothing_else() {
    let found = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
    let Some(library) = or_skip(found, "libfaketime is not here (Debian: apt-get install faketime)") else { return };
    let state = tempfile::tempdir().expect("a temporary folder");
    let time = state.path().join("time");
    let set = |at: &str| fs::write(&time, at).expect("the folder is writable");
    set("@2026-10-25 00:59:58");
    let mut command = rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(state.path())]);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &time).env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1").env("TZ", "Europe/Berlin");
    let mut daemon = Running::start(&mut command);
    let client = Client::of(daemon.served_address(), state.path());
    let mut events = Raw::open(client.address);
    events.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(600, 8, 2.0))]);
    // Hours back, beyond 2038, and far back again.
    for (epoch, now) in
        (0..).zip(["@2026-10-25 00:59:59", "@2026-10-24 12:00:00", "@2042-01-01 00:00:00", "@2001-01-01 00:00:00"])
    {
        set(now);
        document(&client.activations("run", epoch, 0, &body), 202);
        let told = client.judged("run", epoch);
        assert_eq!((&told["committed_epoch"], &told["stop"]), (&json!(epoch), &json!(false)), "at {now}");
        let interval = Exposition::scrape(client.address).get(r#"run_epoch_interval_seconds{run="run"}"#);
        assert!(interval.map_or(epoch == 0, |seconds| (0.0..600.0).contains(&seconds)), "at {now}: {interval:?}");
    }
    let epochs = client.read("runs/run/epochs")["epochs"].as_array().expect("epochs").clone();
    let numbers: Vec<&Value> = epochs.iter().map(|epoch| &epoch["epoch"]).collect();
    assert_eq!(numbers, [0, 1, 2, 3], "in the order of the training, not of the clock");
    assert!(epochs.iter().all(|epoch| epoch["compute_seconds"].as_f64().is_some_and(|took| (0.0..600.0).contains(&took))));
    assert!(!events.is_closed(), "no run counts as silent");
    daemon.heeds_signals();
    daemon.signal("TERM");
    let ended = daemon.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut next = Running::serve(state.path(), &[]);
    let client = Client { address: next.served_address(), ..client };
    let again = client.read("runs/run/epochs")["epochs"].as_array().map(Vec::len);
    assert_eq!(again, Some(4), "the history keeps them all");
}
