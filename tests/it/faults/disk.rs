//! The daemon is killed; the history is damaged, full, or locked by another process.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use rotewatch::history::{Epochs, Reader};
use rotewatch::{Monitor, Setup};
use rotewatch_core::vocabulary::clock::Stopwatch;
use rusqlite::Connection;

use crate::support::activations::layer;
use crate::support::client::{ALARMING, ATTEMPT, Client, WAIT, daemon_with, document, frame};
use crate::support::http::get;
use crate::support::monitored::{config, scrape};
use crate::support::running::Running;
use crate::support::until::{DEADLINE, until};

const ROWS: usize = 200;
/// Default number of kills: `ROTEWATCH_KILLS`, which `make kills` sets, overrides it.
const KILLS: u32 = 20;
/// The kill before which the history cannot be written, so that no epoch may be acknowledged.
const WITH_LOCK: u32 = 5;
/// Bytes of a page, as SQLite has it by default.
const PAGE_BYTES: usize = 4096;
/// So many that writing an epoch takes some time.
const LAYERS: usize = 64;

#[test]
fn case_21_everything_acknowledged_survives_kill_9() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let layers: Vec<String> = (0..LAYERS).map(|place| format!("layer{place}")).collect();
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    let activations = layer(ROWS, 4, 2.0);
    let body = frame(&layers.iter().map(|name| (*name, &activations)).collect::<Vec<_>>());
    let file = state.path().join("history.sqlite");
    let mut acknowledged: BTreeMap<(String, String), u64> = BTreeMap::new();
    let kills = std::env::var("ROTEWATCH_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    for kill in 0..kills {
        let mut daemon = Running::serve(state.path(), &[]);
        let client = Client::of(daemon.served_address(), state.path());
        let (run, attempt) = (format!("run{}", kill % 3), format!("{kill:016x}"));
        document(&client.declare(&run, &attempt, &layers), 200);
        let reader = Connection::open(&file).expect("the history is there");
        let lock = (kill == WITH_LOCK).then(|| Connection::open(&file).expect("the history is there"));
        if let Some(lock) = &lock {
            lock.busy_timeout(DEADLINE).and_then(|()| lock.execute_batch("BEGIN IMMEDIATE")).expect("nobody holds it for long");
        }
        for epoch in 0..=kill % 4 {
            let frame = format!("runs/{run}/epochs/{epoch}/activations?attempt={attempt}&seq=0");
            document(&client.send("POST", &frame, &body), 202);
            // The last epoch is still being measured or written when the daemon dies.
            let wait = if epoch == kill % 4 { 0 } else { 30 };
            let end = format!("runs/{run}/epochs/{epoch}/end?attempt={attempt}&wait={wait}");
            if let Some(committed) = document(&client.send("POST", &end, b"{}"), 200)["committed_epoch"].as_u64() {
                acknowledged.insert((run.clone(), attempt.clone()), committed);
            }
        }
        if kill % 2 == 1 && lock.is_none() {
            // Wait for the moment when a part of the last epoch becomes visible: any later, and all of it would be there in any case.
            let watch = Stopwatch::start();
            let seen = "SELECT count(*) FROM epochs JOIN runs ON runs.id = run_id WHERE name = ? AND attempt = ? AND epoch = ?";
            while reader.query_row(seen, (&run, &attempt, kill % 4), |row| row.get(0)) != Ok(1) {
                assert!(watch.elapsed() < DEADLINE, "the last epoch never becomes visible");
            }
        }
        // Sends SIGKILL.
        drop(daemon);
        drop((lock, reader));
        let connection = Connection::open(&file).expect("the history is there");
        let check: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0)).expect("it can be checked");
        assert_eq!(check, "ok", "after kill {kill}");
        drop(connection);
        let history = Reader::of(state.path()).snapshot().expect("it can be read").expect("it is there");
        for ((run, attempt), newest) in &acknowledged {
            let name = run.parse().expect("a good name");
            let stored = history.run(&name, attempt.parse().ok()).expect("it can be read").expect("it is there");
            let epochs = history.epochs(&stored, Epochs::ALL).expect("they can be read");
            let there: Vec<u32> = epochs.iter().map(|epoch| epoch.epoch.0).collect();
            assert!((0..=*newest as u32).all(|epoch| there.contains(&epoch)), "{run} {attempt}: {newest} of {there:?}");
            assert!(epochs.iter().all(|epoch| epoch.layers.len() == LAYERS), "every epoch is complete");
        }
    }
    assert!(!acknowledged.is_empty());
}

