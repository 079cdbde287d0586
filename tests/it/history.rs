//! The history from outside: what was acknowledged survives any end of the daemon, retired runs are still told, and
//! `rotewatch runs` reads beside whoever writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rotewatch::clock::Stopwatch;
use rotewatch::store::{Epochs, Reader};
use rotewatch::{Monitor, Setup};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::client::{ATTEMPT, Client, daemon_with, document, frame};
use crate::support::monitored::{config, scrape};
use crate::support::process::{Ended, ended, rotewatch, text};
use crate::support::running::Running;
use crate::support::until::until;

const ROWS: usize = 200;
/// The newest schema.
const SCHEMA: u32 = 2;
/// What the runs of these tests were looked at with.
const PROBE: &str = "600 rows";
/// How often the daemon is killed.
const KILLS: u32 = 20;
/// What a restart may take.
const RESTART: Duration = Duration::from_secs(2);
/// A run in which memorization is found.
const ALARMING: [f32; 6] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];

fn serve(state: &Path) -> Running {
    Running::start(&mut rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(state)]))
}

fn runs(state: &Path, arguments: &[&str]) -> Ended {
    ended(rotewatch(["runs"]).args(arguments).args(["--state", text(state)]))
}

/// What a command prints as JSON.
fn told(state: &Path, arguments: &[&str]) -> Value {
    let ended = runs(state, arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("one document")
}

/// A run through the daemon, epoch by epoch, with its alarm.
fn alarming(client: &Client, run: &str) {
    let declaration =
        json!({ "attempt": ATTEMPT, "layers": ["hidden1", "<b>\"hidden2\""], "framework": "test", "probe_digest": PROBE });
    document(&client.send("PUT", &format!("runs/{run}"), declaration.to_string().as_bytes()), 200);
    for (epoch, signal) in (0..).zip(ALARMING) {
        let layers = [layer(600, 12, 2.0), layer(600, 12, signal)];
        let body = frame(&[("hidden1", &layers[0]), ("<b>\"hidden2\"", &layers[1])]);
        document(&client.activations(run, epoch, 0, &body), 202);
        assert_eq!(client.judged(run, epoch)["committed_epoch"], epoch);
    }
}

#[test]
fn everything_acknowledged_survives_kill_9() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let body = frame(&[("a", &layer(ROWS, 8, 2.0))]);
    let mut acknowledged: BTreeMap<(String, String), u64> = BTreeMap::new();
    for kill in 0..KILLS {
        let starting = Stopwatch::start();
        let mut daemon = serve(state.path());
        let client = Client::of(daemon.served_address(), state.path());
        let restart = starting.elapsed();
        assert!(restart < RESTART, "restart {kill} took {restart:?}");
        let (run, attempt) = (format!("run{}", kill % 3), format!("{kill:016x}"));
        document(&client.declare(&run, &attempt, &["a"]), 200);
        for epoch in 0..=kill % 4 {
            let frame = format!("runs/{run}/epochs/{epoch}/activations?attempt={attempt}&seq=0");
            document(&client.send("POST", &frame, &body), 202);
            // The last one is still being measured or written when the daemon dies.
            let wait = if epoch == kill % 4 { 0 } else { 30 };
            let end = format!("runs/{run}/epochs/{epoch}/end?attempt={attempt}&wait={wait}");
            if let Some(committed) = document(&client.send("POST", &end, b"{}"), 200)["committed_epoch"].as_u64() {
                acknowledged.insert((run.clone(), attempt.clone()), committed);
            }
        }
        daemon.signal("KILL");
        daemon.end();
        let connection = Connection::open(state.path().join("history.sqlite")).expect("the history is there");
        let check: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0)).expect("it can be checked");
        assert_eq!(check, "ok", "after kill {kill}");
        drop(connection);
        let history = Reader::of(state.path()).snapshot().expect("it can be read").expect("it is there");
        for ((run, attempt), newest) in &acknowledged {
            let name = run.parse().expect("a good name");
            let stored = history.run(&name, attempt.parse().ok()).expect("it can be read").expect("it is there");
            let epochs = history.epochs(&stored, Epochs::ALL).expect("they can be read");
            let there: Vec<u32> = epochs.iter().map(|epoch| epoch.summary.epoch.0).collect();
            assert!((0..=*newest as u32).all(|epoch| there.contains(&epoch)), "{run} {attempt}: {newest} of {there:?}");
            assert!(epochs.iter().all(|epoch| epoch.summary.layers.len() == 1), "no half epoch");
        }
    }
    assert!(!acknowledged.is_empty());
}

