//! Requests built from the words of the protocol and from random bytes, sent to a whole daemon in this process: for any requests
//! in any order, no thread panics and no answer has status 500.

#![no_main]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use rotewatch::config::Config;
use rotewatch::{Monitor, Setup};
use tempfile::TempDir;

const METHODS: [&str; 6] = ["GET", "PUT", "POST", "HEAD", "DELETE", "OPTIONS"];
const WORDS: [&str; 28] = [
    "api/v1", "runs", "a", "b", "epochs", "0", "1", "2", "4294967295", "activations", "end", "finish", "stop", "verdict", "surprisal",
    "layers", "one", "two", "matrix", "compare", "events", "sd", "hooks", "alertmanager", "metrics", "-", "ready", "reload",
];
const KEYS: [&str; 10] = ["attempt", "seq", "after", "epoch", "a", "b", "against", "kind", "limit", "instance"];
const VALUES: [&str; 8] = ["00000000000000aa", "00000000000000bb", "0", "1", "a", "b", "heuristic", "18446744073709551615"];
const HEADERS: [&str; 8] =
    ["Accept-Encoding", "Content-Encoding", "Content-Type", "Expect", "If-None-Match", "Last-Event-ID", "Origin", "Sec-Fetch-Site"];

#[derive(Arbitrary, Debug)]
enum Word<'a> {
    Known(u8),
    Any(&'a str),
}

impl Word<'_> {
    fn of(&self, known: &[&'static str]) -> &str {
        match self {
            Word::Known(place) => known[usize::from(*place) % known.len()],
            Word::Any(text) => text,
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Content<'a> {
    Nothing,
    Declaration { attempt: u8, layers: u8 },
    Frame { rows: u8, neurons: u8, value: f32, predictions: bool },
    Losses { loss: f64 },
    Any(&'a [u8]),
}

impl Content<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Content::Nothing => Vec::new(),
            Content::Declaration { attempt, layers } => {
                let attempt = VALUES[usize::from(attempt % 2)];
                let layers = ["[]", "[\"one\"]", "[\"one\", \"two\"]"][usize::from(layers % 3)];
                format!("{{\"attempt\": \"{attempt}\", \"layers\": {layers}}}").into_bytes()
            }
            Content::Frame { rows, neurons, value, predictions } => frame(rows % 64, neurons % 16, *value, *predictions),
            Content::Losses { loss } => format!("{{\"train_loss\": {loss}}}").into_bytes(),
            Content::Any(bytes) => bytes.to_vec(),
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Asked<'a> {
    method: u8,
    path: Vec<Word<'a>>,
    query: Vec<(Word<'a>, Word<'a>)>,
    headers: Vec<(u8, &'a str)>,
    has_token: bool,
    content: Content<'a>,
}

/// The daemon, which lives as long as this process.
static DAEMON: LazyLock<(TempDir, Monitor, SocketAddr, String)> = LazyLock::new(|| {
    // Rust programs ignore SIGPIPE from the start, but the fuzzer's main function is not Rust's.
    signal_hook::flag::register(signal_hook::consts::SIGPIPE, Arc::default()).expect("it may be handled");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = format!("state: {:?}\n", folder.path());
    let text = state + "listen: 127.0.0.1:0\nlimits: {idle_seconds: 0, retire_finished_seconds: 1, runs: 8}\n";
    let config = Config::parse(&text, "fuzz").expect("a good configuration");
    let setup = Setup { config, ingest: true, history: true, discoverable: true, ..Setup::default() };
    let monitor = Monitor::set_up(setup).expect("it starts");
    let address = monitor.address().expect("it listens");
    let token = std::fs::read_to_string(folder.path().join("token")).expect("it wrote its token");
    (folder, monitor, address, token)
});

fuzz_target!(|requests: Vec<Asked>| {
    for asked in requests.iter().take(16) {
        // Closing without an answer is correct for bytes that are not one request.
        if let Some(status) = ask(asked) {
            assert!(status != 500, "{asked:?}");
        }
    }
    assert!(!DAEMON.1.live_runs().is_failing());
});

/// Returns the status of the answer.
fn ask(asked: &Asked) -> Option<u16> {
    let (_, _, address, token) = &*DAEMON;
    let path: Vec<&str> = asked.path.iter().map(|word| word.of(&WORDS)).collect();
    let query: Vec<String> = asked.query.iter().map(|(key, value)| format!("{}={}", key.of(&KEYS), value.of(&VALUES))).collect();
    let body = asked.content.bytes();
    let mut head = format!("{} /{}", METHODS[usize::from(asked.method) % METHODS.len()], path.join("/"));
    if !query.is_empty() {
        let _ = write!(head, "?{}", query.join("&"));
    }
    let _ = write!(head, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if asked.has_token {
        let _ = write!(head, "Authorization: Bearer {token}\r\n");
    }
    for (name, value) in &asked.headers {
        let _ = write!(head, "{}: {value}\r\n", HEADERS[usize::from(*name) % HEADERS.len()]);
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).expect("it listens");
    // A refusal may arrive before everything was sent.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.get(9..12)?.parse().ok()
}

/// A frame of both layers as safetensors, written by hand, so that this stays a plain client of the protocol.
fn frame(rows: u8, neurons: u8, value: f32, predictions: bool) -> Vec<u8> {
    let (rows, neurons) = (usize::from(rows), usize::from(neurons));
    let bytes = rows * neurons * 4;
    let layer = |name: &str, place: usize| {
        let (from, to) = (place * bytes, (place + 1) * bytes);
        format!("\"{name}\": {{\"dtype\": \"F32\", \"shape\": [{rows}, {neurons}], \"data_offsets\": [{from}, {to}]}}")
    };
    let mut header = format!("{{{}, {}", layer("one", 0), layer("two", 1));
    if predictions {
        let (from, to) = (2 * bytes, 2 * bytes + rows * 8);
        let _ = write!(header, ", \"predictions\": {{\"dtype\": \"I64\", \"shape\": [{rows}], \"data_offsets\": [{from}, {to}]}}");
    }
    header.push('}');
    while header.len() % 8 > 0 {
        header.push(' ');
    }
    let mut body = (header.len() as u64).to_le_bytes().to_vec();
    body.extend(header.into_bytes());
    body.extend((0..2 * rows * neurons).flat_map(|place| (value * (place % 7) as f32).to_le_bytes()));
    if predictions {
        body.extend((0..rows).flat_map(|row| ((row % 3) as i64).to_le_bytes()));
    }
    body
}
