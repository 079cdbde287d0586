//! The daemon's throughput over HTTP on loopback, compared with a plain copy of the same bytes over a loopback TCP socket, and its
//! peak memory compared with the size of a body.
//!
//! The daemon is a separate process, so that its memory can be measured. Both ways send the same bodies over one connection, one
//! after the other, and wait for an answer to each. They take turns, and medians are reported.

mod daemon;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use daemon::{Daemon, activations};
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_info::measures::quantile;

const RUN: &str = "bench";
const LAYERS: usize = 8;
const ROWS: usize = 4096;
const NEURONS: usize = 512;
/// Bodies per round. All are frames of one epoch that never ends, because the cost of the measures is not measured here.
const BODIES: u64 = 6;
const ROUNDS: u32 = 7;

fn main() {
    // `cargo test --benches` only checks that the benchmark runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let state = tempfile::tempdir().expect("a temporary folder");
    let body = activations(LAYERS, ROWS, NEURONS);
    let daemon = Daemon::start(state.path());
    let mut client = daemon.connect();
    client.declare(RUN, LAYERS);
    let mut sink = Sink::start(body.len());
    let idle = daemon.peak_bytes();
    let (mut ingested, mut copied, mut refused, mut seq) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..rounds {
        copied.push(seconds_each(|| sink.send(&body)));
        ingested.push(seconds_each(|| {
            refused += client.send_until_taken(RUN, 0, seq, &body);
            seq += 1;
        }));
    }
    let peak = daemon.peak_bytes();
    let gigabytes = |seconds: f64| body.len() as f64 / seconds / 1e9;
    let [ingest, copy] =
        [&mut ingested, &mut copied].map(|seconds| gigabytes(quantile(seconds, 0.5).expect("there were rounds")));
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

fn seconds_each(mut send: impl FnMut()) -> f64 {
    let watch = Stopwatch::start();
    (0..BODIES).for_each(|_| send());
    watch.elapsed().as_secs_f64() / BODIES as f64
}

/// Reads the length of a body into one buffer, and answers with one byte.
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
