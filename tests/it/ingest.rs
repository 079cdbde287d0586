//! Runs of other processes, over HTTP: the same measures and verdicts as in this process, nothing counted twice, nothing
//! accepted without a declaration, and every refusal with its reason.

use rotewatch_core::intake::event::LayerActivations;
use rotewatch_core::intake::gate::DropReason;
use rotewatch_core::record::VerdictRecord;
use rotewatch_core::vocabulary::choices::OnFull;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::client::{ALARMING, ATTEMPT, Client, daemon, daemon_with, document, frame, serialized};
use crate::support::http::get;
use crate::support::monitored::{assert_conserved, config, dropped, monitor, scrape};
use crate::support::process::{ended, rotewatch, text};
use crate::support::until::until;

const ROWS: usize = 600;

#[test]
fn the_numbers_are_those_that_measure_gives_of_the_same_file() {
    let daemon = daemon();
    let activations = layer(ROWS, 12, 2.0);
    let files = tempfile::tempdir().expect("a temporary folder");
    let half = |value: &f32| half::f16::from_f32(*value).to_le_bytes();
    let brain = |value: &f32| half::bf16::from_f32(*value).to_le_bytes();
    let bodies = [
        ("single", frame(&[("fc/1", &activations)])),
        ("half", serialized(&[("fc/1", Dtype::F16, vec![ROWS, 12], activations.values.iter().flat_map(half).collect())])),
        ("brain", serialized(&[("fc/1", Dtype::BF16, vec![ROWS, 12], activations.values.iter().flat_map(brain).collect())])),
    ];
    for (run, body) in bodies {
        let file = files.path().join(format!("{run}.safetensors"));
        std::fs::write(&file, &body).expect("the folder is writable");
        let asked = ["entropy", "mi", "surprisal"].map(|measure| ["--measure", measure]).concat();
        let measured = ended(rotewatch(["measure", "--json", text(&file)]).args(asked));
        let measured: Value = serde_json::from_str(&measured.stdout).expect("measure prints JSON");
        document(&daemon.client.declare(run, ATTEMPT, &["fc/1"]), 200);
        assert_eq!(document(&daemon.client.activations(run, 0, 0, &body), 202), json!({ "queued": true }));
        daemon.client.judged(run, 0);
        let matrix = daemon.client.read(&format!("runs/{run}/layers/fc%2F1/matrix?epoch=0"));
        assert_eq!(matrix["mutual_information_nats"], measured["tensors"][0]["mi_nats"], "{run}");
        assert_eq!((&matrix["neurons"], &matrix["blocks"]), (&json!(12), &json!(12)));
        let surprisal = daemon.client.read(&format!("runs/{run}/surprisal?epoch=0"));
        assert_eq!(surprisal["surprisal_nats"], measured["tensors"][0]["surprisal_nats"], "{run}");
        assert_eq!((&surprisal["rows"], &surprisal["layers"][0]["neurons"]), (&json!(ROWS), &json!(12)));
        let epochs = daemon.client.read(&format!("runs/{run}/epochs"));
        let entropies = measured["tensors"][0]["entropy_nats"].as_array().expect("one entropy a neuron");
        let mean = entropies.iter().filter_map(Value::as_f64).sum::<f64>() / 12.0;
        let told = epochs["epochs"][0]["layers"][0]["entropy_neuron_nats"]["mean"].as_f64().expect("a mean");
        assert!((told - mean).abs() < 1e-12, "{run}: {told} and {mean}");
    }
}

