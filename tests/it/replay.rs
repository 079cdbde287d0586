//! `rotewatch replay`: the verdicts of a recorded run, without a daemon, and its files as they were.

use serde_json::Value;

use crate::support::client::{ALARMING, ATTEMPT};
use crate::support::process::{ended, rotewatch, text};
use crate::support::recorded::{Recorded, run_with, with_inbox};

fn recorded() -> Recorded {
    let recorded = Recorded::new();
    recorded.declare(ATTEMPT);
    recorded.epochs(0..ALARMING.len());
    recorded.finish();
    recorded
}

#[test]
fn a_replay_tells_what_the_daemon_tells_and_changes_no_file() {
    let recorded = recorded();
    let before = recorded.files("");
    let told = ended(&mut rotewatch(["replay", "--json", text(&recorded.inbox)]));
    assert_eq!((told.code, recorded.files("")), (Some(0), before), "{}", told.stderr);
    let told: Value = serde_json::from_str(&told.stdout).expect("one document on one line");
    let daemon = with_inbox(&recorded.inbox);
    run_with(&daemon.client, "finished");
    let verdict = daemon.client.read("runs/run/verdict");
    for key in ["verdict", "kind", "onset_epoch", "alarm_epoch", "ended_epoch", "layers", "evidence", "why", "remedy"] {
        assert_eq!(told[key], verdict[key], "{key}");
    }
    let without_times = |epochs: &Value| {
        let mut epochs = epochs.clone();
        for epoch in epochs.as_array_mut().expect("epochs") {
            for key in ["compute_seconds", "made_at", "committed"] {
                epoch.as_object_mut().expect("an epoch").remove(key);
            }
        }
        epochs
    };
    assert_eq!(without_times(&told["epochs"]), without_times(&daemon.client.read("runs/run/epochs")["epochs"]));
    assert_eq!(told["alarms"][0]["alarm_epoch"], told["alarm_epoch"]);
    assert_eq!(told["alarms"][0]["ended_epoch"], Value::Null);
}

#[test]
fn people_get_a_line_for_each_run_and_the_reason_of_each_alarm() {
    let recorded = recorded();
    let told = ended(&mut rotewatch(["replay", text(&recorded.run)]));
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["RUN", "EPOCHS", "VERDICT", "ALARM", "ONSET", "ENDED"]);
    let row: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!((row[0], row[2], row[5]), ("run", "memorizing", "-"), "{}", told.stdout);
    assert!(lines[2].starts_with(&format!("run, epoch {}: Layer b carries", row[3])), "{}", told.stdout);
}

#[test]
fn what_cannot_be_replayed_is_said_with_its_place() {
    let recorded = recorded();
    let refused = |folder: &str| {
        let told = ended(&mut rotewatch(["replay", folder]));
        assert_eq!(told.code, Some(2), "{}", told.stderr);
        told.stderr
    };
    assert!(refused(text(&recorded.aside)).contains("no recorded run in it (a folder with run.json)"));
    recorded.put("3.1.safetensors", b"not safetensors at all");
    let says = refused(text(&recorded.inbox));
    assert!(says.contains("3.1.safetensors: ") && says.contains("is this a safetensors file"), "{says}");
    let settings = recorded.aside.join("wrong.yaml");
    std::fs::write(&settings, "detect: {smooth: no}").expect("the folder is writable");
    let told = ended(&mut rotewatch(["replay", text(&recorded.inbox), "--config", text(&settings)]));
    assert!(told.stderr.contains("detect.smooth"), "{}", told.stderr);
}
