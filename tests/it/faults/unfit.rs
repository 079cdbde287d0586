//! Evidence that can carry no verdict: every surface says so and why, and none says that all is well.

use safetensors::tensor::Dtype;
use serde_json::Value;

use crate::support::activations::layer;
use crate::support::browser::Browser;
use crate::support::client::{ATTEMPT, Client, Daemon, WAIT, daemon, document, labelled_frame, seen_frame, serialized};
use crate::support::exposition::Exposition;
use crate::support::http::exchange;
use crate::support::monitored::scrape;
use crate::support::process::{ended, rotewatch, text};
use crate::support::until::until;
use rotewatch_core::intake::event::LayerActivations;

const ROWS: usize = 500;
const NEURONS: usize = 12;
const EPOCHS: u32 = 6;

/// The name of a run, its unseen rows after an epoch, and why it cannot be judged.
type Case = (&'static str, fn(u32) -> Vec<u8>, &'static str);

const CASES: [Case; 5] = [
    ("nan", nan, "all activations of layer hidden2 are NaN or infinite since epoch 3"),
    ("constant", constant, "every neuron of layer hidden2 has the same value on all rows since epoch 3"),
    (
        "rebound",
        rebound,
        "the network's answers are the same to the last bit since epoch 0: the watched model may not be the one",
    ),
    ("one-class", one_class, "all rows of the probe have the label 7"),
    ("few", few, "the probe has 64 rows; a verdict needs at least 100"),
];

/// Two layers, of which the first changes with every epoch.
fn rows(epoch: u32, second: &LayerActivations) -> Vec<u8> {
    let rows = second.values.len() / NEURONS;
    labelled_frame(&[("hidden1", &layer(rows, NEURONS, 2.0 + 0.01 * epoch as f32)), ("hidden2", second)], rows / 4)
}

fn all(value: f32) -> LayerActivations {
    LayerActivations { neurons: NEURONS, neurons_offered: NEURONS, values: vec![value; ROWS * NEURONS] }
}

fn nan(epoch: u32) -> Vec<u8> {
    if epoch < 3 { sound(epoch) } else { rows(epoch, &all(f32::NAN)) }
}

fn constant(epoch: u32) -> Vec<u8> {
    if epoch < 3 { sound(epoch) } else { rows(epoch, &all(0.0)) }
}

fn sound(epoch: u32) -> Vec<u8> {
    rows(epoch, &layer(ROWS, NEURONS, 3.0 + 0.01 * epoch as f32))
}

fn rebound(_: u32) -> Vec<u8> {
    sound(0)
}

fn few(epoch: u32) -> Vec<u8> {
    rows(epoch, &layer(64, NEURONS, 3.0 + 0.01 * epoch as f32))
}

/// The network takes the last rows for another class; by then it is wrong.
fn one_class(epoch: u32) -> Vec<u8> {
    let reals = |of: fn(usize) -> f32| (0..ROWS).flat_map(|row| of(row).to_le_bytes()).collect();
    let classes = (0..ROWS).flat_map(|row| if row < 400 { 7_i64 } else { 2 }.to_le_bytes()).collect();
    let hidden = layer(ROWS, NEURONS, 3.0 + 0.01 * epoch as f32);
    let values = |layer: &LayerActivations| layer.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    serialized(&[
        ("hidden1", Dtype::F32, vec![ROWS, NEURONS], values(&hidden)),
        ("hidden2", Dtype::F32, vec![ROWS, NEURONS], values(&hidden)),
        ("row:losses", Dtype::F32, vec![ROWS], reals(|row| if row < 400 { 0.1 } else { 2.0 })),
        ("row:errors", Dtype::F32, vec![ROWS], reals(|row| if row < 400 { 0.0 } else { 1.0 })),
        ("row:predictions", Dtype::I64, vec![ROWS], classes),
    ])
}

/// Sends the epochs of a run, and returns the answers to their ends.
fn watched(client: &Client, run: &str, unseen: fn(u32) -> Vec<u8>) -> Vec<Value> {
    document(&client.declare(run, ATTEMPT, &["hidden1", "hidden2"]), 200);
    let sent = |epoch| {
        document(&client.activations(run, epoch, 0, &unseen(epoch)), 202);
        let seen = format!("runs/{run}/epochs/{epoch}/activations?attempt={ATTEMPT}&seq=0&rows=seen");
        document(&client.send("POST", &seen, &seen_frame(ROWS, ROWS / 5)), 202);
        client.judged(run, epoch)
    };
    (0..EPOCHS).map(sent).collect()
}

fn said<'a>(verdict: &'a Value, key: &str) -> &'a str {
    verdict[key].as_str().unwrap_or_default()
}

fn history_says(daemon: &Daemon, arguments: &[&str]) -> String {
    ended(&mut rotewatch(arguments.iter().copied().chain(["--state", text(daemon.state.path())]))).stdout
}

