//! A daemon in a process of its own and a client for it, shared by the benchmarks of the daemon.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use safetensors::tensor::{Dtype, TensorView};

const ATTEMPT: &str = "00000000000000aa";

/// A frame of single-precision layers in which all neurons differ.
pub(crate) fn activations(layers: usize, rows: usize, neurons: usize) -> Vec<u8> {
    let values: Vec<u8> = (0..rows * neurons).flat_map(|place| ((place * 31 % 1000) as f32).to_le_bytes()).collect();
    let tensor = |_| TensorView::new(Dtype::F32, vec![rows, neurons], &values).expect("rows x neurons");
    let layers = (0..layers).map(|layer| (format!("hidden{layer}"), tensor(layer)));
    safetensors::serialize(layers, None).expect("names are unlike")
}

/// The daemon's process, killed when dropped.
pub(crate) struct Daemon {
    process: Child,
    /// The address it listens on.
    pub address: SocketAddr,
    token: String,
}

impl Daemon {
    /// Starts a daemon with its state in this folder.
    pub(crate) fn start(state: &Path) -> Self {
        Daemon::configured(state, "")
    }

    /// Starts a daemon with a configuration file.
    pub(crate) fn configured(state: &Path, configuration: &str) -> Self {
        let file = state.join("rotewatch.yaml");
        fs::write(&file, configuration).expect("the folder is writable");
        let mut process = Command::new(env!("CARGO_BIN_EXE_rotewatch"))
            .args(["serve", "--listen", "127.0.0.1:0", "--state"])
            .arg(state)
            .arg("--config")
            .arg(file)
            .env("ROTEWATCH_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("the daemon says where it is");
        let address = line.trim().trim_start_matches("serving at http://").trim_end_matches('/');
        let address = address.parse().expect("an address");
        let token = fs::read_to_string(state.join("token")).expect("the token");
        Daemon { process, address, token }
    }

    /// Returns the token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Opens a connection that is kept open.
    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the daemon listens");
        Client { stream: BufReader::new(stream), token: self.token.clone() }
    }

    /// Returns status and body of an answer, over a new connection.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let (status, answer) = self.connect().ask(method, path, body);
        (status, String::from_utf8(answer).expect("text"))
    }

    /// Resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Peak resident memory.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("the daemon runs on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // If it has failed, it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection. The daemon closes a connection that is idle for long, or when it has too many.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Client {
    /// Declares a run whose layers are named as in [`activations`].
    pub(crate) fn declare(&mut self, run: &str, layers: usize) {
        let layers: Vec<String> = (0..layers).map(|layer| format!("\"hidden{layer}\"")).collect();
        let declaration = format!("{{\"attempt\": \"{ATTEMPT}\", \"layers\": [{}]}}", layers.join(","));
        assert_eq!(self.ask("PUT", &format!("/api/v1/runs/{run}"), declaration.as_bytes()).0, 200);
    }

    /// Sends a frame, repeatedly while there is no space. Returns the number of refusals.
    pub(crate) fn send_until_taken(&mut self, run: &str, epoch: u32, seq: u64, body: &[u8]) -> u32 {
        let path = format!("/api/v1/runs/{run}/epochs/{epoch}/activations?attempt={ATTEMPT}&seq={seq}");
        let mut refused = 0;
        loop {
            match self.ask("POST", &path, body).0 {
                202 => return refused,
                429 => refused += 1,
                status => panic!("{status}"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends an epoch and waits for its verdict.
    pub(crate) fn end_epoch(&mut self, run: &str, epoch: u32) {
        let path = format!("/api/v1/runs/{run}/epochs/{epoch}/end?attempt={ATTEMPT}&wait=30");
        assert_eq!(self.ask("POST", &path, b"{\"train_loss\": 1.0}").0, 200);
    }

    /// Sends a GET request about a run.
    pub(crate) fn read(&mut self, path: &str) -> serde_json::Value {
        let (status, body) = self.ask("GET", &format!("/api/v1/runs/{path}"), b"");
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Returns status and body of an answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes()).expect("the head is taken");
        self.stream.get_mut().write_all(body).expect("the body is taken");
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).expect("a status");
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().expect("a length");
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).expect("the answer's body");
        (status, answer)
    }
}
