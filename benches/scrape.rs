//! The time and size of a scrape of twenty runs, and the effect of a thousand concurrent scrapers on the computation of an epoch.
//!
//! The scrapers are a process of the lowest priority, so that the benchmark measures their cost to the daemon and not to the
//! machine. For this, epochs without scrapers, with scrapers of another daemon, and with scrapers of this daemon take turns; medians of the ratios are reported.

mod daemon;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command};
use std::time::Duration;

use daemon::{Daemon, activations};
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_info::measures::quantile;
use tokio::io::AsyncWriteExt;

const RUNS: u32 = 20;
const LAYERS: usize = 10;
const SCRAPES: usize = 101;
const SCRAPERS: usize = 1000;
/// The run whose epochs are timed: three layers of 256 neurons at 1,000 rows, as in a small training.
const TIMED: &str = "timed";
const PAIRS: usize = 9;
const EPOCHS: u32 = 20;
/// The argument that turns this program into the scrapers.
const STORM: &str = "--storm";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == STORM) {
        return storm(arguments[place + 1].parse().expect("an address"));
    }
    // `cargo test --benches` only checks that the benchmark runs.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let (scrapes, pairs, epochs) = if is_bench { (SCRAPES, PAIRS, EPOCHS) } else { (3, 1, 1) };
    let state = tempfile::tempdir().expect("a temporary folder");
    let daemon = Daemon::start(state.path());
    let mut client = daemon.connect();
    let body = activations(LAYERS, 200, 64);
    for run in 0..RUNS {
        let run = format!("run{run}");
        client.declare(&run, LAYERS);
        for epoch in 0..2 {
            client.send_until_taken(&run, epoch, 0, &body);
            client.end_epoch(&run, epoch);
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
                // Longer than the daemon's pause after a scrape, as with every real scraper.
                std::thread::sleep(Duration::from_millis(100));
                seconds
            })
            .collect();
        let [median, worst] = [0.5, 0.99].map(|share| 1e3 * quantile(&mut times, share).expect("there were scrapes"));
        println!(
            "scrape, {name}: {:.2} MiB, median {median:.1} ms, 99th percentile {worst:.1} ms",
            bytes as f64 / f64::from(1 << 20)
        );
    }

    daemon.connect().declare(TIMED, 3);
    let body = activations(3, 1000, 256);
    let mut newest = 1;
    let mut compute = || {
        let mut times: Vec<f64> = (0..epochs)
            .map(|_| {
                // Reconnect: when all limits.connections are taken, a kept connection is the first to be closed.
                daemon.connect().send_until_taken(TIMED, newest, 0, &body);
                daemon.connect().end_epoch(TIMED, newest);
                let asked = format!("{TIMED}/epochs?after={}", newest - 1);
                newest += 1;
                daemon.connect().read(&asked)["epochs"][0]["compute_seconds"].as_f64().expect("it was measured")
            })
            .collect();
        quantile(&mut times, 0.5).expect("there were epochs")
    };
    compute();
    // The same load on the machine, but none on this daemon.
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let elsewhere = Daemon::start(elsewhere.path());
    let (mut to_quiet, mut to_elsewhere) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        let quiet = compute();
        let mut under = |address| {
            let _scrapers = Scrapers::start(address);
            compute()
        };
        let (there, here) = (under(elsewhere.address), under(daemon.address));
        let milliseconds = [quiet, there, here].map(|seconds| format!("{:.1}", seconds * 1e3)).join(", ");
        println!("an epoch's measures in ms, without scrapers, with {SCRAPERS} elsewhere, with {SCRAPERS} here: {milliseconds}");
        to_quiet.push(here / quiet);
        to_elsewhere.push(here / there);
    }
    for (name, ratios) in [("without", &mut to_quiet), ("elsewhere", &mut to_elsewhere)] {
        ratios.sort_by(f64::total_cmp);
        println!("here / {name}: {:.3} ({:.3} to {:.3})", ratios[pairs / 2], ratios[0], ratios[pairs - 1]);
    }
}

/// Returns the complete answer to one scrape over a new connection.
fn scrape(address: SocketAddr, coding: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    Write::write_all(&mut stream, request(coding).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn request(coding: &str) -> String {
    format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n")
}

/// Scrapes until the process is killed: many connections on one thread, because a thousand threads would slow down everything else
/// whatever their priority.
fn storm(address: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let scrapers = tokio::task::LocalSet::new();
    for _ in 0..SCRAPERS {
        scrapers.spawn_local(async move {
            loop {
                // A refusal counts as an answer.
                let _ = scrape_among_others(address).await;
            }
        });
    }
    runtime.block_on(scrapers);
}

async fn scrape_among_others(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(request("gzip").as_bytes()).await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// The process of the scrapers, killed when dropped.
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
        // `nice` replaces itself with the scrapers, so this is their process.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