#[test]
fn case_21_no_restart_makes_a_hook_fire_twice() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let start = || {
        let hooks = "hooks: [{name: file, command: {argv: [sh, -c, 'echo told >> told']}}]\n";
        let parsed = rotewatch::config::Config::parse(hooks, "test").expect("it is right");
        let config = rotewatch::config::Config { state: Some(state.path().to_owned()), hooks: parsed.hooks, ..config() };
        let monitor = Monitor::set_up(Setup { config, ingest: true, history: true, ..Setup::default() }).expect("it starts");
        let client = Client::of(monitor.address().expect("HTTP is on"), state.path());
        (monitor, client)
    };
    let (monitor, client) = start();
    client.alarming("run");
    let told = || fs::read_to_string(state.path().join("told")).unwrap_or_default().lines().count();
    until("the hook", || (told() == 1).then_some(()));
    assert_eq!(monitor.close(), Vec::<&str>::new());
    // As after a crash before the commit: the alarm is raised again, because its epochs are sent again.
    let connection = Connection::open(state.path().join("history.sqlite")).expect("the history is there");
    connection
        .execute_batch(
            "PRAGMA foreign_keys = on; DELETE FROM epochs; DELETE FROM findings; \
                   UPDATE runs SET newest_epoch = NULL, epochs = 0, standing = NULL",
        )
        .expect("it can be changed");
    drop(connection);
    let (monitor, client) = start();
    client.alarming("run");
    let suppressed = || scrape(&monitor).get(r#"hook_attempts_total{hook="file",result="suppressed"}"#);
    until("the second alarm", || suppressed().filter(|count| *count == 1.0));
    assert_eq!(monitor.close(), Vec::<&str>::new());
    assert_eq!(told(), 1);
}

#[test]
fn case_22_a_damaged_history_is_set_aside() {
    let state = tempfile::tempdir().expect("a temporary folder");
    fs::write(state.path().join("history.sqlite"), "SQLite format 3\0 and nothing that follows from it").expect("a file");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    client.alarming("run");
    let names = fs::read_dir(state.path()).expect("the folder").map(|entry| entry.expect("a file").file_name());
    let aside: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("history.sqlite.corrupt-")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(daemon.stderr().contains(&*aside[0].to_string_lossy()), "{}", daemon.stderr());
    assert_eq!(client.read("runs/run")["committed_epoch"], ALARMING.len() - 1);
}

