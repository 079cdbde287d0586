//! Comparing two trainings: at a terminal, over HTTP, and on the sweeps whose result is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rotewatch_core::compare::{Comparison, FearedKind, Side, TrainingCurve};
use rotewatch_core::record::training::TrainingDocument;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, Daemon, daemon, document, frame};
use crate::support::http::get;
use crate::support::process::{Ended, ended, rotewatch, text};
use crate::support::until::until;

/// Signals of the last layer in each epoch: a run in which memorization is found, and one that stays as it was.
const ALARMING: [f32; 10] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0];
const SOUND: [f32; 10] = [0.2, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0];

fn compare(arguments: &[&str]) -> Ended {
    ended(rotewatch(["runs", "compare"]).args(arguments))
}

fn compared(arguments: &[&str]) -> Value {
    let Ended { code, stdout, stderr } = compare(&[arguments, &["--json"]].concat());
    assert_eq!((code, stderr.as_str(), stdout.lines().count()), (Some(0), "", 1));
    serde_json::from_str(&stdout).expect("JSON")
}

fn refused(arguments: &[&str]) -> String {
    let Ended { code, stdout, stderr } = compare(arguments);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    stderr
}

fn train(client: &Client, run: &str, probe: &str, layers: [&str; 2], signals: &[f32]) {
    let declaration = json!({ "attempt": ATTEMPT, "layers": layers, "probe_digest": probe });
    document(&client.send("PUT", &format!("runs/{run}"), declaration.to_string().as_bytes()), 200);
    for (epoch, signal) in (0..).zip(signals) {
        let body = frame(&[(layers[0], &layer(600, 12, 2.0)), (layers[1], &layer(600, 12, *signal))]);
        document(&client.activations(run, epoch, 0, &body), 202);
        client.judged(run, epoch);
    }
}

