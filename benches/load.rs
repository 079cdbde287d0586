//! Many trainers at once on a real daemon, with scrapes, open pages and hooks that fire: memory stays flat, and every lost frame is counted.
//!
//! ```text
//! cargo bench --bench load -- --seconds 1800              50 runs of 2 x 128 neurons x 1,024 rows, an epoch every 5 s
//! cargo bench --bench load -- --seconds 60 --overload     8 runs of 4 x 512 x 2,048, as fast as they can
//! ```
//!
//! Every run raises its alarm in the sixth epoch and is trained again after the twelfth. Exits with 1 if the counts do not add up, or
//! if resident memory at the end is more than 5 % above that after five minutes (for loads of more than ten minutes).

mod daemon;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{scope, sleep};
use std::time::Duration;

use daemon::Daemon;
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_info::measures::quantile;
use safetensors::tensor::{Dtype, TensorView};

/// Number of subscribers.
const PAGES: usize = 20;
/// Seconds after which resident memory counts as settled.
const SETTLED: u64 = 300;
/// Maximum growth at the end.
const GROWTH: f64 = 1.05;
/// How strongly the neurons depend on the class in each epoch: the alarm comes in the sixth.
const SIGNALS: [f32; 12] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
const CLASSES: usize = 10;

/// The load.
#[derive(Clone, Copy)]
struct Load {
    runs: usize,
    layers: usize,
    neurons: usize,
    rows: usize,
    /// Time between two epochs of a run.
    pause: Duration,
    /// Whether a frame that was refused for lack of space is sent again.
    insists: bool,
}

/// A hook that writes each alarm to a file, and runs that may be trained again at once.
const CONFIGURATION: &str = "\
hooks: [{name: file, on: [example_level, heuristic], command: {argv: [sh, -c, 'cat >> told; echo >> told']}}]
limits: {idle_seconds: 0}
";

const SOAK: Load = Load { runs: 50, layers: 2, neurons: 128, rows: 1024, pause: Duration::from_secs(5), insists: true };
const OVERLOAD: Load = Load { runs: 8, layers: 4, neurons: 512, rows: 2048, pause: Duration::ZERO, insists: false };

/// Counts of the trainers and subscribers.
#[derive(Default)]
struct Seen {
    over: AtomicBool,
    taken: AtomicU64,
    /// Refused by the gate, which counts them too.
    behind: AtomicU64,
    /// Refused before they were received, so the daemon does not count them as frames.
    unreceived: AtomicU64,
    epochs: AtomicU64,
    events: AtomicU64,
    scrape_seconds: Mutex<Vec<f64>>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let seconds =
        arguments.iter().position(|argument| argument == "--seconds").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let load = if arguments.iter().any(|argument| argument == "--overload") { OVERLOAD } else { SOAK };
    // `cargo test --benches` only checks that the benchmark runs.
    let load = Load {
        pause: if arguments.iter().any(|argument| argument == "--quick") { Duration::from_millis(250) } else { load.pause },
        ..load
    };
    run(load, seconds.unwrap_or(if arguments.iter().any(|argument| argument == "--bench") { 30 } else { 2 }))
}

