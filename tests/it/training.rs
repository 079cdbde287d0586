//! The main use: a training is watched, gets a verdict, prints one JSON document, and is not changed by the watching.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::running::Running;
use crate::support::training::{ANY_PORT, LONG_ENOUGH, NOISY, NOWHERE, SMALL, Trainings, document, metrics};
use crate::support::until::until;

fn number(document: &Value, field: &str) -> f64 {
    document[field].as_f64().unwrap_or_else(|| panic!("{field} is not a number in {document}"))
}

#[test]
fn wrong_labels_end_in_a_memorizing_verdict_told_in_full() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let told = trainings.document(&[&SMALL, &LONG_ENOUGH, &NOISY, &NOWHERE, &["--run", "noisy"]]);
    assert_eq!((&told["run"], &told["last_epoch"], &told["stopped"]), (&"noisy".into(), &12.into(), &Value::Null));
    assert_eq!((&told["verdict"], &told["kind"]), (&"memorizing".into(), &"example_level".into()));
    let (onset, alarm) = (number(&told, "onset_epoch"), number(&told, "alarm_epoch"));
    assert!((1.0..=alarm).contains(&onset) && alarm <= 12.0, "onset {onset}, alarm {alarm}");
    assert_eq!((&told["layers"], &told["harm"]), (&serde_json::json!([]), &"shown".into()));
    assert!(told["why"].as_str().is_some_and(|why| why.contains("rows that the network has never seen, its errors rose")));
    assert!(told["remedy"].as_str().is_some_and(|remedy| remedy.contains(&format!("the weights of epoch {onset}"))));
    let signals: Vec<&str> =
        told["evidence"].as_array().expect("evidence").iter().filter_map(|of| of["signal"].as_str()).collect();
    assert_eq!(signals, ["unseen_error_ratio", "seen_error_ratio"]);
    let evidence = told["evidence"].as_array().expect("evidence");
    assert!(evidence.iter().all(|of| number(of, "ratio") > number(of, "threshold")), "{evidence:?}");

    let of_epochs = told["epochs"].as_array().expect("epochs");
    let epochs: Vec<u64> = of_epochs.iter().filter_map(|epoch| epoch["epoch"].as_u64()).collect();
    assert_eq!(epochs, (0..=12).collect::<Vec<u64>>());
    let accuracy = |epoch: f64| of_epochs[epoch as usize]["metrics"]["test_accuracy"].as_f64();
    assert_eq!(told["test_accuracy"].as_f64(), accuracy(12.0));
    assert_eq!(told["alarm_test_accuracy"].as_f64(), accuracy(alarm));
    assert_eq!(told["best_test_accuracy"].as_f64(), accuracy(number(&told, "best_epoch")));
    let best = (0..=12).filter_map(|epoch| accuracy(f64::from(epoch))).fold(0.0, f64::max);
    assert_eq!(number(&told, "best_test_accuracy"), best);
    let memorizing = |epoch: &Value| epoch["verdict"] == "memorizing";
    let first = of_epochs.iter().position(memorizing).expect("an alarm");
    assert!(first <= alarm as usize, "harm may be suspected before it is shown: epoch {first}, {alarm}");
    for epoch in of_epochs {
        let layers = epoch["layers"].as_array().expect("layers");
        assert_eq!(layers.iter().filter_map(|of| of["layer"].as_str()).collect::<Vec<_>>(), ["hidden1", "hidden2", "hidden3"]);
        for layer in layers {
            for measure in ["entropy_network_nats", "entropy_neuron_nats", "mutual_information_nats", "class_information_nats"] {
                let of = &layer[measure];
                let quantiles = ["p05", "p50", "p90", "p95"].map(|quantile| number(of, quantile));
                assert!(quantiles.is_sorted() && quantiles[0] >= 0.0 && number(of, "mean") > 0.0, "{measure}: {of}");
            }
        }
    }
    let frames = &told["frames"];
    assert_eq!(
        (number(frames, "offered"), number(frames, "measured"), number(frames, "queued")),
        (26.0, 26.0, 0.0),
        "two sets of rows, 13 epochs"
    );
}

#[test]
fn right_labels_end_in_a_learning_verdict() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let told = trainings.document(&[&SMALL, &LONG_ENOUGH, &NOWHERE]);
    assert_eq!(told["verdict"], "learning", "{told}");
    for absent in ["kind", "onset_epoch", "alarm_epoch", "layers", "evidence", "why", "remedy", "alarm_test_accuracy", "stopped"]
    {
        assert!(told.get(absent).is_some_and(Value::is_null), "{absent}: {}", told[absent]);
    }
    let test = number(&told, "test_accuracy");
    assert!((0.5..=1.0).contains(&test), "the digits can be learnt: {test}");
}

