//! How Prometheus finds the daemons and trainings of this machine: from a file, or from a daemon.

use std::net::SocketAddr;
use std::path::Path;

use rotewatch::config::Config;
use rotewatch::{Monitor, Setup};
use serde_json::{Value, json};

use crate::support::client::document;
use crate::support::http::request;
use crate::support::monitored::config;
use crate::support::process::{rotewatch, text};
use crate::support::running::Running;

fn discoverable(state: &Path) -> Monitor {
    let config = Config { state: Some(state.to_owned()), ..config() };
    Monitor::set_up(Setup { config, discoverable: true, ..Setup::default() }).expect("the monitor starts")
}

fn targets(daemon: SocketAddr, host: &str) -> Value {
    let answer = request(daemon, "GET", "/api/v1/sd", &[("Host", host)]);
    let groups = document(&answer, 200);
    let each = groups.as_array().expect("a list of groups").iter().map(|group| {
        assert_eq!(group["labels"], json!({ "__scheme__": "http" }));
        group["targets"][0].clone()
    });
    Value::Array(each.collect())
}

#[test]
fn a_daemon_tells_of_itself_and_of_those_who_share_its_state_folder() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::start(&mut rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(state.path())]));
    let address = daemon.served_address();
    let own = address.to_string();
    assert_eq!(targets(address, &own), json!([own]));
    let training = discoverable(state.path());
    let other = training.address().expect("HTTP is on").to_string();
    assert_eq!(targets(address, &own), json!([own, other]));
    let by_name = format!("localhost:{}", address.port());
    assert_eq!(targets(address, &by_name), json!([by_name, other]), "under the host name of the request");
    assert_eq!(targets(address, "10.0.0.7:1"), json!(["10.0.0.7:1"]), "loopback addresses are not given to other machines");
    let files = || std::fs::read_dir(state.path().join("targets")).expect("the list").count();
    assert_eq!(files(), 2);
    drop(training);
    assert_eq!(targets(address, &own), json!([own]));
    daemon.signal("TERM");
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(files(), 0);
}

#[test]
fn a_daemon_that_was_killed_is_struck_out_by_the_next_one() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let start = || Running::start(&mut rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(state.path())]));
    let mut killed = start();
    killed.served_address();
    killed.signal("KILL");
    killed.end();
    let mut daemon = start();
    let address = daemon.served_address();
    assert_eq!(targets(address, &address.to_string()), json!([address.to_string()]));
    assert_eq!(std::fs::read_dir(state.path().join("targets")).expect("the list").count(), 1);
}