#[test]
fn a_run_over_http_gives_the_verdicts_and_series_of_one_in_this_process() {
    let here = monitor(config());
    let tap = here.declare(declaration("run", &["hidden1", "hidden2"])).expect("the name is free");
    let daemon = daemon();
    document(&daemon.client.declare("run", ATTEMPT, &["hidden1", "hidden2"]), 200);
    for (epoch, signal) in (0..).zip(ALARMING) {
        let layers = [layer(ROWS, 12, 2.0), layer(ROWS, 12, signal)];
        assert!(send(&tap, epoch, ROWS, &layers));
        let standing = judged(&tap, epoch);
        let body = frame(&[("hidden1", &layers[0]), ("hidden2", &layers[1])]);
        document(&daemon.client.activations("run", epoch, 0, &body), 202);
        let told = daemon.client.judged("run", epoch);
        assert_eq!(told["verdict"], standing.verdict.as_str(), "epoch {epoch}");
        let alarm = standing.verdict.alarm();
        assert_eq!(told["onset_epoch"], json!(alarm.map(|alarm| alarm.finding.onset_epoch.0)));
        assert_eq!(told["why"], json!(VerdictRecord::from(&standing.verdict).why));
        assert_eq!(told["stop"], tap.run().stop().is_requested());
        assert_eq!(told["reason"], json!(tap.run().stop().reason().map(ToString::to_string)));
        assert_eq!(told["committed_epoch"], epoch, "an epoch is committed when its verdict is returned");
    }
    let verdict = daemon.client.read("runs/run/verdict");
    assert_eq!((&verdict["verdict"], &verdict["kind"]), (&json!("memorizing"), &json!("example_level")));
    assert_eq!(verdict["findings"][0]["evidence"], verdict["evidence"]);
    assert!(verdict["remedy"].is_string() && verdict["evidence"][0]["value"].is_number(), "{verdict}");
    let (one, other) = (scrape(&here), scrape(&daemon.monitor));
    for series in
        ["layer_entropy_nats", "layer_mutual_information_nats", "layer_class_information_nats", "memorization_score_ratio"]
    {
        let (one, other): (Vec<_>, Vec<_>) = (one.series(series).collect(), other.series(series).collect());
        assert!(!one.is_empty());
        assert_eq!(one, other, "{series}");
    }
}

#[test]
fn an_odd_row_is_the_most_surprising_one_and_only_the_newest_epoch_is_known() {
    const ODD: usize = 137;
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a", "b"]), 200);
    assert_eq!(client.read("runs/run/surprisal")["surprisal_nats"], Value::Null);
    document(&get(client.address, "/api/v1/runs/nobody/surprisal"), 404);
    let (plain, mut odd) = (layer(ROWS, 12, 2.0), layer(ROWS, 12, 2.0));
    odd.values[ODD * 12..(ODD + 1) * 12].fill(5.0);
    for epoch in 0..2 {
        document(&client.activations("run", epoch, 0, &frame(&[("a", &plain), ("b", &odd)])), 202);
        client.judged("run", epoch);
    }
    let told = client.read("runs/run/surprisal");
    assert_eq!((&told["epoch"], told["layers"].as_array().map(Vec::len)), (&json!(1), Some(2)));
    let rows: Vec<f64> = told["surprisal_nats"].as_array().expect("rows").iter().filter_map(Value::as_f64).collect();
    let most = (0..rows.len()).max_by(|one, other| rows[*one].total_cmp(&rows[*other]));
    assert_eq!((rows.len(), most), (ROWS, Some(ODD)));
    let gone = document(&get(client.address, "/api/v1/runs/run/surprisal?epoch=0"), 404);
    assert!(gone["error"].as_str().is_some_and(|reason| reason.contains("epoch 0 of run run is not in memory")), "{gone}");
    document(&get(client.address, "/api/v1/runs/run/surprisal?max=3"), 422);
}

