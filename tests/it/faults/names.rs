//! Names that try to act as something else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::client::{ATTEMPT, Client, daemon_with, document};
use crate::support::http::get;
use crate::support::monitored::{config, monitor, scrape};
use crate::support::need::promtool_is_content;
use crate::support::running::Running;
use crate::support::until::until;

const ROWS: usize = 600;

#[test]
fn case_17_names_are_escaped() {
    let monitor = monitor(config());
    let strange = r#"a"b\c,d}=é 1"#;
    let tap = monitor.declare(declaration("escaped", &[strange])).expect("layer names may hold anything but control characters");
    assert!(send(&tap, 1, ROWS, &[layer(ROWS, 12, 3.0)]));
    judged(&tap, 1);
    let seen = scrape(&monitor);
    assert_eq!(seen.value(r#"layer_neurons{layer="a\"b\\c,d}=é 1",run="escaped"}"#), 12.0);
}

#[test]
fn case_17_a_flood_of_names_is_bounded_and_the_series_with_it() {
    let daemon = daemon_with(|config| config.limits.runs = 8);
    let client = &daemon.client;
    for number in 0..2000 {
        let status = client.declare(&format!("run{number}"), ATTEMPT, &["a"]).status;
        assert_eq!(status, if number < 8 { 200 } else { 429 }, "run {number}");
    }
    // Ended runs free space, and their own number is bounded.
    for number in 0..100 {
        document(&client.send("POST", &format!("runs/run{number}/finish?attempt={ATTEMPT}"), br#"{"status": "finished"}"#), 200);
        document(&client.declare(&format!("run{}", number + 8), ATTEMPT, &["a"]), 200);
    }
    until("the surplus to leave", || (daemon.monitor.live_runs().runs().len() <= 2 * 8).then_some(()));
    for bad in ["a%22b", "a%0Ab", "a%00b", "%C3%A9", "a b", ".", "-a", &"a".repeat(65)] {
        let path = format!("runs/{}", bad.replace(' ', "%20"));
        document(&client.send("PUT", &path, json!({ "attempt": ATTEMPT, "layers": ["a"] }).to_string().as_bytes()), 422);
    }
    let endless = "a".repeat(1 << 20);
    let long = std::panic::catch_unwind(|| client.declare(&endless, ATTEMPT, &["a"]).status);
    assert!(matches!(long, Err(_) | Ok(414 | 431)), "{long:?}");
    let exposition = get(client.address, "/metrics").body;
    promtool_is_content(&exposition);
    assert!(exposition.lines().count() < 2000, "{}", exposition.lines().count());
}

#[test]
fn case_18_no_series_stands_twice_whatever_the_runs_are_called() {
    let monitor = monitor(config());
    let names = ["a", "a.", "a-", "a_", "A"];
    let layers = ["x\"", "x\\", "x", "x,run=\"a\"", "le=\"1\""];
    let taps: Vec<_> = names.iter().map(|name| monitor.declare(declaration(name, &layers)).expect("the name is free")).collect();
    for tap in &taps {
        assert!(send(tap, 0, ROWS, &[(); 5].map(|()| layer(ROWS, 3, 1.0))));
        judged(tap, 0);
    }
    // Parsing fails if a sample or a type occurs twice.
    let seen = scrape(&monitor);
    assert_eq!(seen.series("layer_neurons").count(), names.len() * layers.len());
    assert_eq!(seen.value("exposition_errors_total"), 0.0);
}

/// Returns every path below a folder.
fn below(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is readable").flatten();
    let paths = entries.flat_map(|entry| {
        let inner = if entry.path().is_dir() { below(&entry.path()) } else { BTreeSet::new() };
        inner.into_iter().chain([entry.path().display().to_string()])
    });
    paths.collect()
}

#[test]
fn case_19_no_name_leads_out_of_the_state_folder() {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let state = outer.path().join("deep/state");
    let mut daemon = Running::serve(&state, &[]);
    let client = Client::of(daemon.served_address(), &state);
    let before = below(outer.path());
    let declared = json!({ "attempt": ATTEMPT, "layers": ["a"] }).to_string();
    for name in [
        "..",
        "%2e%2e",
        "..%2f..%2fout",
        "%2e%2e%2fout",
        "%2Fetc%2Fpasswd",
        "..%5cout",
        "a%2F..%2F..%2Fout",
        "a%00",
        "%00",
        ".out",
        "...",
        "%252e%252e",
        "~",
        "a%0d%0aX:b",
        "%c0%ae%c0%ae",
    ] {
        for path in [format!("runs/{name}"), format!("runs/{name}/verdict"), format!("runs/{name}/layers/a/matrix")] {
            let written = client.send("PUT", &path, declared.as_bytes()).status;
            let read = get(client.address, &format!("/api/v1/{path}")).status;
            assert!([400, 404, 405, 422].contains(&written) && [400, 404, 422].contains(&read), "{path}: {written} {read}");
        }
    }
    for path in
        ["/../../etc/passwd", "/assets/../../Cargo.toml", "/assets/%2e%2e/token", "//etc/passwd", "/token", "/history.sqlite"]
    {
        assert_eq!(get(client.address, path).status, 404, "{path}");
    }
    // SQLite creates files beside the history when it is read.
    let is_foreign = |path: &&String| !path.contains("history.sqlite");
    let made: Vec<String> = below(outer.path()).difference(&before).filter(is_foreign).cloned().collect();
    assert_eq!(made, Vec::<String>::new());
}
