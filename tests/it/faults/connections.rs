//! Slow clients, and more connections than file descriptors.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::client::{ATTEMPT, Client, daemon_with, document};
use crate::support::exposition::Exposition;
use crate::support::http::get;
use crate::support::process::{rotewatch, text};
use crate::support::raw::Raw;
use crate::support::running::Running;
use crate::support::until::until;

/// The log message for a connection that is closed before its time limit.
const MADE_ROOM: &str = "closed an idle connection to make room for a new one";
/// The start of a request head that never ends.
const HALF_A_HEAD: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

#[test]
fn case_11_slow_heads_keep_nobody_out_and_are_closed() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let config = state.path().join("rotewatch.yaml");
    fs::write(&config, "limits: {connections: 20}\nlog: {level: debug}\n").expect("the folder is writable");
    let mut daemon = Running::serve(state.path(), &["--config", text(&config)]);
    let address = daemon.served_address();
    let mut slow: Vec<Raw> = Vec::new();
    for _ in 0..60 {
        let mut connection = Raw::open(address);
        connection.send(HALF_A_HEAD);
        slow.push(connection);
        assert_eq!(get(address, "/metrics").status, 200, "with {} that dawdle", slow.len());
    }
    daemon.warns(MADE_ROOM);
    until("those above the limit to be closed", || (slow.iter().filter(|one| !one.is_closed()).count() <= 20).then_some(()));
    let left = slow.iter().filter(|one| !one.is_closed()).count();
    assert!(left >= 15, "only as many as needed are closed at once, but {left} are left");
    until("the others, however they drip", || {
        slow.retain_mut(|one| one.send("x") && !one.is_closed());
        slow.is_empty().then_some(())
    });
    assert_eq!(get(address, "/metrics").status, 200);
}

#[test]
fn case_11_a_body_that_drips_is_refused() {
    let daemon = daemon_with(|_| ());
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let mut slow = Raw::open(client.address);
    let head = format!(
        "POST /api/v1/runs/run/epochs/0/activations?attempt={ATTEMPT}&seq=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \
         {}\r\nContent-Length: 1000000\r\n\r\n",
        client.token
    );
    slow.send(head);
    until("the end of patience", || {
        slow.send("x");
        let refused = r#"http_requests_total{code="408",route="/api/v1/runs/{run}/epochs/{epoch}/activations"}"#;
        Exposition::scrape(client.address).get(refused).map(drop)
    });
    assert_eq!(slow.refusal(), Some(408));
}

#[test]
fn case_11_a_reader_that_takes_nothing_is_left() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
    let address = daemon.served_address();
    let sockets = || {
        let open = fs::read_dir(format!("/proc/{}/fd", daemon.id())).expect("the process is there");
        open.flatten().filter(|open| fs::read_link(open.path()).is_ok_and(|to| text(&to).starts_with("socket:"))).count()
    };
    let idle = sockets();
    let page = get(address, "/").body;
    let plotly = page.split('"').find(|part| part.starts_with("/assets/plotly-")).expect("the page draws");
    until("an idle daemon", || (sockets() == idle).then_some(()));
    // Far more than the buffers of two sockets hold.
    let asked = format!("GET {plotly} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(16);
    let mut lazy: Vec<Raw> = (0..5).map(|_| Raw::open(address)).collect();
    assert!(lazy.iter_mut().all(|one| one.send(&asked)));
    until("their connections", || (sockets() == idle + lazy.len()).then_some(()));
    until("the end of patience", || (sockets() == idle).then_some(()));
    let one_answer = get(address, plotly).body.len();
    assert!(lazy.iter_mut().all(|one| one.rest().len() < 16 * one_answer), "no client received everything");
}

/// A daemon that logs each connection it closes, started with this many file descriptors.
fn with_descriptors(state: &Path, most: u64) -> (Running, Client) {
    let config = state.join("rotewatch.yaml");
    fs::write(&config, "log: {level: debug}\n").expect("the folder is writable");
    let serve = rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(state), "--config", text(&config)]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")]).arg(serve.get_program()).args(serve.get_args());
    let mut daemon = Running::start(&mut limited);
    let client = Client::of(daemon.served_address(), state);
    (daemon, client)
}

#[test]
fn case_29_connections_leave_descriptors_for_the_daemons_own_files() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (mut daemon, client) = with_descriptors(state.path(), 64);
    daemon.warns("limits.connections is 512, but only 32 connections are accepted");
    let _idle: Vec<Raw> = (0..200).map(|_| Raw::open(client.address)).collect();
    daemon.warns(MADE_ROOM);
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    assert_eq!(get(client.address, "/metrics").status, 200);
    assert!(!daemon.has_ended());
}

#[test]
fn case_29_without_file_descriptors_it_serves_who_asks() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (mut daemon, client) = with_descriptors(state.path(), 256);
    // Lower the limit later, so that the descriptors run out long before the limit on connections.
    let fewer = Rlimit { current: Some(64), maximum: Some(64) };
    prlimit(Pid::from_raw(daemon.id().cast_signed()), Resource::Nofile, fewer).expect("its limit may be lowered");
    let idle: Vec<Raw> = (0..200).map(|_| Raw::open(client.address)).collect();
    daemon.warns("cannot accept connections");
    // Before the time limit of these connections, which would close them as well.
    daemon.warns(MADE_ROOM);
    for _ in 0..5 {
        assert_eq!(get(client.address, "/metrics").status, 200);
    }
    drop(idle);
    // The daemon's own files need descriptors too; some are free once it has noticed the closed connections.
    let declared = || Some(client.declare("run", ATTEMPT, &["a"])).filter(|answer| answer.status != 500);
    document(&until("a descriptor for the run's name", declared), 200);
    assert!(!daemon.has_ended());
}
