//! Real Prometheus and Alertmanager servers on free ports of this machine, with this repository's configurations.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::http::get;
use super::need::or_skip;
use super::running::Running;
use super::until::until;

const LISTENING: &str = "msg=\"Listening on\" address=";

/// A server that is stopped at the end of its test.
pub(crate) struct Server {
    pub address: SocketAddr,
    _process: Running,
    _folder: TempDir,
}

/// Returns the path of a file or folder of this repository.
pub(crate) fn ours(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns a program of Debian's packages, if it is in PATH. Skips with a message otherwise.
pub(crate) fn program(name: &str, package: &str) -> Option<Command> {
    let said = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = said.is_ok_and(|status| status.success()).then(|| Command::new(name));
    or_skip(found, &format!("{name} is not in PATH (Debian: apt-get install {package})"))
}

/// Starts Prometheus with this repository's rules; it scrapes `target` four times a second and sends alerts to `alertmanager`.
pub(crate) fn prometheus(target: SocketAddr, alertmanager: Option<SocketAddr>) -> Option<Server> {
    let command = program("prometheus", "prometheus")?;
    let rules = ours("config/prometheus");
    let alerting = alertmanager.map_or(String::new(), |address| {
        format!("alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{address}']}}]}}]}}\n")
    });
    let config = format!(
        "global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}}\n\
         rule_files: ['{0}/recording.rules.yml', '{0}/alerts.rules.yml']\n{alerting}\
         scrape_configs: [{{job_name: rotewatch, static_configs: [{{targets: ['{target}']}}]}}]\n",
        rules.display()
    );
    Some(start(command, &config, "--storage.tsdb.path", &[]))
}

/// Starts Alertmanager with the repository's file, except for the address and the token's file.
pub(crate) fn alertmanager(daemon: SocketAddr, token: &Path) -> Option<Server> {
    let command = program("prometheus-alertmanager", "prometheus-alertmanager")?;
    let config = fs::read_to_string(ours("config/prometheus/alertmanager.yml")).expect("the file is there");
    let config = config
        .replace("127.0.0.1:19787", &daemon.to_string())
        .replace("/var/lib/rotewatch/token", token.to_str().expect("temporary folders have plain names"));
    Some(start(command, &config, "--storage.path", &["--cluster.listen-address="]))
}

fn start(mut command: Command, config: &str, data: &str, more: &[&str]) -> Server {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("config.yml");
    fs::write(&file, config).expect("the folder is writable");
    command.arg(format!("--config.file={}", file.display())).arg(format!("{data}={}", folder.path().join("data").display()));
    let mut process = Running::start(command.arg("--web.listen-address=127.0.0.1:0").args(more).stdin(Stdio::null()));
    process.warns(LISTENING);
    let address = until("the whole address", || {
        let said = process.stderr();
        let (_, rest) = said.split_once(LISTENING)?;
        rest.split_once('\n')?.0.trim().parse().ok()
    });
    let server = Server { address, _process: process, _folder: folder };
    until("the server to be ready", || (get(server.address, "/-/ready").status == 200).then_some(()));
    server
}

impl Server {
    /// Returns the answer of a Prometheus API.
    ///
    /// # Panics
    /// If it is an error.
    pub(crate) fn asked(&self, path: &str) -> Value {
        let answer = get(self.address, path);
        let document: Value =
            serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body));
        assert_eq!(document["status"], "success", "{path}: {}", answer.body);
        document["data"].clone()
    }

    /// Returns the current samples of an expression.
    pub(crate) fn samples(&self, expression: &str) -> Vec<Value> {
        let encoded: Vec<String> = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let data = self.asked(&format!("/api/v1/query?query={}", encoded.concat()));
        data["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until an expression has a sample.
    pub(crate) fn has(&self, expression: &str) {
        until(expression, || (!self.samples(expression).is_empty()).then_some(()));
    }
}