fn run(load: Load, seconds: u64) -> ExitCode {
    let state = tempfile::tempdir().expect("a temporary folder");
    let told = state.path().join("told");
    let daemon = Daemon::configured(state.path(), CONFIGURATION);
    let idle = daemon.resident_bytes();
    let bodies: Vec<Vec<u8>> = SIGNALS.iter().map(|signal| body(load, *signal)).collect();
    let seen = Seen::default();
    let (mut settled, mut end, mut told_minutes) = (None, idle, 1);
    let watch = Stopwatch::start();
    scope(|scope| {
        for number in 0..load.runs {
            let (daemon, bodies, seen) = (&daemon, &bodies, &seen);
            scope.spawn(move || train(daemon, load, number, bodies, seen));
        }
        for _ in 0..PAGES {
            scope.spawn(|| read_events(&daemon, &seen));
        }
        while watch.elapsed().as_secs() < seconds {
            let asked = Stopwatch::start();
            let scraped = daemon.ask("GET", "/metrics", &[]);
            assert_eq!(scraped.0, 200, "{}", scraped.1);
            seen.scrape_seconds.lock().unwrap_or_else(PoisonError::into_inner).push(asked.elapsed().as_secs_f64());
            assert_eq!(daemon.ask("GET", "/", &[]).0, 200, "the page");
            if watch.elapsed().as_secs() >= 60 * told_minutes {
                println!("minute {told_minutes}: resident MiB {:.1}", daemon.resident_bytes() as f64 / f64::from(1 << 20));
                told_minutes += 1;
            }
            if settled.is_none() && watch.elapsed().as_secs() >= SETTLED {
                settled = Some(daemon.resident_bytes());
            }
            sleep(Duration::from_secs(1).saturating_sub(asked.elapsed()));
        }
        end = daemon.resident_bytes();
        seen.over.store(true, Ordering::Relaxed);
    });
    let counts = Counts::at_rest(&daemon);
    let told = fs::read_to_string(told).map_or(0, |told| told.matches("\"alarm_epoch\"").count());
    tell(&seen, &counts, [Some(idle), settled, Some(end)], told);
    let flat = seconds < 2 * SETTLED || settled.is_none_or(|settled| end as f64 <= settled as f64 * GROWTH);
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let adds_up = counts.offered == counts.measured + counts.dropped
        && counts.offered == read(&seen.taken) + read(&seen.behind)
        && counts.measured + counts.late == read(&seen.taken);
    println!("memory is flat: {flat}; every frame is accounted for: {adds_up}");
    if flat && adds_up { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(seen: &Seen, counts: &Counts, resident: [Option<u64>; 3], told: usize) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let mebibytes =
        |bytes: Option<u64>| bytes.map_or("-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20)));
    let Counts { offered, measured, dropped, late } = counts;
    println!("epochs ended: {}; events read: {}; hooks told: {}", read(&seen.epochs), read(&seen.events), told);
    println!("offered {offered} = measured {measured} + dropped {dropped} (late among them: {late})");
    println!(
        "trainers: {} taken, {} refused by the gate, {} refused before they were received",
        read(&seen.taken),
        read(&seen.behind),
        read(&seen.unreceived)
    );
    let mut scrapes = seen.scrape_seconds.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let [median, p99, longest] = [0.5, 0.99, 1.0].map(|share| 1e3 * quantile(&mut scrapes, share).unwrap_or(f64::NAN));
    println!("scrapes: {}; median {median:.1} ms, p99 {p99:.1} ms, longest {longest:.1} ms", scrapes.len());
    let [idle, settled, end] = resident.map(mebibytes);
    println!("resident MiB: {idle} idle, {settled} after {SETTLED} s, {end} at the end");
}

/// Trains one run repeatedly until the time is over.
fn train(daemon: &Daemon, load: Load, number: usize, bodies: &[Vec<u8>], seen: &Seen) {
    let is_over = || seen.over.load(Ordering::Relaxed);
    let names: Vec<String> = (0..load.layers).map(|layer| format!("\"layer{layer}\"")).collect();
    // Spread the starts of the trainers.
    sleep(load.pause * number as u32 / load.runs as u32);
    for attempt in 0_u64.. {
        let (run, attempt) = (format!("/api/v1/runs/run{number}"), format!("{:016x}", attempt << 32 | number as u64));
        let declaration = format!("{{\"attempt\": \"{attempt}\", \"layers\": [{}]}}", names.join(","));
        let declared = daemon.ask("PUT", &run, declaration.as_bytes());
        assert_eq!(declared.0, 200, "{}", declared.1);
        for (epoch, body) in bodies.iter().enumerate() {
            let begun = Stopwatch::start();
            let frame = format!("{run}/epochs/{epoch}/activations?attempt={attempt}&seq=0");
            while !send(daemon, &frame, body, seen) && load.insists && !is_over() {
                sleep(Duration::from_millis(50));
            }
            let end = format!("{run}/epochs/{epoch}/end?attempt={attempt}");
            let ended = daemon.ask("POST", &end, b"{\"train_loss\": 0.5}").0;
            assert!([200, 429].contains(&ended), "{ended}");
            seen.epochs.fetch_add(u64::from(ended == 200), Ordering::Relaxed);
            if is_over() {
                return;
            }
            sleep(load.pause.saturating_sub(begun.elapsed()));
        }
        let finished = daemon.ask("POST", &format!("{run}/finish?attempt={attempt}"), b"{\"status\": \"finished\"}");
        assert_eq!(finished.0, 200, "{}", finished.1);
    }
}

/// Sends a frame, and returns whether it was accepted.
fn send(daemon: &Daemon, path: &str, body: &[u8], seen: &Seen) -> bool {
    let (status, says) = daemon.ask("POST", path, body);
    let count = match status {
        202 => &seen.taken,
        429 if says.contains("being received") => &seen.unreceived,
        429 => &seen.behind,
        _ => panic!("{status}: {says}"),
    };
    count.fetch_add(1, Ordering::Relaxed);
    status == 202
}

fn read_events(daemon: &Daemon, seen: &Seen) {
    while !seen.over.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(daemon.address).expect("the daemon listens");
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("above zero");
        stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the request is taken");
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while !seen.over.load(Ordering::Relaxed) {
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {
                    seen.events.fetch_add(u64::from(line.starts_with(b"event:")), Ordering::Relaxed);
                    line.clear();
                }
                // No event for a second.
                Err(_) => {}
            }
        }
    }
}

