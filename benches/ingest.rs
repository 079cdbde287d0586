//! What the daemon takes in over HTTP on loopback, beside a plain copy of the same bytes over a loopback TCP socket; and its peak of
//! memory beside the size of a body.
//!
//! The daemon is a process of its own, so that its memory is its own. Both ways send the same bodies over one connection, one after
//! the other, and wait for an answer to each; they take turns, and medians are told.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rotewatch::clock::Stopwatch;
use safetensors::tensor::{Dtype, TensorView};

const ATTEMPT: &str = "00000000000000aa";
const LAYERS: usize = 8;
const ROWS: usize = 4096;
const NEURONS: usize = 512;
/// Bodies in a round. All are frames of one epoch, which never ends: what the measures cost is not the question here.
const BODIES: u64 = 6;
const ROUNDS: u32 = 7;

fn main() {
    // `cargo test --benches` asks for a look only.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let state = tempfile::tempdir().expect("a temporary folder");
    let body = body();
    let mut daemon = Daemon::start(state.path());
    let mut sink = Sink::start(body.len());
    let idle = daemon.peak_bytes();
    let (mut ingested, mut copied, mut refused, mut seq) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..rounds {
        copied.push(seconds_each(|| sink.send(&body)));
        ingested.push(seconds_each(|| {
            refused += daemon.send_until_taken(seq, &body);
            seq += 1;
        }));
    }
    let peak = daemon.peak_bytes();
    let gigabytes = |seconds: f64| body.len() as f64 / seconds / 1e9;
    let (ingest, copy) = (gigabytes(median(&mut ingested)), gigabytes(median(&mut copied)));
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "bodies: {} of {:.1} MiB, {refused} refusals (429) on the way",
        rounds * BODIES as u32,
        mebibytes(body.len() as u64)
    );
    println!("ingest: {ingest:.2} GB/s; plain copy: {copy:.2} GB/s; ingest / copy: {:.2}", ingest / copy);
    let (idle, peak) = (mebibytes(idle), mebibytes(peak));
    println!(
        "peak memory: {peak:.1} MiB, {idle:.1} MiB before; grown by {:.2} bodies",
        (peak - idle) / mebibytes(body.len() as u64)
    );
}

/// Layers in single precision.
fn body() -> Vec<u8> {
    let values: Vec<u8> = (0..ROWS * NEURONS).flat_map(|place| ((place * 31 % 1000) as f32).to_le_bytes()).collect();
    let tensor = |_| TensorView::new(Dtype::F32, vec![ROWS, NEURONS], &values).expect("rows x neurons");
    let layers = (0..LAYERS).map(|layer| (format!("hidden{layer}"), tensor(layer)));
    safetensors::serialize(layers, None).expect("names are unlike")
}

fn seconds_each(mut send: impl FnMut()) -> f64 {
    let watch = Stopwatch::start();
    (0..BODIES).for_each(|_| send());
    watch.elapsed().as_secs_f64() / BODIES as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Reads as many bytes as a body has, into one buffer, and answers with one byte.
struct Sink {
    stream: TcpStream,
}

impl Sink {
    fn start(bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            loop {
                let mut copy = Vec::with_capacity(bytes);
                let read = Read::by_ref(&mut stream).take(bytes as u64).read_to_end(&mut copy).expect("a body");
                if read < bytes {
                    return;
                }
                stream.write_all(&copy[bytes - 1..]).expect("the answer is taken");
            }
        });
        Sink { stream: TcpStream::connect(address).expect("the sink listens") }
    }

    fn send(&mut self, body: &[u8]) {
        self.stream.write_all(body).expect("the body is taken");
        self.stream.read_exact(&mut [0]).expect("an answer");
    }
}

struct Daemon {
    process: Child,
    stream: BufReader<TcpStream>,
    token: String,
}

impl Daemon {
    fn start(state: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rotewatch"))
            .args(["serve", "--listen", "127.0.0.1:0", "--state"])
            .arg(state)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the daemon starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("the daemon says where it is");
        let address = line.trim().trim_start_matches("serving at http://").trim_end_matches('/');
        let stream = BufReader::new(TcpStream::connect(address).expect("the daemon listens"));
        let token = fs::read_to_string(state.join("token")).expect("the token");
        let mut daemon = Daemon { process, stream, token };
        let layers: Vec<String> = (0..LAYERS).map(|layer| format!("\"hidden{layer}\"")).collect();
        let declaration = format!("{{\"attempt\": \"{ATTEMPT}\", \"layers\": [{}]}}", layers.join(","));
        assert_eq!(daemon.send("PUT", "", declaration.as_bytes()), 200);
        daemon
    }

    /// How often there was no room.
    fn send_until_taken(&mut self, seq: u64, body: &[u8]) -> u32 {
        let path = format!("/epochs/0/activations?attempt={ATTEMPT}&seq={seq}");
        let mut refused = 0;
        loop {
            match self.send("POST", &path, body) {
                202 => return refused,
                429 => refused += 1,
                status => panic!("{status}"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn send(&mut self, method: &str, path: &str, body: &[u8]) -> u16 {
        let head = format!(
            "{method} /api/v1/runs/bench{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
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
        self.stream.read_exact(&mut vec![0; length]).expect("the answer's body");
        status
    }

    fn peak_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("Linux tells the peak");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It is gone already where it failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
