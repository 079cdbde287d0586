//! The daemon as a process: how it is found, that there is only one, how it ends, what it costs, and what a client sees of a crash.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, document, frame};
use crate::support::process::{ended, rotewatch, text};
use crate::support::running::Running;

#[test]
fn it_is_found_by_its_folder_and_leaves_nothing_behind_but_its_token() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let folder = state.path().join("new/state");
    let mut daemon = Running::serve(&folder, &[]);
    let address = daemon.served_address();
    assert_eq!(fs::read_to_string(folder.join("url")).expect("the address"), format!("http://{address}\n"));
    let mode = fs::metadata(folder.join("token")).expect("the token").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.heeds_signals();
    daemon.signal("TERM");
    assert_eq!(daemon.end().code, Some(0));
    assert!(!folder.join("url").exists());
    let mut next = Running::serve(&folder, &[]);
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
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(600, 8, 2.0))]);
    document(&client.activations("run", 0, 0, &body), 202);
    client.judged("run", 0);
    daemon.signal("KILL");
    daemon.end();
    assert!(state.path().join("url").exists(), "a killed daemon cannot remove it");

    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client { address: daemon.served_address(), ..client };
    document(&client.activations("run", 1, 0, &body), 404);
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    document(&client.activations("run", 1, 0, &body), 202);
    assert_eq!(client.judged("run", 1)["verdict"], "too_early");
}

#[test]
fn a_run_of_another_process_keeps_its_name() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    let owned = rotewatch::state::OwnedName::take(state.path(), "mine".parse().expect("a good name")).expect("the name is free");
    let refused = document(&client.declare("mine", ATTEMPT, &["a"]), 409);
    assert!(refused["error"].as_str().is_some_and(|reason| reason.contains("another process")), "{refused}");
    drop(owned);
    document(&client.declare("mine", ATTEMPT, &["a"]), 200);
}
