//! The daemon as a process: how it is found, that it is alone, how it ends, what it costs, and what a client sees of a crash.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, document, frame};
use crate::support::process::{ended, rotewatch, text};
use crate::support::running::Running;

/// The most that a few small requests may add to the daemon's peak of memory.
const SLACK_BYTES: u64 = 16 << 20;

fn serve(state: &Path) -> Running {
    Running::start(&mut rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(state)]))
}

fn peak_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes << 10
}

#[test]
fn it_is_found_by_its_folder_is_alone_there_and_leaves_nothing_behind_but_its_token() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let folder = state.path().join("new/state");
    let mut daemon = serve(&folder);
    let address = daemon.served_address();
    assert_eq!(fs::read_to_string(folder.join("url")).expect("the address"), format!("http://{address}\n"));
    let mode = fs::metadata(folder.join("token")).expect("the token").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = ended(&mut rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(&folder)]));
    assert_eq!((second.code, second.stdout.as_str()), (Some(2), ""));
    assert!(second.stderr.contains("another `rotewatch serve` uses this state folder"), "{}", second.stderr);
    assert!(folder.join("url").exists(), "who is refused takes nothing with it");
    daemon.heeds_signals();
    daemon.signal("TERM");
    assert_eq!(daemon.end().code, Some(0));
    assert!(!folder.join("url").exists());
    let mut next = serve(&folder);
    next.served_address();
}

#[test]
fn a_daemon_without_an_address_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("rotewatch.yaml");
    fs::write(&config, "listen: off\n").expect("the folder is writable");
    let refused = ended(&mut rotewatch(["serve", "--config", text(&config), "--state", text(folder.path())]));
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--listen ADDR"), "{}", refused.stderr);
}

#[test]
fn a_client_of_a_daemon_that_was_killed_declares_again_and_goes_on() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path());
    let client = Client::of(daemon.served_address(), state.path());
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(600, 8, 2.0))]);
    document(&client.activations("run", 0, 0, &body), 202);
    client.judged("run", 0);
    daemon.signal("KILL");
    daemon.end();
    assert!(state.path().join("url").exists(), "nobody could take it away");

    let mut daemon = serve(state.path());
    let client = Client { address: daemon.served_address(), ..client };
    document(&client.activations("run", 1, 0, &body), 404);
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    document(&client.activations("run", 1, 0, &body), 202);
    assert_eq!(client.judged("run", 1)["verdict"], "too_early");
}

#[test]
fn a_run_of_another_process_keeps_its_name() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path());
    let client = Client::of(daemon.served_address(), state.path());
    let owned = rotewatch::state::OwnedName::take(state.path(), "mine".parse().expect("a good name")).expect("the name is free");
    let refused = document(&client.declare("mine", ATTEMPT, &["a"]), 409);
    assert!(refused["error"].as_str().is_some_and(|reason| reason.contains("another process")), "{refused}");
    drop(owned);
    document(&client.declare("mine", ATTEMPT, &["a"]), 200);
}

#[test]
fn a_header_that_lies_allocates_nothing() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path());
    let client = Client::of(daemon.served_address(), state.path());
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let before = peak_bytes(daemon.id());
    let file = |header: &str, data: &[u8]| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
    let tensor =
        |shape: [u64; 2], end: u64| json!({ "a": { "dtype": "F32", "shape": shape, "data_offsets": [0, end] } }).to_string();
    let lies = [
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
        [&(1_u64 << 20).to_le_bytes()[..], b"{}"].concat(),
        [&((1_u64 << 20) + 1).to_le_bytes()[..], b"{}"].concat(),
        file(&tensor([1 << 40, 1 << 20], 1 << 62), &[0; 64]),
        file(&tensor([1 << 20, 1 << 10], 1 << 32), &[0; 64]),
        file(&tensor([4, 4], 1 << 32), &[0; 64]),
        file(&tensor([1 << 63, 2], 0), &[]),
        file(&tensor([1 << 30, 0], 0), &[]),
    ];
    for (seq, lie) in (0..).zip(&lies) {
        document(&client.activations("run", 0, seq, lie), 422);
    }
    let grown = peak_bytes(daemon.id()) - before;
    assert!(grown < SLACK_BYTES, "the peak grew by {grown} bytes");
    document(&client.activations("run", 0, 0, &frame(&[("a", &layer(600, 8, 2.0))])), 202);
}
