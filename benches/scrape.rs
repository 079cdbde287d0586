//! What a scrape of twenty runs takes and weighs, and what a thousand scrapers at once do to the measuring of an epoch.
//!
//! The scrapers are a process of the lowest priority: the question is what their answers cost the daemon, not what their asking costs
//! the machine. Epochs with and without them take turns, and the median of the pairs' ratios is told.

mod daemon;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::time::Duration;

use daemon::{Daemon, activations};
use rotewatch::clock::Stopwatch;

const RUNS: u32 = 20;
const LAYERS: usize = 10;
const SCRAPES: usize = 101;
const SCRAPERS: usize = 1000;
/// The run whose epochs are timed: three layers of 256 neurons at 1,000 rows, as a small training has them.
const TIMED: &str = "timed";
const PAIRS: usize = 9;
const EPOCHS: u32 = 20;
/// The argument that makes this program the scrapers.
const STORM: &str = "--storm";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == STORM) {
        return storm(arguments[place + 1].parse().expect("an address"));
    }
    // `cargo test --benches` asks for a look only.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let (scrapes, pairs, epochs) = if is_bench { (SCRAPES, PAIRS, EPOCHS) } else { (3, 1, 1) };
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Daemon::start(state.path());
    let body = activations(LAYERS, 200, 64);
    for run in 0..RUNS {
        let run = format!("run{run}");
        daemon.declare(&run, LAYERS);
        for epoch in 0..2 {
            daemon.send_until_taken(&run, epoch, 0, &body);
            daemon.end_epoch(&run, epoch);
        }
    }
    println!("{RUNS} runs x {LAYERS} layers");
    for (name, coding) in [("plain", "identity"), ("gzip", "gzip")] {
        let mut bytes = 0;
        let mut times: Vec<f64> = (0..scrapes)
            .map(|_| {
                let watch = Stopwatch::start();
                let answer = scrape(daemon.address, coding).expect("it answers");
                let seconds = watch.elapsed().as_secs_f64();
                assert!(answer.starts_with(b"HTTP/1.1 200"));
                bytes = answer.len();
                // Longer than the daemon rests after a scrape, as every real scraper is.
                std::thread::sleep(Duration::from_millis(100));
                seconds
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let (median, worst) = (times[scrapes / 2] * 1e3, times[scrapes - 1 - scrapes / 100] * 1e3);
        println!(
            "scrape, {name}: {:.2} MiB, median {median:.1} ms, 99th percentile {worst:.1} ms",
            bytes as f64 / f64::from(1 << 20)
        );
    }

    daemon.declare(TIMED, 3);
    let body = activations(3, 1000, 256);
    let mut newest = 1;
    let mut compute = |daemon: &mut Daemon| {
        let mut times: Vec<f64> = (0..epochs)
            .map(|_| {
                daemon.send_until_taken(TIMED, newest, 0, &body);
                daemon.end_epoch(TIMED, newest);
                let asked = format!("{TIMED}/epochs?after={}", newest - 1);
                newest += 1;
                daemon.read(&asked)["epochs"][0]["compute_seconds"].as_f64().expect("it was measured")
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    compute(&mut daemon);
    let mut ratios = Vec::new();
    for _ in 0..pairs {
        let without = compute(&mut daemon);
        let scrapers = Scrapers::start(daemon.address);
        let with = compute(&mut daemon);
        drop(scrapers);
        println!("an epoch's measures: {:.1} ms, with {SCRAPERS} scrapers {:.1} ms", without * 1e3, with * 1e3);
        ratios.push(with / without);
    }
    ratios.sort_by(f64::total_cmp);
    println!("with / without: {:.3} ({:.3} to {:.3})", ratios[pairs / 2], ratios[0], ratios[pairs - 1]);
}

/// The whole answer to one scrape over a connection of its own.
fn scrape(address: SocketAddr, coding: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    let head = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Scrapes from many threads until the process is killed.
fn storm(address: SocketAddr) {
    std::thread::scope(|scope| {
        for _ in 0..SCRAPERS {
            let ask = || {
                loop {
                    // Being refused is an answer as well.
                    let _ = scrape(address, "gzip");
                }
            };
            std::thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, ask).expect("a thread");
        }
    });
}

/// The process of the scrapers, until this is dropped.
struct Scrapers(Child);

impl Scrapers {
    fn start(address: SocketAddr) -> Self {
        let myself = std::env::current_exe().expect("Linux tells it");
        let process = Command::new("nice").arg("-n19").arg(myself).args([STORM, &address.to_string()]).spawn();
        Scrapers(process.expect("nice is in PATH"))
    }
}

impl Drop for Scrapers {
    fn drop(&mut self) {
        // `nice` becomes the scrapers, so this is their process.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
