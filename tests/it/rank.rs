//! Ranking finished networks: the direction, networks that cannot be compared, and agreement with scores.

use std::fs;
use std::path::Path;

use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Daemon, daemon, document, frame, serialized};
use crate::support::process::{Ended, ended, rotewatch, text};
use crate::support::until::until;

const ROWS: usize = 300;
const NEURONS: usize = 8;

/// The part of `rotewatch train --json` by which a network is ranked.
fn training(run: &str, kind: Option<&str>, probe: &str, entropy: f64, information: f64) -> Value {
    let layer = json!({
        "layer": "hidden1", "entropy_network_nats": { "mean": entropy }, "entropy_neuron_nats": null,
        "mutual_information_nats": { "mean": information }, "class_information_nats": null,
    });
    json!({ "run": run, "kind": kind, "probe": probe, "epochs": [{ "epoch": 1, "metrics": {}, "layers": [layer] }] })
}

fn written(folder: &TempDir, documents: &[Value]) -> Vec<String> {
    let write = |(at, document): (usize, &Value)| {
        let path = folder.path().join(format!("{at}.json"));
        fs::write(&path, document.to_string()).expect("the folder is writable");
        text(&path).to_owned()
    };
    documents.iter().enumerate().map(write).collect()
}

fn rank(files: &[String], flags: &[&str]) -> Ended {
    let arguments = ["rank"].into_iter().chain(files.iter().map(String::as_str)).chain(flags.iter().copied());
    ended(&mut rotewatch(arguments))
}

fn ranked(files: &[String], flags: &[&str]) -> Value {
    let Ended { code, stdout, stderr } = rank(files, &[flags, &["--json"]].concat());
    assert_eq!((code, stderr.as_str(), stdout.lines().count()), (Some(0), "", 1));
    serde_json::from_str(&stdout).expect("JSON")
}

fn refused(files: &[String], flags: &[&str]) -> String {
    let Ended { code, stdout, stderr } = rank(files, flags);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    stderr
}

fn names(group: &Value) -> Vec<&str> {
    group["networks"].as_array().expect("networks").iter().filter_map(|network| network["name"].as_str()).collect()
}

/// Networks with more and more wrong labels: the less accurate ones have more entropy and less mutual information.
fn shuffled(kind: Option<&str>) -> Vec<Value> {
    let network = |at: u32| {
        let share = f64::from(at) / 6.0;
        training(&format!("beta{at}"), kind.filter(|_| at > 2), "the test set", 2.0 + share, 0.5 - 0.4 * share)
    };
    (0..7).map(network).collect()
}

#[test]
fn the_verdicts_say_which_way_is_better_and_scores_agree_as_in_the_experiment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = written(&folder, &shuffled(Some("example_level")));
    let scores = folder.path().join("scores");
    let lines: Vec<String> = (0..7).map(|at| format!("beta{at}, {}", 0.95 - 0.1 * f64::from(at))).collect();
    fs::write(&scores, lines.join("\n")).expect("the folder is writable");

    let by_verdicts = ranked(&files, &["--scores", text(&scores)]);
    assert_eq!((&by_verdicts["against"], &by_verdicts["by_verdicts"]), (&json!("example-level"), &json!(true)));
    let group = &by_verdicts["groups"][0];
    assert_eq!(names(group), ["beta0", "beta1", "beta2", "beta3", "beta4", "beta5", "beta6"]);
    for measure in ["entropy", "mutual_information"] {
        let tau = &group["tau"][measure];
        assert_eq!((&tau["tau_b"], &tau["models"]), (&json!(1.0), &json!(7)));
        assert!(tau["chance"].as_f64().is_some_and(|chance| chance < 0.002), "{tau}");
    }
    let against_shortcuts = ranked(&files, &["--scores", text(&scores), "--against", "heuristic"]);
    assert_eq!(against_shortcuts["groups"][0]["tau"]["entropy"]["tau_b"], -1.0);
    assert_eq!(names(&against_shortcuts["groups"][0])[0], "beta6");
}

#[test]
fn mixed_kinds_and_runs_without_a_verdict_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut mixed = shuffled(Some("example_level"));
    mixed[0]["kind"] = json!("heuristic");
    let files = written(&folder, &mixed);
    let error = refused(&files, &[]);
    assert!(
        error.contains("beta0 memorized a shortcut and beta3 wrong labels or single examples") && error.contains("--against"),
        "{error}"
    );
    assert_eq!(ranked(&files, &["--against", "example-level"])["by_verdicts"], false);
    let files = written(&folder, &shuffled(None));
    assert!(refused(&files, &[]).contains("no verdict of these runs names a kind"));
}

#[test]
fn other_probes_and_layers_are_kept_apart_and_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut other_layer = training("d", None, "the test set", 9.0, 0.0);
    other_layer["epochs"][0]["layers"][0]["layer"] = json!("conv1");
    let documents = [
        training("a", None, "the test set", 2.0, 0.2),
        training("b", None, "training batches", 9.0, 0.0),
        training("c", None, "the test set", 3.0, 0.1),
        other_layer,
    ];
    let files = written(&folder, &documents);
    let ranked = ranked(&files, &["--against", "heuristic"]);
    let groups: Vec<Vec<&str>> = ranked["groups"].as_array().expect("groups").iter().map(names).collect();
    assert_eq!(groups, [vec!["c", "a"], vec!["b"], vec!["d"]]);
    let told = rank(&files, &["--against", "heuristic"]).stdout;
    assert!(told.contains("cannot be compared with c and its group: different probes"), "{told}");
    assert!(told.contains("cannot be compared with c and its group: different layers"), "{told}");
    let error = refused(&[files[0].clone(), files[1].clone()], &["--against", "heuristic"]);
    assert!(error.contains("no two of these networks can be compared; a and b have different probes"), "{error}");
    assert!(refused(&files[..1], &["--against", "heuristic"]).contains("a ranking needs two or more networks"));
}