#[test]
fn the_same_is_told_at_a_terminal_and_over_http_of_runs_in_memory_and_in_the_history() {
    let Daemon { client, monitor, state } = daemon();
    let layers = ["hidden1", "hidden2"];
    train(&client, "alarmed", "digits", layers, &ALARMING);
    train(&client, "sound", "digits", layers, &SOUND);
    train(&client, "elsewhere", "letters", layers, &SOUND);
    train(&client, "another", "digits", ["hidden1", "conv"], &SOUND);
    until("the last epoch on the disk", || (client.read("runs/another")["committed_epoch"] == 9).then_some(()));
    let told = client.read("compare?a=alarmed&b=sound");
    assert_eq!(
        (&told["verdict"], &told["better"], &told["since_epoch"]),
        (&json!("clear"), &json!("sound"), &json!(4)),
        "{told}"
    );
    assert_eq!((&told["against"], &told["by_verdicts"], &told["epoch"]), (&json!("example-level"), &json!(true), &json!(9)));
    assert_eq!(told["runs"][0], json!({ "run": "alarmed", "last_epoch": 9, "kind": "example_level" }));
    assert_eq!((&told["probe"], &told["doubt"]), (&json!("digits"), &Value::Null));
    let turned = client.read("compare?a=alarmed&b=sound&against=heuristic");
    assert_eq!((&turned["better"], &turned["by_verdicts"]), (&json!("alarmed"), &json!(false)));

    for (pair, reason) in [
        ("a=sound&b=elsewhere", "sound and elsewhere cannot be compared because they have different probes"),
        ("a=sound&b=another", "sound and another cannot be compared because they have different layers"),
        ("a=sound&b=sound", "sound cannot be compared with itself"),
    ] {
        let told = client.read(&format!("compare?{pair}"));
        assert!(told["verdict"] == "incomparable" && told["says"].as_str().is_some_and(|says| says.contains(reason)), "{told}");
    }
    for (path, status, says) in [
        ("compare?a=sound", 422, "the parameter b is missing"),
        ("compare?a=sound&b=alarmed&against=fear", 422, "is not one of heuristic, example-level"),
        ("compare?a=sound&b=alarmed&c=x", 422, "the parameter \\\"c\\\" is unknown"),
        ("compare?a=sound&b=nobody", 404, "no run nobody"),
    ] {
        let answer = get(client.address, &format!("/api/v1/{path}"));
        assert!(answer.status == status && answer.body.contains(says), "{path}: {} {}", answer.status, answer.body);
    }

    let folder = text(state.path());
    assert_eq!(compared(&["alarmed", "sound", "--state", folder]), told, "memory, history, command line and HTTP agree");
    assert_eq!(monitor.close(), Vec::<&str>::new());
    let shown = compare(&["alarmed", "sound", "--state", folder]).stdout;
    insta::assert_snapshot!("alarmed_and_sound", shown);
    let exported = |run: &str| {
        let path = state.path().join(format!("{run}.json"));
        let ended = ended(&mut rotewatch(["runs", "export", run, "--state", folder]));
        fs::write(&path, ended.stdout).expect("the folder is writable");
        text(&path).to_owned()
    };
    assert_eq!(compared(&[&exported("alarmed"), &exported("sound")]), told, "exported files give the same comparison");
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let training = |name: &str, kind: Value, probe: &str| {
        let layer = json!({ "name": "fc", "entropy_network_nats": { "mean": 2.0 }, "mutual_information_nats": { "mean": 0.2 },
                            "entropy_neuron_nats": null, "class_information_nats": null });
        let epochs: Vec<Value> = (1..9).map(|epoch| json!({ "epoch": epoch, "metrics": {}, "layers": [layer] })).collect();
        let path = folder.path().join(format!("{name}.json"));
        let document = json!({ "run": name, "kind": kind, "probe": probe, "epochs": epochs });
        fs::write(&path, document.to_string()).expect("the folder is writable");
        text(&path).to_owned()
    };
    let shortcut = training("shortcut", json!("heuristic"), "the test set");
    let by_heart = training("by-heart", json!("example_level"), "the test set");
    let elsewhere = training("elsewhere", json!("heuristic"), "the training set");
    let mixed = refused(&[&shortcut, &by_heart]);
    assert!(mixed.contains("shortcut memorized a shortcut and by-heart wrong labels or single examples"), "{mixed}");
    assert_eq!(compared(&[&shortcut, &by_heart, "--against", "heuristic"])["verdict"], "alike");
    assert!(refused(&[&shortcut, &elsewhere]).contains("cannot be compared because they have different probes"));
    let unknown = refused(&[&shortcut, "nobody", "--state", text(folder.path())]);
    assert!(unknown.contains("nobody: no such file, and no such run in the history"), "{unknown}");
    let activations = folder.path().join("a.npy");
    fs::write(&activations, b"\x93NUMPY").expect("the folder is writable");
    assert!(refused(&[&shortcut, text(&activations)]).contains("this file has activations of a single moment"));
    // Two files of one name are told apart by where they lie.
    let copy = folder.path().join("copy.json");
    fs::copy(&shortcut, &copy).expect("the folder is writable");
    assert_eq!(compared(&[&shortcut, text(&copy)])["runs"][1]["run"], text(&copy));
}

/// A sweep of the paper as it was measured: see `tests/data/README.md`.
struct Sweep {
    against: FearedKind,
    /// The numbers of the experiment's own report, computed by another program.
    told: Value,
    networks: Vec<(Value, f64)>,
}

fn sweeps() -> Vec<Sweep> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sweeps.json");
    let sweeps: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).expect("the data is there")).expect("JSON");
    let network = |network: &Value| {
        let epochs = network["epochs"].as_array().expect("epochs").iter().enumerate();
        let epoch = |(epoch, means): (usize, &Value)| {
            let layer = json!({ "name": "all", "entropy_network_nats": { "mean": means[0] }, "mutual_information_nats": { "mean": means[1] },
                                "entropy_neuron_nats": null, "class_information_nats": null });
            json!({ "epoch": epoch, "metrics": {}, "layers": [layer] })
        };
        let epochs: Vec<Value> = epochs.map(epoch).collect();
        // As 0.1.0 wrote it.
        let document = json!({ "run": network["name"], "kind": network["kind"], "probe": "the test set", "history": epochs });
        (document, network["test_accuracy"].as_f64().expect("an accuracy"))
    };
    let sweep = |told: Value| Sweep {
        against: FearedKind::ALL.into_iter().find(|feared| feared.as_str() == told["against"]).expect("a feared"),
        networks: told["networks"].as_array().expect("networks").iter().map(network).collect(),
        told,
    };
    sweeps.into_iter().map(sweep).collect()
}