#[test]
fn case_22_a_full_history_degrades_and_says_so() {
    let daemon = daemon_with(|config| (config.history.bytes, config.history.matrix_epochs) = (1 << 20, 1000));
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(600, 200, 2.0))]);
    let is_degraded = || scrape(&daemon.monitor).value("store_degraded") == 1.0;
    let full = (0..1000).find(|epoch| {
        document(&client.activations("run", *epoch, 0, &body), 202);
        // The verdict still comes, within the time limit of the request.
        client.judged("run", *epoch);
        is_degraded()
    });
    let full = full.expect("a file of 1 MiB holds no more");
    let standing = client.read("runs/run");
    assert!(standing["committed_epoch"].as_u64().is_some_and(|committed| committed < u64::from(full)), "{standing}");
    let epochs = client.read("runs/run/epochs")["epochs"].clone();
    assert_eq!(epochs[full as usize]["committed"], false);
    assert_eq!(epochs[0]["committed"], true);
    assert!(scrape(&daemon.monitor).value(r#"store_errors_total{op="write"}"#) >= 1.0);
    document(&client.activations("run", full + 1, 0, &body), 202);
    let watch = Stopwatch::start();
    assert_eq!(client.judged("run", full + 1)["epoch"], full + 1);
    assert!(watch.elapsed() < WAIT, "a postponed commit delays no request");
}

#[test]
fn case_22_a_history_that_is_locked_delays_no_verdict_and_is_written_afterwards() {
    let daemon = daemon_with(|_| ());
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(600, 8, 2.0))]);
    document(&client.activations("run", 0, 0, &body), 202);
    client.judged("run", 0);
    let other = Connection::open(daemon.state.path().join("history.sqlite")).expect("the history is there");
    other.execute_batch("BEGIN EXCLUSIVE").expect("nobody else holds it for long");
    for epoch in 1..4 {
        document(&client.activations("run", epoch, 0, &body), 202);
        document(&client.send("POST", &format!("runs/run/epochs/{epoch}/end?attempt={ATTEMPT}"), b"{}"), 200);
        until("the verdict", || (scrape(&daemon.monitor).value(r#"run_epoch{run="run"}"#) == f64::from(epoch)).then_some(()));
    }
    // SQLite stops waiting for the lock.
    until("the degradation", || (scrape(&daemon.monitor).value("store_degraded") == 1.0).then_some(()));
    assert_eq!(get(client.address, "/-/ready").status, 200);
    assert_eq!(client.read("runs/run")["committed_epoch"], 0);
    other.execute_batch("ROLLBACK").expect("it is ours");
    until("the commits", || (client.read("runs/run")["committed_epoch"] == 3).then_some(()));
    until("an end of the degradation", || (scrape(&daemon.monitor).value("store_degraded") == 0.0).then_some(()));
}

/// Damages the history while no daemon has it open.
fn turn_over(state: &Path, part: impl FnOnce(usize) -> Range<usize>) {
    let file = state.join("history.sqlite");
    let mut bytes = fs::read(&file).expect("the history is there");
    let part = part(bytes.len());
    bytes[part].iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(&file, bytes).expect("the folder is writable");
}

/// Returns whether a state folder has a damaged history that was set aside.
fn is_set_aside(state: &Path) -> bool {
    let mut names = fs::read_dir(state).expect("the folder").flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("history.sqlite.corrupt-"))
}

#[test]
fn case_22_damage_in_a_corner_is_found_before_anything_is_written() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let start = || {
        let mut daemon = Running::serve(state.path(), &[]);
        let client = Client::of(daemon.served_address(), state.path());
        (daemon, client)
    };
    let (daemon, client) = start();
    client.alarming("run");
    daemon.heeds_signals();
    daemon.signal("TERM");
    assert_eq!(daemon.end().code, Some(0));
    // The newest page, which the next writes would not read.
    turn_over(state.path(), |length| length - PAGE_BYTES..length);
    let (_daemon, _) = start();
    until("the damaged file to be set aside", || is_set_aside(state.path()).then_some(()));
}

#[test]
fn case_22_a_history_that_is_damaged_while_it_is_written_is_set_aside() {
    let daemon = daemon_with(|_| ());
    let client = &daemon.client;
    client.alarming("first");
    assert_eq!(daemon.monitor.close(), Vec::<&str>::new());
    // Everything after the first page, which holds the schema.
    turn_over(daemon.state.path(), |length| PAGE_BYTES..length);
    let config = rotewatch::config::Config { state: Some(daemon.state.path().to_owned()), ..config() };
    let monitor = Monitor::set_up(Setup { config, ingest: true, history: true, ..Setup::default() }).expect("it starts");
    let client = Client::of(monitor.address().expect("HTTP is on"), daemon.state.path());
    client.alarming("second");
    assert_eq!(get(client.address, "/metrics").status, 200);
    assert!(is_set_aside(daemon.state.path()));
}