#[test]
fn a_client_that_comes_back_after_a_crash_is_told_how_far_it_had_come() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path());
    let client = Client::of(daemon.served_address(), state.path());
    assert_eq!(document(&client.declare("run", ATTEMPT, &["a"]), 200)["committed_epoch"], Value::Null);
    document(&client.activations("run", 0, 0, &frame(&[("a", &layer(600, 8, 2.0))])), 202);
    client.judged("run", 0);
    daemon.signal("KILL");
    daemon.end();
    let mut daemon = serve(state.path());
    let client = Client { address: daemon.served_address(), ..client };
    assert_eq!(document(&client.declare("run", ATTEMPT, &["a"]), 200)["committed_epoch"], 0);
}

#[test]
fn a_run_goes_on_after_a_crash_as_if_nothing_had_happened() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path());
    let client = Client::of(daemon.served_address(), state.path());
    alarming(&client, "run");
    let before = ["runs/run/epochs", "runs/run/verdict"].map(|path| client.read(path));
    daemon.signal("KILL");
    daemon.end();
    let mut daemon = serve(state.path());
    let client = Client { address: daemon.served_address(), ..client };
    let asleep = client.read("runs/run");
    assert_eq!(
        (&asleep["status"], &asleep["verdict"]),
        (&json!("interrupted"), &json!("memorizing")),
        "nobody trains it for now"
    );
    assert_eq!(["runs/run/epochs", "runs/run/verdict"].map(|path| client.read(path)), before);
    let layers = ["hidden1", "<b>\"hidden2\""];
    document(&client.declare("run", ATTEMPT, &["other"]), 409);
    document(&client.declare("run", ATTEMPT, &layers), 200);
    assert_eq!(client.read("runs/run")["status"], "training");
    let matrix = client.read("runs/run/layers/hidden1/matrix");
    assert_eq!(matrix["epoch"], 5, "the newest one, though its report is no longer in memory");
    let body = frame(&[(layers[0], &layer(600, 12, 2.0)), (layers[1], &layer(600, 12, 1.0))]);
    document(&client.activations("run", 6, 0, &body), 202);
    let after = client.judged("run", 6);
    assert_eq!((&after["verdict"], &after["alarm_epoch"]), (&before[1]["verdict"], &before[1]["alarm_epoch"]), "the same alarm");
    let epochs = client.read("runs/run/epochs")["epochs"].as_array().expect("epochs").clone();
    assert_eq!(epochs.len(), ALARMING.len() + 1);
    assert_eq!(epochs[..ALARMING.len()], *before[0]["epochs"].as_array().expect("epochs"));
    document(&client.finish("run"), 200);
    until("its end in the history", || (told(state.path(), &["show", "run", "--json"])["status"] == "finished").then_some(()));
    drop(daemon);
    let mut daemon = serve(state.path());
    let client = Client { address: daemon.served_address(), ..client };
    document(&client.declare("run", ATTEMPT, &layers), 409);
}