/// Activations in which neurons depend on the class as strongly as `signal`: stronger means more mutual information.
fn activations(folder: &Path, name: &str, signal: f32) -> String {
    let bytes: Vec<u8> = layer(ROWS, NEURONS, signal).values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let path = folder.join(format!("{name}.safetensors"));
    fs::write(&path, serialized(&[("fc", Dtype::F32, vec![ROWS, NEURONS], bytes)])).expect("the folder is writable");
    text(&path).to_owned()
}

#[test]
fn activations_are_ranked_by_the_numbers_that_measure_gives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files: Vec<String> =
        [("quiet", 0.5), ("loud", 6.0), ("louder", 9.0)].map(|(name, signal)| activations(folder.path(), name, signal)).into();
    assert!(refused(&files, &[]).contains("no verdict of these runs names a kind"));
    let group = &ranked(&files, &["--against", "example-level"])["groups"][0];
    let places: Vec<(&str, u64)> = names(group)
        .into_iter()
        .zip(group["networks"].as_array().expect("networks"))
        .map(|(name, network)| (name, network["place_by_mutual_information"].as_u64().expect("a place")))
        .collect();
    let place_of = |name: &str| places.iter().find(|(other, _)| *other == name).map(|(_, place)| *place);
    assert_eq!([place_of("louder"), place_of("loud"), place_of("quiet")], [Some(1), Some(2), Some(3)]);
    let measured = ended(&mut rotewatch(["measure", "--json", "--scope", "network", &files[0]]));
    let measured: Value = serde_json::from_str(&measured.stdout).expect("JSON");
    let entropies = measured["tensors"][0]["entropy_nats"].as_array().expect("entropies");
    let mean = entropies.iter().filter_map(Value::as_f64).sum::<f64>() / NEURONS as f64;
    let quiet = group["networks"].as_array().expect("networks").iter().find(|network| network["name"] == "quiet");
    let told = quiet.and_then(|network| network["entropy_nats"].as_f64()).expect("an entropy");
    assert!((told - mean).abs() < 1e-12, "{told} and {mean}");
    let shown = rank(&files, &["--against", "example-level"]).stdout;
    assert!(shown.contains("only valid if the files have the same rows"), "{shown}");
}

#[test]
fn runs_of_the_history_are_ranked_by_their_verdicts() {
    let Daemon { client, monitor: _monitor, state } = daemon();
    // The first run is alarmed: both signals are high at epoch 2 and fall from there.
    for (run, signals) in [("alarmed", [0.2, 3.0, 4.0, 4.0, 1.5, 1.0]), ("sound", [0.2, 3.0, 4.0, 4.0, 4.0, 4.0])] {
        document(&client.declare(run, ATTEMPT, &["hidden1", "hidden2"]), 200);
        for (epoch, signal) in (0..).zip(signals) {
            let body = frame(&[("hidden1", &layer(600, 12, 2.0)), ("hidden2", &layer(600, 12, signal))]);
            document(&client.activations(run, epoch, 0, &body), 202);
            client.judged(run, epoch);
        }
    }
    let names_of_runs = ["alarmed", "sound"].map(str::to_owned);
    let committed = || (client.read("runs/sound")["committed_epoch"] == 5).then_some(());
    until("the last epoch on the disk", committed);
    let ranked = ranked(&names_of_runs, &["--state", text(state.path())]);
    assert_eq!((&ranked["against"], &ranked["by_verdicts"]), (&json!("example-level"), &json!(true)));
    let group = &ranked["groups"][0];
    assert_eq!(group["layers"][1], json!({ "layer": "hidden2", "neurons": 12 }));
    let place = |name: &str| {
        let networks = group["networks"].as_array().expect("networks");
        networks.iter().find(|network| network["name"] == name).map(|network| network["place_by_mutual_information"].clone())
    };
    assert_eq!((place("sound"), place("alarmed")), (Some(json!(1)), Some(json!(2))));
}

#[test]
fn what_is_no_network_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.json");
    let table = [
        ("{", "not a JSON document"),
        ("{\"history\": 3}", "not a document of `rotewatch train --json`"),
        ("{\"history\": [{\"epoch\": 0, \"metrics\": {}, \"layers\": []}]}", "its last epoch has no measures"),
    ];
    for (written, expected) in table {
        fs::write(&path, written).expect("the folder is writable");
        let error = refused(&[text(&path).to_owned()], &["--against", "heuristic"]);
        assert!(error.contains("a.json") && error.contains(expected), "{error}");
    }
    let error = refused(&["some-run".to_owned()], &["--state", text(folder.path())]);
    assert!(error.contains("some-run: no such file, and no such run in the history"), "{error}");
    let files = [activations(folder.path(), "one", 1.0), activations(folder.path(), "two", 2.0)];
    let scores = folder.path().join("scores");
    fs::write(&scores, "three 0.5").expect("the folder is writable");
    let error = refused(&files, &["--against", "heuristic", "--scores", text(&scores)]);
    assert!(error.contains("line 1: unknown network `three`; the networks are one, two"), "{error}");
}
