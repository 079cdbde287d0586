//! The history from outside: acknowledged epochs survive any end of the daemon, retired runs can still be read, and
//! `rotewatch runs` can read while a daemon writes.

use std::fs;
use std::path::Path;

use rotewatch::{Monitor, Setup};
use serde_json::{Value, json};

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::client::{
    ALARMING, ALARMING_PROBE, ATTEMPT, Client, daemon_with, document, frame, labelled_frame, seen_frame,
};
use crate::support::monitored::{config, scrape};
use crate::support::process::{Ended, ended, rotewatch, text};
use crate::support::running::Running;
use crate::support::until::until;

/// The newest schema.
const SCHEMA: u32 = 2;

fn runs(state: &Path, arguments: &[&str]) -> Ended {
    ended(rotewatch(["runs"]).args(arguments).args(["--state", text(state)]))
}

/// Returns what a command prints as JSON.
fn told(state: &Path, arguments: &[&str]) -> Value {
    let ended = runs(state, arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("one document")
}

#[test]
fn a_client_that_comes_back_after_a_crash_is_told_how_far_it_had_come() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    assert_eq!(document(&client.declare("run", ATTEMPT, &["a"]), 200)["committed_epoch"], Value::Null);
    document(&client.activations("run", 0, 0, &frame(&[("a", &layer(600, 8, 2.0))])), 202);
    client.judged("run", 0);
    daemon.signal("KILL");
    daemon.end();
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client { address: daemon.served_address(), ..client };
    assert_eq!(document(&client.declare("run", ATTEMPT, &["a"]), 200)["committed_epoch"], 0);
}

#[test]
fn a_run_goes_on_after_a_crash_as_if_nothing_had_happened() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    client.alarming("run");
    let before = ["runs/run/epochs", "runs/run/verdict"].map(|path| client.read(path));
    daemon.signal("KILL");
    daemon.end();
    let mut daemon = Running::serve(state.path(), &[]);
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
    assert_eq!(matrix["epoch"], 5, "the newest epoch, although its report is no longer in memory");
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
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client { address: daemon.served_address(), ..client };
    document(&client.declare("run", ATTEMPT, &layers), 409);
}

#[test]
fn an_alarm_that_ended_stays_visible_after_a_crash_and_after_the_run() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    client.alarming("run");
    let first = client.read("runs/run/verdict");
    assert_eq!((&first["verdict"], &first["ended_epoch"]), (&json!("memorizing"), &Value::Null));
    let layers = ["hidden1", "<b>\"hidden2\""];
    let judged = |client: &Client, epoch: u32| {
        let signal = 4.0 + epoch as f32 / 100.0;
        let body = frame(&[(layers[0], &layer(600, 12, 2.0)), (layers[1], &layer(600, 12, signal))]);
        document(&client.activations("run", epoch, 0, &body), 202);
        client.judged("run", epoch)
    };
    let ended = (6..16).map(|epoch| judged(&client, epoch)).find(|told| told["verdict"] == "learning").expect("quiet epochs");
    let epoch = u32::try_from(ended["epoch"].as_u64().expect("an epoch")).expect("a small epoch");
    assert_eq!(ended["ended_epoch"], epoch);
    for key in ["kind", "harm", "onset_epoch", "alarm_epoch", "evidence", "why", "remedy"] {
        assert_eq!(ended[key], first[key], "{key}");
    }
    let before = client.read("runs/run/verdict");
    assert_eq!((&before["findings"], &before["stop"]), (&json!([]), &json!(false)));
    daemon.signal("KILL");
    daemon.end();

    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client { address: daemon.served_address(), ..client };
    assert_eq!(client.read("runs/run/verdict"), before);
    document(&client.declare("run", ATTEMPT, &layers), 200);
    let after = judged(&client, epoch + 1);
    assert_eq!((&after["verdict"], &after["ended_epoch"]), (&json!("learning"), &json!(epoch)));
    document(&client.finish("run"), 200);
    until("its end in the history", || (told(state.path(), &["show", "run", "--json"])["status"] == "finished").then_some(()));
    daemon.signal("KILL");
    daemon.end();
    // Verdicts that 0.1.0 wrote have no such key; its table of alarms has the epoch.
    let file = state.path().join("history.sqlite");
    for old in [false, true] {
        if old {
            let forget = "UPDATE runs SET standing = '{\"verdict\": \"learning\"}'";
            assert_eq!(rusqlite::Connection::open(&file).and_then(|history| history.execute(forget, [])).expect("a run"), 1);
        }
        let words = format!("learning; alarm at {}, ended at {epoch}", first["alarm_epoch"]);
        for arguments in [&["list"][..], &["show", "run"]] {
            let shown = runs(state.path(), arguments).stdout;
            assert!(shown.contains(&words) && !shown.contains("what to do"), "{words:?} is not in\n{shown}");
        }
        assert_eq!(told(state.path(), &["show", "run", "--json"])["ended_epoch"], epoch);
    }
}