#[test]
fn the_same_command_twice_gives_the_same_document_to_the_last_digit() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let seeded = |seed| {
        let mut told = trainings.document(&[&SMALL, &NOISY, &NOWHERE, &["--run", "twice", "--epochs", "4", "--seed", seed]]);
        told["frames"]["wait_seconds"] = Value::Null;
        for epoch in told["epochs"].as_array_mut().expect("epochs") {
            for of_the_clock in ["compute_seconds", "made_at"] {
                epoch[of_the_clock] = Value::Null;
            }
        }
        told
    };
    let once = seeded("1");
    assert_eq!(once, seeded("1"));
    assert_ne!(metrics(&once), metrics(&seeded("2")), "another seed gives another training");
}

#[test]
fn a_watched_training_has_the_losses_of_an_unwatched_one_to_the_last_digit() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let pairs: [(&[&str], &[&str]); 6] = [
        (&["--label-noise", "0.4"], &[]),
        (&["--label-noise", "0.4"], &["--stop-on-onset"]),
        (&["--dropout", "0.2", "--batch-norm"], &[]),
        (&["--dropout", "0.2", "--batch-norm", "--augment"], &["--sampling", "stream"]),
        (&["--spurious", "0.9", "--optimizer", "sgd", "--weight-decay", "0.0005"], &["--sampling", "stream"]),
        (&["--task", "circles", "--lr-step", "2:0.1"], &[]),
    ];
    for (options, watching) in pairs {
        let small: &[&str] = &["--examples", "1000", "--epochs", "3", "--probe-rows", "200"];
        let watched = trainings.document(&[small, options, watching, &NOWHERE]);
        // The probe's rows are drawn with the examples, so both trainings draw the same number; the second one ignores them.
        let unwatched = trainings.document(&[small, options, &["--monitor", "off"]]);
        assert_eq!(metrics(&watched), metrics(&unwatched), "{options:?} {watching:?}");
        assert_eq!(metrics(&watched).len(), 4);
        for absent in ["run", "verdict", "kind", "onset_epoch", "alarm_epoch", "frames"] {
            assert!(unwatched[absent].is_null(), "{absent}: {}", unwatched[absent]);
        }
        assert!(watched["frames"]["measured"].as_u64() > Some(3), "{}", watched["frames"]);
    }
}

#[test]
fn an_unwatched_training_has_no_thread_no_port_and_no_file() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let long: &[&str] = &["--examples", "5000", "--epochs", "1000"];
    let mut unwatched = Running::start(&mut trainings.train(&[long, &["--monitor", "off"], &ANY_PORT].concat()));
    unwatched.says("epoch    2/1000");
    assert!(!unwatched.stdout().contains("http://"), "{}", unwatched.stdout());
    assert!(fs::read_dir(trainings.folder()).expect("the folder is there").next().is_none(), "no file is written");
    let mut watched = Running::start(&mut trainings.train(&[long, &ANY_PORT].concat()));
    watched.address();
    let own = |process: &Running| -> BTreeSet<String> {
        process.threads().into_iter().filter(|name| name.starts_with("rotewatch-") && name != "rotewatch-signa").collect()
    };
    // A thread gets its name only once it runs.
    let monitors = |name: &String| name.starts_with("rotewatch-mon");
    until("the threads of a watched training", || (own(&watched).len() >= 3 && own(&watched).iter().any(monitors)).then_some(()));
    let main_thread_alone = BTreeSet::from(["rotewatch-train".to_owned()]);
    assert_eq!(own(&unwatched), main_thread_alone);
    assert_eq!((listening(&watched), listening(&unwatched)), (1, 0));
}

/// Counts the sockets of a process that listen for TCP connections.
fn listening(process: &Running) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", process.id())).expect("the process runs");
    let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let sockets: BTreeSet<String> =
        links.filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect();
    let tables =
        ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{}/net/{table}", process.id())).unwrap_or_default());
    let listens = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(3) == Some(&"0A") && fields.get(9).is_some_and(|inode| sockets.contains(*inode))
    };
    tables.iter().flat_map(|table| table.lines()).filter(listens).count()
}