/// A frame whose neurons depend on the class as strongly as `signal`.
fn body(load: Load, signal: f32) -> Vec<u8> {
    let noise = |place: usize| (place.wrapping_mul(2_654_435_761) >> 8 & 0xffff) as f32 / 32_768.0 - 1.0;
    let value = |place: usize| {
        let (row, neuron) = (place / load.neurons, place % load.neurons);
        signal * ((row % CLASSES) * (2 * neuron + 1) % CLASSES) as f32 / CLASSES as f32 + noise(place)
    };
    let values: Vec<u8> = (0..load.rows * load.neurons).flat_map(|place| value(place).to_le_bytes()).collect();
    let classes: Vec<u8> = (0..load.rows).flat_map(|row| ((row % CLASSES) as i64).to_le_bytes()).collect();
    let layer = TensorView::new(Dtype::F32, vec![load.rows, load.neurons], &values).expect("bytes and shape go together");
    let classes = TensorView::new(Dtype::I64, vec![load.rows], &classes).expect("bytes and shape go together");
    let layers = (0..load.layers).map(|place| (format!("layer{place}"), layer.clone()));
    safetensors::serialize(layers.chain([("predictions".to_owned(), classes)]), None).expect("names are unlike")
}

/// The daemon's frame counts.
struct Counts {
    offered: u64,
    measured: u64,
    dropped: u64,
    late: u64,
}

impl Counts {
    /// Waits until the daemon's queue is empty, and returns its counts.
    fn at_rest(daemon: &Daemon) -> Self {
        loop {
            let (_, text) = daemon.ask("GET", "/metrics", &[]);
            let sum = |name: &str| -> u64 {
                let of = text.lines().filter(|line| line.starts_with(name));
                of.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>() as u64
            };
            if sum("rotewatch_channel_frames ") == 0 {
                return Counts {
                    offered: sum("rotewatch_frames_offered_total "),
                    measured: sum("rotewatch_frames_measured_total "),
                    dropped: sum("rotewatch_frames_dropped_total{"),
                    late: sum("rotewatch_frames_dropped_total{reason=\"late\"}"),
                };
            }
            sleep(Duration::from_millis(200));
        }
    }
}
