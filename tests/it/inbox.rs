//! Runs that come as files: taken in order, once, with the verdicts that they gave live; what is bad is set aside with the
//! reason.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, Daemon, NEXT_ATTEMPT, daemon, daemon_with, document, frame};
use crate::support::http::get;
use crate::support::process::{rotewatch, text};
use crate::support::running::Running;
use crate::support::until::until;

const ROWS: usize = 600;
const ALARMING: [f32; 6] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];

/// A run's folder in an inbox, and a place beside it where files are written.
struct Recorded {
    _folder: tempfile::TempDir,
    inbox: PathBuf,
    run: PathBuf,
    aside: PathBuf,
}

impl Recorded {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (inbox, aside) = (folder.path().join("inbox"), folder.path().join("aside"));
        let run = inbox.join("run");
        fs::create_dir_all(&run).and_then(|()| fs::create_dir(&aside)).expect("the folder is writable");
        Recorded { _folder: folder, inbox, run, aside }
    }

    /// Writes a file elsewhere and renames it in.
    fn put(&self, name: &str, bytes: &[u8]) {
        let aside = self.aside.join(name);
        fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, self.run.join(name))).expect("the folder is writable");
    }

    fn declare(&self, attempt: &str) {
        self.put("run.json", json!({ "attempt": attempt, "layers": ["a", "b"] }).to_string().as_bytes());
    }

    fn epochs(&self, epochs: std::ops::Range<usize>) {
        for epoch in epochs {
            self.put(&format!("{epoch}.0.safetensors"), &body(epoch));
            self.put(&format!("{epoch}.json"), br#"{"train_loss": null}"#);
        }
    }

    fn finish(&self) {
        self.put("finish.json", br#"{"status": "finished"}"#);
    }

    /// What of the inbox's own files still lies in a folder.
    fn files(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.run.join(below)).map_or_else(|_| Vec::new(), |entries| entries.flatten().collect());
        let files = entries.into_iter().filter(|entry| !entry.path().is_dir());
        let mut names: Vec<String> = files.map(|entry| entry.file_name().into_string().expect("plain names")).collect();
        names.sort();
        names
    }
}

fn body(epoch: usize) -> Vec<u8> {
    frame(&[("a", &layer(ROWS, 12, 2.0)), ("b", &layer(ROWS, 12, ALARMING[epoch]))])
}

fn with_inbox(inbox: &Path) -> Daemon {
    daemon_with(|config| config.inbox = Some(inbox.to_owned()))
}

/// The run once it has this status.
fn run_with(client: &Client, status: &str) -> Value {
    until(status, || {
        let answer = get(client.address, "/api/v1/runs/run");
        let run: Value = serde_json::from_str(&answer.body).ok()?;
        (run["status"] == status).then_some(run)
    })
}

/// What is told of the run, once all of it is in the history.
fn comparable(client: &Client) -> (Value, Value) {
    let newest = ALARMING.len() - 1;
    until("the last commit", || (client.read("runs/run")["committed_epoch"] == newest).then_some(()));
    let mut epochs = client.read("runs/run/epochs")["epochs"].clone();
    for epoch in epochs.as_array_mut().expect("epochs") {
        // When it was computed, and how fast, is no property of the run.
        epoch["compute_seconds"] = Value::Null;
        epoch["made_at"] = Value::Null;
    }
    (client.read("runs/run/verdict"), epochs)
}