#[test]
fn wide_layers_are_sampled_by_seed() {
    let daemon = daemon_with(|config| config.sampling.neurons_per_layer = 5);
    document(&daemon.client.declare("wide", ATTEMPT, &["a"]), 200);
    document(&daemon.client.activations("wide", 0, 0, &frame(&[("a", &layer(ROWS, 40, 2.0))])), 202);
    daemon.client.judged("wide", 0);
    assert_eq!(scrape(&daemon.monitor).value(r#"layer_neurons{layer="a",run="wide"}"#), 5.0);
}

#[test]
fn every_refusal_has_its_status_and_its_reason() {
    let daemon = daemon_with(|config| config.limits.body = 1 << 20);
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a", "b"]), 200);
    let good = layer(20, 4, 1.0);
    let single = |name: &'static str, shape: &[usize]| {
        let bytes = vec![0; shape.iter().product::<usize>() * 4];
        serialized(&[(name, Dtype::F32, shape.to_vec(), bytes)])
    };
    let of_type = |dtype, width: usize| serialized(&[("a", dtype, vec![20, 4], vec![0; 80 * width])]);
    let classes = |dtype, rows: usize, width: usize| {
        let bytes = good.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        serialized(&[("a", Dtype::F32, vec![20, 4], bytes), ("predictions", dtype, vec![rows], vec![0; rows * width])])
    };
    let two = |rows: usize| {
        let bytes = |rows: usize| vec![0; rows * 16];
        serialized(&[("a", Dtype::F32, vec![20, 4], bytes(20)), ("b", Dtype::F32, vec![rows, 4], bytes(rows))])
    };
    let frames: [(Vec<u8>, &str); 16] = [
        (Vec::new(), "too few"),
        (b"not safetensors at all".to_vec(), "is this a safetensors file"),
        (frame(&[("a", &good)])[..200].to_vec(), "truncated"),
        ([&frame(&[("a", &good)])[..], b"tail"].concat(), "truncated or damaged"),
        (frame(&[]), "the frame has no layer, which unseen rows need"),
        (single("c", &[20, 4]), "\"c\" is not a layer of this run; declared layers: a, b"),
        (single("a", &[20]), "expected two axes"),
        (single("a", &[5, 2, 2]), "expected two axes"),
        (single("a", &[0, 4]), "is empty"),
        (single("a", &[20, 0]), "is empty"),
        (of_type(Dtype::F64, 8), "has type F64"),
        (of_type(Dtype::I32, 4), "has type I32"),
        (classes(Dtype::I32, 20, 4), "predictions has type I32; send I64"),
        (classes(Dtype::I64, 19, 8), "\"a\" has 20 rows, but \"predictions\" has 19"),
        (two(21), "\"b\" has 21 rows, but \"a\" has 20"),
        (two(19), "\"b\" has 19 rows, but \"a\" has 20"),
    ];
    for (seq, (body, says)) in (0..).zip(&frames) {
        let refused = document(&client.activations("run", 0, seq, body), 422);
        assert!(refused["error"].as_str().is_some_and(|reason| reason.contains(says)), "{says}: {refused}");
    }
    let good = frame(&[("a", &good)]);
    let declared = json!({ "attempt": ATTEMPT, "layers": ["a"] }).to_string();
    let other = json!({ "attempt": ATTEMPT, "layers": ["a", "b"], "mode": "stream" }).to_string();
    let twice = json!({ "attempt": ATTEMPT, "layers": ["a", "a"] }).to_string();
    let none = json!({ "attempt": ATTEMPT, "layers": [] }).to_string();
    let many: Vec<String> = (0..257).map(|place| place.to_string()).collect();
    let many = json!({ "attempt": ATTEMPT, "layers": many }).to_string();
    let too_large = vec![0; (1 << 20) + 1];
    let at = |path: &str| format!("runs/run/epochs/{path}");
    let requests: [(&str, String, &[u8], u16, &str); 26] = [
        ("PUT", "runs/run".into(), declared.as_bytes(), 409, "declared with other settings"),
        ("PUT", "runs/run".into(), other.as_bytes(), 409, "declared with other settings"),
        ("PUT", "runs/.hidden".into(), declared.as_bytes(), 422, "run name"),
        ("PUT", "runs/a%22b".into(), declared.as_bytes(), 422, "run name"),
        ("PUT", "runs/new".into(), twice.as_bytes(), 422, "twice"),
        ("PUT", "runs/new".into(), none.as_bytes(), 422, "0 layers"),
        ("PUT", "runs/new".into(), many.as_bytes(), 422, "limits.layers"),
        ("PUT", "runs/new".into(), br#"{"attempt": "1", "layers": ["a"]}"#, 422, "16 random lowercase"),
        ("PUT", "runs/new".into(), br#"{"atempt": "1"}"#, 422, "unknown field `atempt`"),
        ("PUT", "runs/new?x=1".into(), declared.as_bytes(), 422, "parameter \"x\""),
        ("POST", "runs/new/finish?attempt=00000000000000aa".into(), br#"{"status":"finished"}"#, 404, "declare it first"),
        ("POST", at("0/activations?attempt=00000000000000ab&seq=0"), &good, 404, "declare it first"),
        ("POST", at("0/activations?attempt=00000000000000aa"), &good, 422, "seq is missing"),
        ("POST", at("0/activations?seq=0"), &good, 422, "attempt is missing"),
        ("POST", at("0/activations?attempt=00000000000000aa&seq=-1"), &good, 422, "seq \"-1\""),
        ("POST", at("x/activations?attempt=00000000000000aa&seq=0"), &good, 422, "epoch \"x\""),
        ("POST", at("0/activations?attempt=00000000000000aa&seq=0"), &too_large, 413, "limits.body"),
        ("POST", at("0/end?attempt=00000000000000aa&wait=long"), b"{}", 422, "wait \"long\""),
        ("POST", at("0/end?attempt=00000000000000aa"), br#"{"Loss": 1}"#, 422, "metric name \"Loss\""),
        ("POST", at("0/end?attempt=00000000000000aa"), br#"{"loss": "low"}"#, 422, "invalid type"),
        ("POST", "runs/run/finish?attempt=00000000000000aa".into(), br#"{"status":"gone"}"#, 422, "finished, failed, stopped"),
        ("POST", "runs/run/stop".into(), br#"{"reason":""}"#, 422, "reason must have"),
        ("POST", "runs/nobody/stop".into(), br#"{"reason":"x"}"#, 404, "no run nobody"),
        ("POST", "runs/run".into(), b"", 405, "method"),
        ("DELETE", "runs/run".into(), b"", 405, "method"),
        ("POST", "nothing".into(), b"", 404, "no such route"),
    ];
    for (method, path, body, status, says) in requests {
        let answer = client.send(method, &path, body);
        let refused = document(&answer, status);
        assert!(refused["error"].as_str().is_some_and(|reason| reason.contains(says)), "{method} {path}: {refused}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    for (path, status, says) in [
        ("runs/nobody", 404, "no run nobody"),
        ("runs/run/layers/a/matrix", 404, "no report yet"),
        ("runs/run/layers/a/matrix?max=2000", 422, "0..1024"),
        ("runs/run/finish", 405, "method"),
    ] {
        let refused = document(&get(client.address, &format!("/api/v1/{path}")), status);
        assert!(refused["error"].as_str().is_some_and(|reason| reason.contains(says)), "{path}: {refused}");
    }
    assert_eq!(daemon.monitor.flow().offered, 0, "refused requests never reach the monitor");
}

#[test]
fn a_training_in_this_process_takes_no_foreign_runs_and_can_be_read() {
    let monitor = monitor(config());
    let _tap = monitor.declare(declaration("own", &["a"])).expect("the name is free");
    let client = Client { address: monitor.address().expect("HTTP is on"), token: String::new() };
    document(&client.declare("foreign", ATTEMPT, &["a"]), 403);
    until("the run", || (client.read("runs")["runs"][0]["run"] == "own").then_some(()));
    assert_eq!(client.read("runs/own")["declared_layers"], json!(["a"]));
}

#[test]
fn a_run_that_is_over_takes_nothing_more_under_its_attempt() {
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    assert_eq!(document(&client.finish("run"), 200)["status"], "finished");
    assert_eq!(document(&client.finish("run"), 200)["status"], "finished");
    // Before that, the monitor may not know the run at all.
    until("the end", || {
        let shown = get(client.address, "/api/v1/runs/run");
        (shown.status == 200 && document(&shown, 200)["status"] == "finished").then_some(())
    });
    for refused in [
        client.declare("run", ATTEMPT, &["a"]),
        client.activations("run", 0, 0, &frame(&[("a", &layer(20, 4, 1.0))])),
        client.send("POST", &format!("runs/run/epochs/0/end?attempt={ATTEMPT}"), b""),
        client.send("POST", "runs/run/stop", br#"{"reason": "x"}"#),
    ] {
        assert!(document(&refused, 409)["error"].as_str().is_some_and(|reason| reason.contains("has ended")), "{}", refused.body);
    }
}

#[test]
fn whoever_asks_a_run_to_stop_gives_the_reason_that_its_trainer_hears() {
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    until("the run", || (get(client.address, "/api/v1/runs/run").status == 200).then_some(()));
    for reason in ["the alert \"rote\" fires", "a second thought"] {
        let asked = client.send("POST", "runs/run/stop", json!({ "reason": reason }).to_string().as_bytes());
        assert_eq!(document(&asked, 200)["reason"], "the alert \"rote\" fires");
    }
    let told = client.judged("run", 0);
    assert_eq!((&told["stop"], &told["reason"]), (&json!(true), &json!("the alert \"rote\" fires")));
}

#[test]
fn a_loss_that_is_no_number_is_taken_as_such() {
    let daemon = daemon();
    document(&daemon.client.declare("run", ATTEMPT, &["a"]), 200);
    document(&daemon.client.activations("run", 0, 0, &frame(&[("a", &layer(ROWS, 4, 2.0))])), 202);
    let path = format!("runs/run/epochs/0/end?attempt={ATTEMPT}&wait=30");
    document(&daemon.client.send("POST", &path, br#"{"train_loss": null, "val_loss": 0.5}"#), 200);
    let epochs = daemon.client.read("runs/run/epochs");
    assert_eq!(epochs["epochs"][0]["metrics"], json!({ "train_loss": null, "val_loss": 0.5 }));
    assert_eq!(epochs["epochs"][0]["coverage"], 1.0);
    let seen = scrape(&daemon.monitor);
    assert_eq!(seen.get(r#"run_metric{name="train_loss",run="run"}"#), None);
    assert_eq!(seen.value(r#"run_metric{name="val_loss",run="run"}"#), 0.5);
}

#[test]
fn as_many_runs_as_allowed_each_have_a_state_of_their_own() {
    let daemon = daemon_with(|config| config.limits.runs = 4);
    let client = &daemon.client;
    std::thread::scope(|scope| {
        for (place, run) in ["one", "two", "three", "four"].into_iter().enumerate() {
            scope.spawn(move || {
                document(&client.declare(run, ATTEMPT, &["a"]), 200);
                let body = frame(&[("a", &layer(ROWS, 4 + place, 2.0))]);
                for epoch in 0..5 {
                    until("room", || (client.activations(run, epoch, 0, &body).status == 202).then_some(()));
                    client.judged(run, epoch);
                }
            });
        }
    });
    let refused = client.declare("five", ATTEMPT, &["a"]);
    document(&refused, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let seen = scrape(&daemon.monitor);
    for (place, run) in ["one", "two", "three", "four"].into_iter().enumerate() {
        assert_eq!(seen.value(&format!("layer_neurons{{layer=\"a\",run=\"{run}\"}}")), (4 + place) as f64);
        assert_eq!(seen.value(&format!("run_epoch{{run=\"{run}\"}}")), 4.0);
    }
    assert_conserved(&daemon.monitor.flow());
    document(&client.finish("two"), 200);
    document(&client.declare("five", ATTEMPT, &["a"]), 200);
}

#[test]
fn runs_that_ended_or_fell_silent_retire_with_their_series() {
    let daemon = daemon_with(|config| {
        config.limits.retire_finished_seconds = 0;
        config.limits.retire_silent_seconds = 3;
    });
    let client = &daemon.client;
    let body = frame(&[("a", &layer(ROWS, 4, 2.0))]);
    for run in ["ended", "silent"] {
        document(&client.declare(run, ATTEMPT, &["a"]), 200);
        document(&client.activations(run, 0, 0, &body), 202);
        client.judged(run, 0);
    }
    document(&client.finish("ended"), 200);
    until("the retirement of both", || (scrape(&daemon.monitor).sum("run_info") == 0.0).then_some(()));
    assert_eq!(scrape(&daemon.monitor).series("layer_neurons").count(), 0);
    assert!(daemon.monitor.live_runs().runs().is_empty());
    let status = |run: &str| client.read(&format!("runs/{run}"))["status"].clone();
    assert_eq!((status("ended"), status("silent")), (json!("finished"), json!("interrupted")), "the history still has them");
    document(&client.activations("silent", 1, 0, &body), 404);
    document(&client.declare("silent", ATTEMPT, &["a"]), 200);
    document(&client.activations("silent", 1, 0, &body), 202);
}

#[test]
fn when_the_monitor_is_behind_frames_are_refused_and_every_one_is_accounted_for() {
    let daemon = daemon_with(|config| {
        config.sampling.on_full = Some(OnFull::Drop);
        config.limits.channel_frames = 1;
    });
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a", "b"]), 200);
    let layers = [layer(2048, 512, 1.0), layer(2048, 512, 2.0)];
    let body = frame(&[("a", &layers[0]), ("b", &layers[1])]);
    document(&client.activations("run", 0, 0, &body), 202);
    let (mut epoch, mut refused) = (0, 0);
    while refused == 0 {
        // While this frame is being measured, the next two do not fit.
        let end = format!("runs/run/epochs/{epoch}/end?attempt={ATTEMPT}");
        document(&client.send("POST", &end, b""), 200);
        epoch += 1;
        for seq in 0..2 {
            until("room", || {
                let answer = client.activations("run", epoch, seq, &body);
                if answer.status == 429 {
                    assert_eq!(answer.header("retry-after"), Some("1"));
                    refused += 1;
                }
                (answer.status == 202).then_some(())
            });
        }
        assert!(epoch < 100, "the monitor is faster than this loop");
    }
    client.judged("run", epoch);
    let counts = daemon.monitor.flow();
    assert_conserved(&counts);
    assert_eq!((dropped(&counts, DropReason::ChannelFull), counts.queued), (refused, 0));
    assert_eq!(
        client.read("runs/run")["last_epoch"]["coverage"],
        1.0,
        "a frame that was refused and sent again counts as offered once"
    );
}

#[test]
fn a_frame_larger_than_the_channel_is_refused_for_good() {
    let daemon = daemon_with(|config| {
        config.limits.channel_bytes = 1 << 20;
        config.sampling.rows = 100;
        config.sampling.neurons_per_layer = 2048;
    });
    document(&daemon.client.declare("run", ATTEMPT, &["a"]), 200);
    let large = LayerActivations { neurons: 1024, neurons_offered: 1024, values: vec![0.0; 1024 * 300] };
    let refused = document(&daemon.client.activations("run", 0, 0, &frame(&[("a", &large)])), 413);
    assert!(refused["error"].as_str().is_some_and(|reason| reason.contains("limits.channel_bytes")), "{refused}");
}
