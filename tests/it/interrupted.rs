//! Ctrl-C: the first ends everything in order, the second immediately.

use crate::support::process::{ended, rotewatch};
use crate::support::running::Running;
use crate::support::trainer::or_skip_without;
use crate::support::training::{ANY_PORT, NOWHERE, Trainings, document};
use crate::support::until::until;

/// One step per example makes an epoch last for seconds.
const LONG_EPOCHS: [&str; 6] = ["--examples", "8000", "--batch-size", "1", "--probe-rows", "200"];

#[test]
fn an_interrupt_finishes_the_epoch_and_its_report_and_ends_with_130() {
    for signal in ["INT", "TERM"] {
        let Some(trainings) = Trainings::or_skip() else { return };
        let endless = ["--examples", "1000", "--epochs", "100000", "--probe-rows", "300"];
        let mut process = Running::start(&mut trainings.train(&[&endless[..], &ANY_PORT].concat()));
        process.says("epoch      2/100000");
        process.signal(signal);
        let ended = process.end();
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        let lines: Vec<&str> = ended.stdout.lines().collect();
        let last_epoch = lines.iter().rfind(|line| line.starts_with("epoch ")).expect("epochs were shown");
        let last_epoch = last_epoch["epoch".len()..].trim().split('/').next().expect("a number");
        let stopped = format!("stopped after epoch {last_epoch}: SIG{signal} received");
        assert!(lines.contains(&stopped.as_str()), "{stopped}: {}", ended.stdout);
        let shown = lines.iter().filter(|line| line.starts_with("epoch ")).count();
        assert_eq!(shown, last_epoch.parse::<usize>().expect("a number") + 1, "every epoch has its report: {}", ended.stdout);
        assert!(lines.iter().any(|line| line.starts_with("verdict: ")), "{}", ended.stdout);
    }
}

#[test]
fn an_interrupted_training_still_prints_its_document() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let endless = ["--examples", "1000", "--epochs", "100000", "--probe-rows", "300", "--json"];
    let process = Running::start(&mut trainings.train(&[&endless[..], &NOWHERE].concat()));
    process.heeds_signals();
    process.signal("INT");
    let ended = process.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let told = document(&ended);
    assert_eq!(told["stopped"], "SIGINT received");
    let last = told["last_epoch"].as_u64().expect("a number");
    assert_eq!(told["epochs"].as_array().map(Vec::len), Some(usize::try_from(last).expect("small") + 1));
    assert!(told["epochs"].as_array().expect("epochs").iter().all(|epoch| epoch["verdict"].is_string()), "{told}");
    assert!(!told["verdict"].is_null());
}

#[test]
fn a_second_interrupt_leaves_at_once() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let mut process = Running::start(&mut trainings.train(&[&LONG_EPOCHS[..], &ANY_PORT].concat()));
    process.says("epoch  0/30");
    // The system merges pending signals of the same kind, so repeat until the second one arrives.
    until("the process to leave", || {
        process.signal("INT");
        process.has_ended().then_some(())
    });
    let ended = process.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(!ended.stdout.contains("epoch  1/30"), "the program ended without waiting for the epoch: {}", ended.stdout);
    assert!(!ended.stdout.contains("stopped after"), "{}", ended.stdout);
}

#[test]
fn the_help_of_every_command_ends_with_0() {
    for command in [&["--help"][..], &["train", "--help"], &["experiment", "--help"], &["check-config", "--help"], &["--version"]]
    {
        if command.len() == 2 && command[0] != "check-config" && !or_skip_without() {
            continue;
        }
        let ended = ended(&mut rotewatch(command.iter().copied()));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command:?}");
    }
}
