//! Stopping at the onset: at the alarm, always at the same epoch, however the monitor is configured.

use std::fs;

use serde_json::Value;

use crate::support::process::text;
use crate::support::training::{LONG_ENOUGH, NOISY, NOWHERE, SMALL, Trainings};

/// An epoch without the estimate of the bias, which depends on the number of shuffled pairs.
fn without_bias(epoch: &Value) -> Value {
    let mut epoch = epoch.clone();
    for layer in epoch["layers"].as_array_mut().expect("layers") {
        layer["shuffle_bias_nats"] = Value::Null;
    }
    // Of the clock, not of the training.
    epoch["compute_seconds"] = Value::Null;
    epoch["made_at"] = Value::Null;
    epoch
}

#[test]
fn stopping_at_the_onset_ends_the_training_at_the_alarm_whatever_the_monitor_costs() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let to_the_end = trainings.document(&[&SMALL, &LONG_ENOUGH, &NOISY, &NOWHERE]);
    let alarm = to_the_end["alarm_epoch"].as_u64().expect("an alarm");
    assert!(alarm < 12, "the alarm must come before the last epoch");

    let settings = [
        ("plain", ""),
        ("two_threads", "measures:\n  threads: 2\n"),
        ("slow", "measures:\n  shuffle_pairs: 20000\nlimits:\n  channel_frames: 1\n"),
        // An epoch has two frames, of unseen and of seen rows.
        ("dropping", "sampling:\n  on_full: drop\nlimits:\n  channel_frames: 2\n"),
    ];
    for (name, text_of_file) in settings {
        let file = trainings.folder().join(format!("{name}.yaml"));
        fs::write(&file, format!("log:\n  level: error\n{text_of_file}")).expect("the folder is writable");
        let told = trainings.document(&[&SMALL, &LONG_ENOUGH, &NOISY, &NOWHERE, &["--stop-on-onset", "--config", text(&file)]]);
        assert_eq!((told["last_epoch"].as_u64(), told["alarm_epoch"].as_u64()), (Some(alarm), Some(alarm)), "{name}");
        assert_eq!(told["onset_epoch"], to_the_end["onset_epoch"], "{name}");
        let stopped = told["stopped"].as_str().unwrap_or_default();
        assert_eq!(
            stopped,
            format!("memorizing wrong labels or single examples since epoch {}, alarm at epoch {alarm}", told["onset_epoch"])
        );
        let same_epochs = &to_the_end["epochs"].as_array().expect("epochs")[..=usize::try_from(alarm).expect("a small number")];
        for (stopped, to_the_end) in told["epochs"].as_array().expect("epochs").iter().zip(same_epochs) {
            assert_eq!(without_bias(stopped), without_bias(to_the_end), "{name}");
        }
    }
}

#[test]
fn a_run_is_held_against_a_reference_that_a_file_names() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let reference = trainings.folder().join("good.json");
    let good = trainings.document(&[&SMALL, &["--epochs", "6", "--run", "good"], &NOWHERE]);
    fs::write(&reference, good.to_string()).expect("the folder is writable");
    let file = trainings.folder().join("compared.yaml");
    let compared = |below: f64| {
        let detect = format!("  information: {{from_epoch: 100}}\n  baseline: {{file: {}, below: {below}}}", reference.display());
        fs::write(&file, format!("log: {{level: error}}\ndetect:\n  stop_on: [baseline]\n{detect}\n"))
            .expect("the folder is writable");
        ["--config", text(&file)]
    };
    let same = trainings.document(&[&SMALL, &["--epochs", "6"], &NOWHERE, &compared(0.0001)]);
    assert_eq!(same["verdict"], "learning", "the same seed gives the same run: {}", same["why"]);
    let noisy = trainings.document(&[&SMALL, &["--epochs", "6", "--stop-on-onset"], &NOISY, &NOWHERE, &compared(0.02)]);
    assert_eq!((&noisy["verdict"], &noisy["kind"]), (&"memorizing".into(), &"baseline".into()));
    assert!(
        noisy["why"]
            .as_str()
            .is_some_and(|why| why.contains("less information with one another than those of baseline run good")),
        "{}",
        noisy["why"]
    );
    assert!(
        noisy["stopped"].as_str().is_some_and(|stopped| stopped.starts_with("departs from the baseline run")),
        "{}",
        noisy["stopped"]
    );
}

#[test]
fn without_an_onset_nothing_is_stopped() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let told = trainings.document(&[&SMALL, &["--epochs", "6", "--stop-on-onset"], &NOWHERE]);
    assert_eq!((told["last_epoch"].as_u64(), told["stopped"].as_str()), (Some(6), None));
}