#[test]
fn case_39_what_cannot_be_judged_is_said_with_its_reason_on_every_surface() {
    let daemon = daemon();
    let client = &daemon.client;
    for (run, unseen, reason) in CASES {
        let answers = watched(client, run, unseen);
        assert_eq!(said(&answers[0], "verdict"), "too_early", "{run}");
        let last = answers.last().expect("six epochs");
        assert_eq!(said(last, "verdict"), "cannot_judge", "{run}: {last}");
        assert!(said(last, "why").starts_with(reason), "{run}: {last}");
        assert_ne!(said(last, "remedy"), "", "{run}");
        assert_eq!((&last["kind"], &last["stop"]), (&Value::Null, &Value::Bool(false)), "{run}");
        assert_eq!(client.read(&format!("runs/{run}/verdict"))["why"], last["why"], "{run}");
    }
    let listed = client.read("runs");
    let runs = listed["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), CASES.len());
    assert!(runs.iter().all(|run| run["verdict"] == "cannot_judge"), "{listed}");

    let seen = scrape(&daemon.monitor);
    for (run, ..) in CASES {
        for (word, is) in [("cannot_judge", 1.0), ("learning", 0.0), ("too_early", 0.0), ("memorizing", 0.0)] {
            assert_eq!(seen.value(&format!(r#"run_verdict{{run="{run}",verdict="{word}"}}"#)), is, "{run}: {word}");
        }
        assert_silent(&seen, run);
    }

    let list = history_says(&daemon, &["runs", "list"]);
    assert_eq!(list.matches("cannot judge").count(), CASES.len(), "{list}");
    for (run, _, reason) in CASES {
        let shown = history_says(&daemon, &["runs", "show", run]).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(&format!("verdict: cannot judge why: {reason}")) && shown.contains("what to do: "), "{shown}");
    }
}

/// No series says that there is no harm and no alarm.
fn assert_silent(seen: &Exposition, run: &str) {
    for name in ["harm", "memorization_onset", "memorization_score_ratio"] {
        let of_run = seen.series(name).find(|(sample, _)| sample.contains(&format!(r#"run="{run}""#)));
        assert_eq!(of_run, None, "{run}");
    }
}

#[test]
fn case_39_the_page_is_not_green() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    let client = &daemon.client;
    browser.open(&format!("http://{}/", client.address));
    for (run, unseen, reason) in CASES {
        watched(client, run, unseen);
        until("the run", || choose(&browser, run).then_some(()));
        browser.shows("Cannot judge");
        // The page makes a sentence of it.
        browser.shows(reason.get(1..).expect("it begins with a letter"));
        let colours = "const card = document.querySelector('.verdict[role=status]');\
            const of = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);\
            return [card.className, of('--learning') === of('--unjudged'), card.innerText]";
        let shown = browser.run(colours);
        assert_eq!((&shown[0], &shown[1]), (&Value::from("verdict cannot_judge"), &Value::Bool(false)), "{run}: {shown}");
        let words = shown[2].as_str().unwrap_or_default();
        assert!(
            words.contains("What to do") && !words.contains("nothing to do") && !words.contains("Learning"),
            "{run}: {words}"
        );
        assert!(browser.text().contains("cannot judge"), "the list of runs says it too");
    }
}

/// Opens a run in the list of the page.
fn choose(browser: &Browser, run: &str) -> bool {
    let click = format!(
        "const entry = [...document.querySelectorAll('nav a')].find((one) => one.querySelector('.name').textContent === '{run}');\
         if (!entry) return false; entry.click(); return document.querySelector('main h2')?.textContent === '{run}'"
    );
    browser.run(&click) == true
}

#[test]
fn case_39_an_alarm_neither_ends_nor_hides_when_the_network_diverges() {
    let daemon = daemon();
    let client = &daemon.client;
    client.alarming("run");
    let second = "<b>\"hidden2\"";
    for epoch in 6..12 {
        let hidden = [layer(600, NEURONS, 2.0), layer(600, NEURONS, f32::NAN)];
        let body = labelled_frame(&[("hidden1", &hidden[0]), (second, &hidden[1])], 100);
        document(&client.activations("run", epoch, 0, &body), 202);
        let verdict = client.judged("run", epoch);
        assert_eq!((said(&verdict, "verdict"), &verdict["alarm_epoch"]), ("memorizing", &Value::from(4)), "{verdict}");
        let reason =
            format!("The newest epoch cannot be judged: all activations of layer {second} are NaN or infinite since epoch 6");
        assert!(said(&verdict, "why").ends_with(&reason), "{verdict}");
    }
    let seen = scrape(&daemon.monitor);
    assert_eq!(seen.value(r#"memorization_onset{kind="example_level",run="run"}"#), 1.0);
    assert_eq!(seen.value(r#"harm{run="run",state="suspected"}"#), 1.0);
}

#[test]
fn case_39_a_client_of_version_0_1_0_is_told_that_it_is_too_early() {
    let daemon = daemon();
    let client = &daemon.client;
    watched(client, "run", few);
    let (host, bearer) = (client.address.to_string(), format!("Bearer {}", client.token));
    let headers = [("Host", host.as_str()), ("Content-Length", "2"), ("Authorization", &bearer)];
    let path = format!("/api/v1/runs/run/epochs/{}/end?attempt={ATTEMPT}&wait={}", EPOCHS - 1, WAIT.as_secs());
    let answer = document(&exchange(client.address, "POST", &path, &headers, b"{}"), 200);
    assert_eq!(said(&answer, "verdict"), "too_early", "{answer}");
    assert!(said(&answer, "why").starts_with("the probe has 64 rows"), "{answer}");
}
