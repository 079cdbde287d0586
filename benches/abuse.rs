//! Scrape times and the daemon's memory while clients abuse it: one minute for each kind of abuse, and one without.
//!
//! The daemon knows twenty runs of ten layers, and is scraped ten times a second, each time over a new connection. All abusers run
//! in one process of the lowest priority, so that the benchmark measures their cost to the daemon and not to the machine. They
//! have the token.

mod daemon;

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::rc::Rc;
use std::thread::sleep;
use std::time::Duration;

use daemon::{Daemon, activations};
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_info::measures::quantile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const RUNS: u32 = 20;
const LAYERS: usize = 10;
const BETWEEN_SCRAPES: Duration = Duration::from_millis(100);
/// The argument that turns this program into the abusers: kind, address and token.
const ABUSE: &str = "--abuse";
const MEBIBYTE: usize = 1 << 20;
/// The minimum number of scrapes, however long they take.
const NAMES: u64 = 100_000;

#[derive(Clone, Copy)]
enum Abuse {
    None,
    SlowHeads,
    Endless,
    Lies,
    Packed,
    Names,
    Frames,
}

/// The kinds of abuse, with the number of abusers.
const ABUSES: [(Abuse, &str, usize); 7] = [
    (Abuse::None, "nothing", 0),
    (Abuse::SlowHeads, "heads that drip a byte a second", 1000),
    (Abuse::Endless, "bodies of 10 GB", 8),
    (Abuse::Lies, "lengths that are not kept: 8 MiB said, 64 KiB sent", 64),
    (Abuse::Packed, "bodies that say gzip", 8),
    (Abuse::Names, "run names without end", 4),
    (Abuse::Frames, "frames of 32 MiB, as fast as they are taken", 8),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == ABUSE) {
        let [which, address, token] = [1, 2, 3].map(|after| arguments[place + after].as_str());
        return abuse(which.parse().expect("a number"), address.parse().expect("an address"), token);
    }
    // `cargo test --benches` only checks that the benchmark runs.
    let (seconds, names) = if arguments.iter().any(|argument| argument == "--bench") { (60, NAMES) } else { (1, 1) };
    println!("abuse | answered | scrapes | median ms | p99 ms | longest ms | resident MiB before | most meanwhile | after");
    for (which, (abuse, name, clients)) in ABUSES.iter().enumerate() {
        // A new daemon for each kind, so that memory is measured separately.
        let state = tempfile::tempdir().expect("a temporary folder");
        let daemon = Daemon::start(state.path());
        let (mut client, body) = (daemon.connect(), activations(LAYERS, 200, 64));
        for run in (0..RUNS).map(|run| format!("run{run}")) {
            client.declare(&run, LAYERS);
            client.send_until_taken(&run, 0, 0, &body);
            client.end_epoch(&run, 0);
        }
        assert_eq!(daemon.ask("GET", "/metrics", b"").0, 200);
        let before = daemon.resident_bytes();
        let abusers = (*clients > 0).then(|| Abusers::start(which, &daemon));
        let (mut times, mut most) = (Vec::new(), before);
        let wanted = if matches!(abuse, Abuse::Names) { names } else { 0 };
        let mut answers = 0;
        let watch = Stopwatch::start();
        while watch.elapsed().as_secs() < seconds || answers < wanted {
            let asked = Stopwatch::start();
            let (status, text) = daemon.ask("GET", "/metrics", b"");
            assert_eq!(status, 200);
            times.push(asked.elapsed().as_secs_f64() * 1e3);
            answers = answered(&text);
            most = most.max(daemon.resident_bytes());
            sleep(BETWEEN_SCRAPES.saturating_sub(asked.elapsed()));
        }
        drop(abusers);
        let scrapes = times.len();
        let [median, p99, longest] = [0.5, 0.99, 1.0].map(|share| quantile(&mut times, share).expect("there were scrapes"));
        let mebibytes = [before, most, daemon.resident_bytes()].map(|bytes| format!("{:.1}", bytes as f64 / MEBIBYTE as f64));
        let memory = mebibytes.join(" | ");
        println!("{name} | {answers} | {scrapes} | {median:.1} | {p99:.1} | {longest:.1} | {memory}");
    }
}

/// Answered requests, without scrapes and the initial ones.
fn answered(text: &str) -> u64 {
    let of_routes = text.lines().filter(|line| line.starts_with("rotewatch_http_requests_total{"));
    let answered = of_routes.filter(|line| !line.contains("\"/metrics\""));
    let count: f64 = answered.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
    count as u64 - u64::from(3 * RUNS)
}

/// The process of the abusers, killed when dropped.
struct Abusers(Child);

impl Abusers {
    fn start(which: usize, daemon: &Daemon) -> Self {
        let myself = std::env::current_exe().expect("Linux tells it");
        let mut command = Command::new("nice");
        command.arg("-n19").arg(myself).args([ABUSE, &which.to_string(), &daemon.address.to_string(), daemon.token()]);
        Abusers(command.spawn().expect("nice is in PATH"))
    }
}

impl Drop for Abusers {
    fn drop(&mut self) {
        // `nice` replaces itself with the abusers, so this is their process.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn abuse(which: usize, address: SocketAddr, token: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tasks = tokio::task::LocalSet::new();
    let (token, frame): (Rc<str>, Rc<[u8]>) = (token.into(), activations(8, 2048, 512).into());
    let (abuse, _, clients) = ABUSES[which];
    for client in 0..clients {
        let (token, frame) = (Rc::clone(&token), Rc::clone(&frame));
        tasks.spawn_local(async move {
            for time in 0_u64.. {
                // Being refused and being disconnected are expected here.
                let _ = once(abuse, address, &token, &frame, client as u64, time).await;
            }
        });
    }
    runtime.block_on(tasks);
}

async fn once(abuse: Abuse, address: SocketAddr, token: &str, frame: &[u8], client: u64, time: u64) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let post = |path: &str, length: u64, more: &str| {
        format!(
            "POST /api/v1/runs/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\n{more}\r\n"
        )
    };
    let frame_of = |run: &str| format!("{run}/epochs/1/activations?attempt=00000000000000aa&seq={}", client << 32 | time);
    let own = frame_of(&format!("run{client}"));
    match abuse {
        Abuse::None => {}
        Abuse::SlowHeads => {
            let head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
            for byte in head.iter().chain(std::iter::repeat(&b'a')) {
                stream.write_all(&[*byte]).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Abuse::Endless => {
            stream.write_all(post(&own, 10_000_000_000, "").as_bytes()).await?;
            let zeros = vec![0; MEBIBYTE];
            for _ in 0..10_000 {
                stream.write_all(&zeros).await?;
            }
        }
        Abuse::Lies => {
            stream.write_all(post(&own, 8 << 20, "").as_bytes()).await?;
            stream.write_all(&vec![0; 64 << 10]).await?;
        }
        Abuse::Packed => {
            stream.write_all(post(&own, MEBIBYTE as u64, "Content-Encoding: gzip\r\n").as_bytes()).await?;
            stream.write_all(&vec![31; MEBIBYTE]).await?;
        }
        Abuse::Names => {
            let body = format!("{{\"attempt\": \"{time:016x}\", \"layers\": [\"hidden0\"]}}");
            let declare = post(&format!("name{client}.{time}"), body.len() as u64, "").replacen("POST", "PUT", 1);
            stream.write_all((declare + &body).as_bytes()).await?;
        }
        Abuse::Frames => {
            stream.write_all(post(&own, frame.len() as u64, "").as_bytes()).await?;
            stream.write_all(frame).await?;
        }
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(())
}