#[test]
fn without_json_plain_lines_tell_the_address_each_epoch_the_alarm_and_what_to_do() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let mut process = Running::start(&mut trainings.train(&[&SMALL[..], &LONG_ENOUGH, &NOISY, &ANY_PORT].concat()));
    let address = process.address();
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("run digits-mlp-seed1: ") && lines[0].contains(&address.to_string()), "{}", lines[0]);
    for epoch in 0..=12 {
        let begins = format!("epoch {epoch:>2}/12  ");
        assert_eq!(lines.iter().filter(|line| line.starts_with(&begins)).count(), 1, "{begins}: {}", ended.stdout);
    }
    for words in [
        ", harm shown: memorizing wrong labels or single examples since epoch ",
        "  why:        On rows that the network has never seen, its errors rose from ",
        "  what to do: Keep the weights of epoch ",
        "verdict: memorizing wrong labels or single examples since epoch ",
    ] {
        assert_eq!(lines.iter().filter(|line| line.contains(words)).count(), 1, "{words}: {}", ended.stdout);
    }
    assert!(lines.iter().any(|line| line.starts_with("ALARM at epoch ")), "{}", ended.stdout);
    assert!(!ended.stdout.contains(['\r', '\u{1b}']), "no progress bar without a terminal");
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_training() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let mut command = trainings.train(&["--examples", "500", "--epochs", "3", "--probe-rows", "100", "--listen", "off"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the command starts");
    drop(child.stdout.take());
    let status = until("the end of the training", || child.try_wait().expect("a child of this process"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_run_that_is_given_no_name_takes_the_next_free_one_and_a_taken_one_is_refused() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let long: &[&str] = &["--examples", "2000", "--epochs", "1000"];
    let mut first = Running::start(&mut trainings.train(&[long, &ANY_PORT].concat()));
    first.says("run digits-mlp-seed1: ");
    let mut second = Running::start(&mut trainings.train(&[long, &ANY_PORT].concat()));
    second.says("run digits-mlp-seed1-2: ");
    let taken = crate::support::process::ended(&mut trainings.train(&["--run", "digits-mlp-seed1", "--listen", "off"]));
    assert_eq!((taken.code, taken.stdout.as_str()), (Some(2), ""));
    assert!(taken.stderr.starts_with("error: run digits-mlp-seed1 is being trained by another process"), "{}", taken.stderr);
    drop(first);
    let small: &[&str] = &["--examples", "500", "--epochs", "1", "--probe-rows", "100"];
    let again = trainings.document(&[small, &["--run", "digits-mlp-seed1"], &NOWHERE]);
    assert_eq!(again["run"], "digits-mlp-seed1", "the name of a killed training is free");
}

#[test]
fn examples_are_held_out_of_training_and_are_as_noisy_as_the_others() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let small: &[&str] = &["--epochs", "4", "--batch-size", "64", "--lr", "0.002"];
    let held_out = trainings.document(&[small, &NOISY, &NOWHERE, &["--examples", "2000", "--hold-out", "500"]]);
    let fewer = trainings.document(&[small, &NOISY, &NOWHERE, &["--examples", "1500", "--probe-rows", "500"]]);
    assert_eq!(metrics(&held_out), metrics(&fewer), "500 fewer examples are trained on");
    let last = &held_out["epochs"][4];
    assert_eq!((&last["unseen"]["rows"], &last["seen"]["rows"]), (&Value::from(500), &Value::from(500)));
    let errors = number(&last["unseen"], "error_ratio");
    assert!(errors > 0.3, "36 % of the labels are wrong, and no network can know them: {errors}");
    assert_eq!(last["memorized_share"], held_out["memorized_share"]);
    let share = ["low", "estimate", "high"].map(|key| number(&held_out["memorized_share"], key));
    assert!(share.is_sorted() && share[2] < 0.5, "{share:?}");
}

#[test]
fn a_document_is_printed_for_a_training_without_a_port_as_for_one_with() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let small: &[&str] = &["--examples", "500", "--epochs", "2", "--probe-rows", "100", "--json"];
    for listen in [NOWHERE, ANY_PORT] {
        let ended = crate::support::process::ended(&mut trainings.train(&[small, &listen].concat()));
        assert_eq!((ended.code, document(&ended)["last_epoch"].as_u64()), (Some(0), Some(2)), "{}", ended.stderr);
        // Stdout is the document's: where it is served is said beside it.
        let address = ended.stderr.strip_prefix("live page at http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/\n"));
        let port = address.map(|port| port.parse::<u16>().expect("a port"));
        assert_eq!((port.is_some(), ended.stderr.is_empty()), (listen == ANY_PORT, listen == NOWHERE), "{}", ended.stderr);
    }
}