#[test]
fn no_restart_makes_a_hook_fire_twice() {
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
    alarming(&client, "run");
    let told = || fs::read_to_string(state.path().join("told")).unwrap_or_default().lines().count();
    until("the hook", || (told() == 1).then_some(()));
    assert_eq!(monitor.close(), Vec::<&str>::new());
    // As after a crash before the commit: the alarm is raised again, since its epochs are sent again.
    let connection = Connection::open(state.path().join("history.sqlite")).expect("the history is there");
    connection
        .execute_batch(
            "PRAGMA foreign_keys = on; DELETE FROM epochs; DELETE FROM findings; \
                   UPDATE runs SET newest_epoch = NULL, epochs = 0, standing = NULL",
        )
        .expect("it can be changed");
    drop(connection);
    let (monitor, client) = start();
    alarming(&client, "run");
    let suppressed = || scrape(&monitor).get(r#"hook_attempts_total{hook="file",result="suppressed"}"#);
    until("the second alarm", || suppressed().filter(|count| *count == 1.0));
    assert_eq!(monitor.close(), Vec::<&str>::new());
    assert_eq!(told(), 1);
}

#[test]
fn a_damaged_history_is_set_aside_and_watching_goes_on() {
    let state = tempfile::tempdir().expect("a temporary folder");
    fs::write(state.path().join("history.sqlite"), "SQLite format 3\0 and nothing that follows from it").expect("a file");
    let mut daemon = serve(state.path());
    let client = Client::of(daemon.served_address(), state.path());
    alarming(&client, "run");
    let names = fs::read_dir(state.path()).expect("the folder").map(|entry| entry.expect("a file").file_name());
    let aside: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("history.sqlite.corrupt-")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(daemon.stderr().contains(&*aside[0].to_string_lossy()), "{}", daemon.stderr());
    assert_eq!(told(state.path(), &["show", "run", "--json"])["epochs"].as_array().map(Vec::len), Some(ALARMING.len()));
}

#[test]
fn a_full_history_degrades_and_says_so() {
    let daemon = daemon_with(|config| (config.history.bytes, config.history.matrix_epochs) = (1 << 20, 1000));
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(600, 200, 2.0))]);
    let is_degraded = || scrape(&daemon.monitor).value("store_degraded") == 1.0;
    let full = (0..1000).find(|epoch| {
        document(&client.activations("run", *epoch, 0, &body), 202);
        // Judged as ever, within the patience of the request.
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
    assert_eq!(client.judged("run", full + 1)["epoch"], full + 1);
}

#[test]
fn a_run_that_left_memory_is_told_as_before() {
    let daemon = daemon_with(|config| config.limits.retire_finished_seconds = 0);
    let client = &daemon.client;
    alarming(client, "run");
    let matrix = "runs/run/layers/hidden1/matrix?max=3";
    let ask = || ["runs/run/epochs", "runs/run/verdict", matrix].map(|path| client.read(path));
    let before = ask();
    document(&client.finish("run"), 200);
    until("the run to leave memory", || daemon.monitor.board().runs().is_empty().then_some(()));
    until("its end in the history", || (client.read("runs/run")["status"] == "finished").then_some(()));
    let after = ask();
    assert_eq!((&after[0], &after[1]), (&before[0], &before[1]));
    assert_eq!(after[1]["findings"][0]["kind"], "example_level");
    let cells = |matrix: &Value| -> Vec<f64> {
        let rows = matrix["mutual_information_nats"].as_array().expect("rows").iter();
        rows.flat_map(|row| row.as_array().expect("cells").iter().filter_map(Value::as_f64)).collect()
    };
    let (before, after) = (cells(&before[2]), cells(&after[2]));
    assert_eq!((before.len(), after.len()), (9, 9));
    assert!(before.iter().zip(&after).all(|(before, after)| (before - after).abs() < 1e-4), "{before:?} {after:?}");
    assert_eq!(client.read("runs")["runs"][0]["run"], "run");
    let metrics = scrape(&daemon.monitor);
    assert_eq!(metrics.value("store_degraded"), 0.0);
    assert_eq!(metrics.value(r#"store_errors_total{op="write"}"#), 0.0);
}

#[test]
fn runs_reads_beside_a_daemon_and_names_stay_text() {
    let daemon = daemon_with(|_| ());
    let (client, state) = (&daemon.client, daemon.state.path());
    assert_eq!(runs(state, &["list"]).stdout, "no run was recorded yet\n");
    alarming(client, "run");
    let list = runs(state, &["list"]).stdout;
    assert!(list.contains("run") && list.contains("memorizing (example_level)"), "{list}");
    assert_eq!(told(state, &["list", "--json"])["runs"][0]["verdict"], "memorizing");
    let shown = told(state, &["show", "run", "--json"]);
    assert_eq!(shown["declared_layers"], json!(["hidden1", "<b>\"hidden2\""]));
    assert_eq!(shown["epochs"], client.read("runs/run/epochs")["epochs"]);
    assert!(runs(state, &["show", "run"]).stdout.contains("what to do: "));
    let csv = runs(state, &["export", "run", "--csv"]).stdout;
    assert_eq!(csv.lines().count(), 1 + 2 * ALARMING.len());
    assert!(csv.contains("\"<b>\"\"hidden2\"\"\""), "{csv}");
    let unknown = runs(state, &["show", "other"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(unknown.stderr.contains("no such run other"), "{}", unknown.stderr);
}

#[test]
fn a_marked_run_is_the_reference_and_the_configuration_wins_over_the_mark() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let start = |reference: Option<&str>| {
        let mut config = rotewatch::config::Config { state: Some(state.path().to_owned()), ..config() };
        config.detect.baseline.run = reference.map(|name| name.parse().expect("a good name"));
        Monitor::set_up(Setup { config, history: true, ..Setup::default() })
    };
    let train = |monitor: &Monitor, run: &str, signal: f32| {
        let tap = monitor.declare(declaration(run, &["a"])).expect("the name is free");
        (0..4).for_each(|epoch| {
            send(&tap, epoch, 600, &[layer(600, 12, signal)]);
            judged(&tap, epoch);
        });
        let board = monitor.board().runs();
        let report = board[tap.run().name()].report.clone().expect("it was measured");
        let baseline = report.answers.iter().find(|(kind, _)| kind.as_str() == "baseline");
        baseline.map(|(_, answer)| format!("{answer:?}"))
    };
    let monitor = start(None).expect("it starts");
    assert_eq!(train(&monitor, "loud", 4.0), None, "nothing to compare with");
    assert_eq!(train(&monitor, "quiet", 1.0), None);
    assert_eq!(monitor.close(), Vec::<&str>::new());
    assert_eq!(runs(state.path(), &["baseline", "loud"]).code, Some(0));
    assert!(runs(state.path(), &["baseline"]).stdout.starts_with("loud "));
    let monitor = start(None).expect("it starts");
    assert!(train(&monitor, "next", 1.0).is_some_and(|answer| answer.contains("run loud")));
    drop(monitor);
    let monitor = start(Some("quiet")).expect("it starts");
    assert!(train(&monitor, "next", 1.0).is_some_and(|answer| answer.contains("Quiet")));
    drop(monitor);
    assert!(start(Some("missing")).is_err_and(|error| error.to_string().contains("has no run missing")));
    assert_eq!(runs(state.path(), &["baseline", "--clear"]).code, Some(0));
    assert!(runs(state.path(), &["baseline"]).stdout.starts_with("no run is marked"));
}

#[test]
fn two_processes_share_a_history() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path());
    let client = Client::of(daemon.served_address(), state.path());
    let here = rotewatch::config::Config { state: Some(state.path().to_owned()), ..config() };
    let here = Monitor::set_up(Setup { config: here, history: true, ..Setup::default() }).expect("the monitor starts");
    let tap = here.declare(declaration("here", &["a"])).expect("the name is free");
    document(&client.declare("there", ATTEMPT, &["a"]), 200);
    for epoch in 0..5 {
        send(&tap, epoch, 600, &[layer(600, 8, 2.0)]);
        judged(&tap, epoch);
        document(&client.activations("there", epoch, 0, &frame(&[("a", &layer(600, 8, 2.0))])), 202);
        assert_eq!(client.judged("there", epoch)["committed_epoch"], epoch);
    }
    until("the commit", || (tap.run().committed_epoch().map(|epoch| epoch.0) == Some(4)).then_some(()));
    let listed = told(state.path(), &["list", "--json"]);
    let names: Vec<&str> = listed["runs"].as_array().expect("runs").iter().filter_map(|run| run["run"].as_str()).collect();
    assert!(names.contains(&"here") && names.contains(&"there"), "{names:?}");
}

/// The data was written by [`the_data_of_a_release_is_written`]; never write it again for a schema that was released.
#[test]
fn a_history_of_any_version_opens_and_reads_the_same_for_ever() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for (version, probe) in [(1, Value::Null), (SCHEMA, json!(PROBE))] {
        let state = tempfile::tempdir().expect("a temporary folder");
        let name = format!("history-v{version}");
        fs::copy(data.join(format!("{name}.sqlite")), state.path().join("history.sqlite")).expect("the data is there");
        let written = fs::read_to_string(data.join(format!("{name}.json"))).expect("the data is there");
        let written: Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!(told(state.path(), &["show", "run", "--json"]), written);
        assert_eq!(told(state.path(), &["export", "run"])["probe"], probe);
        let mut daemon = serve(state.path());
        let client = Client::of(daemon.served_address(), state.path());
        assert_eq!(client.read("runs/run/epochs")["epochs"], written["epochs"], "also by a daemon, which brings it up to date");
        assert_eq!(client.read("runs/run/layers/hidden1/matrix?epoch=5")["neurons"], 12);
    }
}

#[test]
#[ignore = "writes the data of the test above into ROTEWATCH_DATA_OUT"]
fn the_data_of_a_release_is_written() {
    let out = std::env::var("ROTEWATCH_DATA_OUT").expect("a folder to write to");
    let daemon = daemon_with(|_| ());
    alarming(&daemon.client, "run");
    document(&daemon.client.finish("run"), 200);
    let state = daemon.state.path().to_owned();
    assert_eq!(daemon.monitor.close(), Vec::<&str>::new());
    let out = Path::new(&out).join(format!("history-v{SCHEMA}"));
    fs::copy(state.join("history.sqlite"), out.with_extension("sqlite")).expect("the folder is writable");
    let shown = runs(&state, &["show", "run", "--json"]);
    fs::write(out.with_extension("json"), shown.stdout).expect("the folder is writable");
}