fn name(document: &Value) -> &str {
    document["run"].as_str().expect("a name")
}

#[test]
fn rank_gives_the_taus_of_the_experiment_signs_included() {
    for Sweep { against, told, networks } in sweeps() {
        let folder: TempDir = tempfile::tempdir().expect("a temporary folder");
        let mut files = Vec::new();
        let mut scores = Vec::new();
        for (document, accuracy) in &networks {
            let path = folder.path().join(format!("{}.json", name(document)));
            fs::write(&path, document.to_string()).expect("the folder is writable");
            files.push(text(&path).to_owned());
            scores.push(format!("{} {accuracy}", name(document)));
        }
        let path = folder.path().join("scores");
        fs::write(&path, scores.join("\n")).expect("the folder is writable");
        let ranked = |against: FearedKind| -> Value {
            let flags = ["--json", "--against", against.as_str(), "--scores", text(&path)];
            let ended = ended(rotewatch(["rank"]).args(&files).args(flags));
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            serde_json::from_str(&ended.stdout).expect("JSON")
        };
        let taus = |ranked: &Value| {
            ["entropy", "mutual_information"].map(|of| ranked["groups"][0]["tau"][of]["tau_b"].as_f64().expect("a tau"))
        };
        let expected = ["entropy", "mutual_information"].map(|of| told["tau"][of].as_f64().expect("a tau"));
        let found = taus(&ranked(against));
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?} {expected:?}");
        let feared_otherwise = FearedKind::ALL.into_iter().find(|feared| *feared != against).expect("there are two kinds");
        assert_eq!(taus(&ranked(feared_otherwise)), found.map(|tau| -tau));
    }
}

#[test]
fn compare_agrees_with_the_taus_and_is_right_as_often_as_was_counted() {
    for Sweep { against, told, networks } in sweeps() {
        let course = |document: &Value| {
            let document: TrainingDocument = document.to_string().parse().expect("a training");
            TrainingCurve::of_document(document.run.clone().expect("a name"), &document).expect("measures")
        };
        let courses: Vec<(TrainingCurve, f64)> =
            networks.iter().map(|(document, accuracy)| (course(document), *accuracy)).collect();
        let mut counted: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
        // For each measure: the pairs that the last epochs order as accuracy does, minus the pairs in the other order.
        let (mut balance, mut pairs) = ([0.0; 2], 0.0);
        for (place, (first, accuracy)) in courses.iter().enumerate() {
            for (second, other_accuracy) in &courses[place + 1..] {
                let truth = if accuracy > other_accuracy { Side::First } else { Side::Second };
                let comparison = Comparison::of(first, second, Some(against)).expect("both were measured in the same way");
                pairs += 1.0;
                for ((balance, parting), more_is_better) in
                    balance.iter_mut().zip(comparison.partings).zip([against.entropy_sign(), -against.entropy_sign()])
                {
                    let better =
                        if more_is_better * (parting.nats[0] - parting.nats[1]) > 0.0 { Side::First } else { Side::Second };
                    *balance += if better == truth { 1.0 } else { -1.0 };
                    assert!(
                        parting.better.is_none_or(|(side, _)| side == better),
                        "the verdict follows the last epoch: {comparison}"
                    );
                }
                let [right, of] = counted.entry(comparison.preference.as_str()).or_default();
                *right += u32::from(comparison.preference.better().is_some_and(|(side, _)| side == truth));
                *of += 1;
            }
        }
        let expected = ["entropy", "mutual_information"].map(|of| told["tau"][of].as_f64().expect("a tau"));
        let found = balance.map(|balance| balance / pairs);
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?} {expected:?}");
        assert_eq!(json!(counted), told["verdicts"], "{}", against.as_str());
    }
}