#[test]
fn a_recorded_run_gives_the_verdict_and_the_numbers_that_it_gave_live() {
    let live = daemon();
    let declared = json!({ "attempt": ATTEMPT, "layers": ["a", "b"] }).to_string();
    document(&live.client.send("PUT", "runs/run", declared.as_bytes()), 200);
    for epoch in 0..ALARMING.len() {
        let number = u32::try_from(epoch).expect("a small number");
        document(&live.client.activations("run", number, 0, &body(epoch)), 202);
        let end = format!("runs/run/epochs/{epoch}/end?attempt={ATTEMPT}&wait=30");
        document(&live.client.send("POST", &end, br#"{"train_loss": null}"#), 200);
    }
    document(&live.client.finish("run"), 200);
    run_with(&live.client, "finished");

    let recorded = Recorded::new();
    recorded.declare(ATTEMPT);
    recorded.epochs(0..ALARMING.len());
    recorded.finish();
    let replayed = with_inbox(&recorded.inbox);
    run_with(&replayed.client, "finished");
    assert_eq!(comparable(&replayed.client), comparable(&live.client));
    assert_eq!(replayed.client.read("runs/run/verdict")["verdict"], "memorizing");
    until("an empty folder", || recorded.files("").is_empty().then_some(()));
    assert_eq!(recorded.files("done").len(), 2 + 2 * ALARMING.len());
    assert_eq!(recorded.files("quarantine"), Vec::<String>::new());
}

#[test]
fn files_that_come_while_it_serves_are_taken_as_they_come() {
    let recorded = Recorded::new();
    fs::remove_dir(&recorded.run).expect("the folder is there");
    let daemon = with_inbox(&recorded.inbox);
    fs::create_dir(&recorded.run).expect("the folder is writable");
    recorded.declare(ATTEMPT);
    for epoch in 0..3 {
        recorded.epochs(epoch..epoch + 1);
        until("the epoch", || {
            let run: Value = serde_json::from_str(&get(daemon.client.address, "/api/v1/runs/run").body).ok()?;
            (run["epoch"] == json!(epoch)).then_some(())
        });
    }
    recorded.finish();
    run_with(&daemon.client, "finished");
    // A second training of the same name, by the same writer.
    recorded.declare(NEXT_ATTEMPT);
    until("the next attempt", || (daemon.client.read("runs/run")["attempt"] == NEXT_ATTEMPT).then_some(()));
    until("its declaration taken", || (recorded.files("done") == ["run.json"]).then_some(()));
    assert_eq!(recorded.files("done.2").len(), 8, "what belongs to the attempt before lies apart");
}

#[test]
fn what_is_bad_goes_to_quarantine_with_the_reason_and_the_rest_is_taken() {
    let recorded = Recorded::new();
    recorded.declare(ATTEMPT);
    recorded.put("0.0.safetensors", &body(0));
    recorded.put("0.1.safetensors", b"no such format");
    recorded.put("0.2.safetensors", &body(0)[..100]);
    recorded.put("0.json", br#"{"Loss": 1}"#);
    let secret = recorded.aside.join("secret");
    fs::write(&secret, body(1)).expect("the folder is writable");
    symlink(&secret, recorded.run.join("1.0.safetensors")).expect("links can be made");
    let pipe = recorded.run.join("1.1.safetensors");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
    fs::create_dir(recorded.run.join("1.2.safetensors")).expect("the folder is writable");
    recorded.put("1.json", b"");
    for other in ["notes.txt", ".2.0.safetensors", "2.0.safetensors.tmp", "2.x.safetensors"] {
        recorded.put(other, b"of no concern");
    }
    symlink(&recorded.run, recorded.inbox.join("linked")).expect("links can be made");
    recorded.finish();
    let daemon = with_inbox(&recorded.inbox);
    let run = run_with(&daemon.client, "finished");
    assert_eq!(run["epoch"], 1);
    assert_eq!(daemon.client.read("runs")["runs"].as_array().map(Vec::len), Some(1), "a link to a folder is no run");
    until("all files", || (recorded.files("done").len() == 4).then_some(()));
    assert_eq!(recorded.files("done"), ["0.0.safetensors", "1.json", "finish.json", "run.json"]);
    assert_eq!(recorded.files(""), [".2.0.safetensors", "2.0.safetensors.tmp", "2.x.safetensors", "notes.txt"]);
    for (name, says) in [
        ("0.1.safetensors", "is this a safetensors file"),
        ("0.2.safetensors", "truncated"),
        ("0.json", "metric name"),
        ("1.0.safetensors", "no regular file"),
        ("1.1.safetensors", "no regular file"),
        ("1.2.safetensors", "no regular file"),
    ] {
        let quarantine = recorded.run.join("quarantine");
        assert!(fs::symlink_metadata(quarantine.join(name)).is_ok(), "{name}");
        let reason = fs::read_to_string(quarantine.join(format!("{name}.reason.txt"))).expect("the reason");
        assert!(reason.contains(says), "{name}: {reason}");
    }
    assert_eq!(daemon.monitor.flow().measured, 1);
}

#[test]
fn a_daemon_that_is_killed_in_the_midst_of_a_run_comes_to_the_same_verdict() {
    let recorded = Recorded::new();
    let state = tempfile::tempdir().expect("a temporary folder");
    let flags = ["serve", "--listen", "127.0.0.1:0", "--state", text(state.path()), "--inbox", text(&recorded.inbox)];
    let mut daemon = Running::start(&mut rotewatch(flags));
    daemon.served_address();
    recorded.declare(ATTEMPT);
    recorded.epochs(0..3);
    until("half of the run", || (recorded.files("done").len() == 7).then_some(()));
    daemon.signal("KILL");
    daemon.end();
    recorded.epochs(3..ALARMING.len());
    recorded.finish();
    let mut daemon = Running::start(&mut rotewatch(flags));
    let client = Client::of(daemon.served_address(), state.path());
    let run = run_with(&client, "finished");
    assert_eq!((&run["verdict"], &run["onset_epoch"]), (&json!("memorizing"), &json!(3)));
    assert_eq!(client.read("runs/run/epochs")["epochs"].as_array().map(Vec::len), Some(ALARMING.len()));
}