#[test]
fn the_memorized_share_goes_on_after_a_crash() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let judged = |client: &Client, epoch: u32, (unseen, seen): (usize, usize)| {
        document(&client.activations("run", epoch, 0, &labelled_frame(&[("a", &layer(600, 8, 2.0))], unseen)), 202);
        let path = format!("runs/run/epochs/{epoch}/activations?attempt={ATTEMPT}&seq=0&rows=seen");
        document(&client.send("POST", &path, &seen_frame(600, seen)), 202);
        client.judged("run", epoch)["memorized_share"].clone()
    };
    let estimate = |share: &Value| share["estimate"].as_f64().map(|share| (1e9 * share).round() / 1e9);
    assert_eq!(judged(&client, 0, (540, 540)), Value::Null);
    assert_eq!(estimate(&judged(&client, 1, (180, 120))), Some(0.1));
    let share = judged(&client, 2, (180, 60));
    assert_eq!(estimate(&share), Some(0.15), "the mean over two epochs");
    assert!(share["low"].as_f64() < share["estimate"].as_f64() && share["estimate"].as_f64() < share["high"].as_f64(), "{share}");
    let epochs = client.read("runs/run/epochs");
    let of_epochs: Vec<Option<f64>> = (0..3).map(|at| estimate(&epochs["epochs"][at]["memorized_share"])).collect();
    assert_eq!(of_epochs, [None, Some(0.1), Some(0.15)]);
    daemon.signal("KILL");
    daemon.end();

    let shown = runs(state.path(), &["show", "run"]).stdout;
    assert!(shown.contains("about 15 % (") && shown.contains("of the training rows are known by heart"), "{shown}");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client { address: daemon.served_address(), ..client };
    assert_eq!((client.read("runs/run/epochs"), client.read("runs/run")["memorized_share"].clone()), (epochs, share));
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    assert_eq!(estimate(&judged(&client, 3, (180, 120))), Some(0.15), "the mean with the epoch before the crash");
}

#[test]
fn a_run_that_left_memory_is_told_as_before() {
    let daemon = daemon_with(|config| config.limits.retire_finished_seconds = 0);
    let client = &daemon.client;
    client.alarming("run");
    let matrix = "runs/run/layers/hidden1/matrix?max=3";
    let ask = || ["runs/run/epochs", "runs/run/verdict", matrix].map(|path| client.read(path));
    let before = ask();
    document(&client.finish("run"), 200);
    until("the run to leave memory", || daemon.monitor.live_runs().runs().is_empty().then_some(()));
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
    assert_eq!(runs(state, &["list"]).stdout, "no runs recorded yet\n");
    client.alarming("run");
    let list = runs(state, &["list"]).stdout;
    assert!(list.contains("run") && list.contains("memorizing wrong labels or single examples"), "{list}");
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
    assert!(unknown.stderr.contains("no run other in the history"), "{}", unknown.stderr);
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
            send(&tap, epoch, 600, &[layer(600, 12, signal + 0.01 * epoch as f32)]);
            judged(&tap, epoch);
        });
        let live_runs = monitor.live_runs().runs();
        let report = live_runs[tap.run().name()].report.clone().expect("it was measured");
        let baseline = report.answers.iter().find(|(kind, _)| kind.as_str() == "baseline");
        baseline.map(|(_, answer)| format!("{answer:?}"))
    };
    let monitor = start(None).expect("it starts");
    assert_eq!(train(&monitor, "loud", 4.0), None, "there is no baseline");
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
    assert!(runs(state.path(), &["baseline"]).stdout.starts_with("no baseline run"));
}

#[test]
fn two_processes_share_a_history() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
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

/// What a release wrote must stay as it was. A later version may add keys to an object, nothing else.
fn is_still_told(written: &Value, told: &Value, place: &str) {
    match (written, told) {
        (Value::Object(written), Value::Object(told)) => {
            for (key, value) in written {
                is_still_told(value, told.get(key).unwrap_or(&Value::Null), &format!("{place}/{key}"));
            }
        }
        (Value::Array(written), Value::Array(told)) => {
            assert_eq!(written.len(), told.len(), "{place}");
            for (index, (written, told)) in written.iter().zip(told).enumerate() {
                is_still_told(written, told, &format!("{place}/{index}"));
            }
        }
        _ => assert_eq!(written, told, "{place}"),
    }
}

/// The data was written by [`the_data_of_a_release_is_written`]; never rewrite it for a released schema.
#[test]
fn a_history_of_any_version_opens_and_reads_the_same_for_ever() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for (version, probe) in [(1, Value::Null), (SCHEMA, json!(ALARMING_PROBE))] {
        let state = tempfile::tempdir().expect("a temporary folder");
        let name = format!("history-v{version}");
        fs::copy(data.join(format!("{name}.sqlite")), state.path().join("history.sqlite")).expect("the data is there");
        let written = fs::read_to_string(data.join(format!("{name}.json"))).expect("the data is there");
        let written: Value = serde_json::from_str(&written).expect("JSON");
        is_still_told(&written, &told(state.path(), &["show", "run", "--json"]), "");
        assert_eq!(told(state.path(), &["export", "run"])["probe"], probe);
        let mut daemon = Running::serve(state.path(), &[]);
        let client = Client::of(daemon.served_address(), state.path());
        // Also by a daemon, which migrates it.
        is_still_told(&written["epochs"], &client.read("runs/run/epochs")["epochs"], "epochs");
        assert_eq!(client.read("runs/run/layers/hidden1/matrix?epoch=5")["neurons"], 12);
    }
}

#[test]
#[ignore = "writes the data of the test above into ROTEWATCH_DATA_OUT"]
fn the_data_of_a_release_is_written() {
    let out = std::env::var("ROTEWATCH_DATA_OUT").expect("a folder to write to");
    let daemon = daemon_with(|_| ());
    daemon.client.alarming("run");
    document(&daemon.client.finish("run"), 200);
    let state = daemon.state.path().to_owned();
    assert_eq!(daemon.monitor.close(), Vec::<&str>::new());
    let out = Path::new(&out).join(format!("history-v{SCHEMA}"));
    fs::copy(state.join("history.sqlite"), out.with_extension("sqlite")).expect("the folder is writable");
    let shown = runs(&state, &["show", "run", "--json"]);
    fs::write(out.with_extension("json"), shown.stdout).expect("the folder is writable");
}
