//! More load, more requests and more memory than the daemon can handle.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::bounded;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::gate::DropReason;
use rotewatch_core::vocabulary::choices::OnFull;
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::units::Epoch;

use crate::support::activations::{declaration, layer, send};
use crate::support::client::{ATTEMPT, Client, daemon, document, frame};
use crate::support::exposition::Exposition;
use crate::support::http::get;
use crate::support::monitored::{assert_conserved, dropped, scrape, slow};
use crate::support::process::{rotewatch, text};
use crate::support::raw::Raw;
use crate::support::running::Running;
use crate::support::until::{DEADLINE, until};

const ROWS: usize = 2048;
const WIDE: [&str; 4] = ["a", "b", "c", "d"];

#[test]
fn case_16_a_storm_of_scrapers_holds_up_no_epoch() {
    const STORM: usize = 100;
    const SERVED: u64 = 400;
    let daemon = daemon();
    let client = &daemon.client;
    let names: Vec<String> = (0..10).map(|place| format!("layer{place}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let activations = layer(600, 4, 2.0);
    let layers: Vec<_> = names.iter().map(|name| (*name, &activations)).collect();
    let body = frame(&layers);
    for run in 0..20 {
        let run = format!("run{run}");
        document(&client.declare(&run, ATTEMPT, &names), 200);
        document(&client.activations(&run, 0, 0, &body), 202);
        client.judged(&run, 0);
    }
    let seen = scrape(&daemon.monitor);
    assert_eq!(seen.series("layer_neurons").count(), 200);
    let (served, refused, is_over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let (written, hasher) = (Mutex::new(HashSet::new()), RandomState::new());
    let storm = Stopwatch::start();
    let ask = || {
        // Any client that waits for the storm to end has timed out by then.
        while !is_over.load(Ordering::Relaxed) && storm.elapsed() < DEADLINE {
            let answer = get(client.address, "/metrics");
            match answer.status {
                200 => {
                    written.lock().expect("nobody panics with it").insert(hasher.hash_one(answer.body));
                    served.fetch_add(1, Ordering::Relaxed)
                }
                503 => refused.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other}"),
            };
        }
    };
    let more = |count: &AtomicU64, what: &str| {
        let before = count.load(Ordering::Relaxed);
        until(what, || (count.load(Ordering::Relaxed) > before).then_some(()));
    };
    std::thread::scope(|scope| {
        (0..STORM).for_each(|_| drop(scope.spawn(ask)));
        more(&refused, "a scrape for which there is no place");
        document(&client.activations("run0", 1, 0, &body), 202);
        client.judged("run0", 1);
        more(&refused, "the storm to go on");
        until("those who have a place to be served", || (served.load(Ordering::Relaxed) >= SERVED).then_some(()));
        is_over.store(true, Ordering::Relaxed);
    });
    // Each written exposition counts the refusals before it, so that no two are the same.
    let (written, served) = (written.into_inner().expect("nobody panicked with it").len() as u64, served.into_inner());
    assert!(written * 4 <= served, "{written} were written for {served}: waiting scrapers share one");
    assert_eq!(scrape(&daemon.monitor).value(r#"run_epoch{run="run0"}"#), 1.0, "later scrapes are served again");
}

#[test]
fn case_09_a_monitor_that_is_too_slow_drops_frames_and_counts_each() {
    let (subscriber, reports) = bounded(16);
    let setup = Setup { config: slow(OnFull::Drop), subscribers: vec![subscriber], ..Setup::default() };
    let monitor = Monitor::set_up(setup).expect("the monitor starts");
    let tap = monitor.declare(declaration("slow", &WIDE)).expect("the name is free");
    let layers = [layer(ROWS, 512, 1.0), layer(ROWS, 512, 2.0), layer(ROWS, 512, 3.0), layer(ROWS, 512, 4.0)];
    let mut accepted = 0;
    let mut refused = 0;
    for epoch in 1..=3 {
        // As fast as a trainer with nothing to learn, until the monitor has fallen behind in this epoch.
        let watch = Stopwatch::start();
        let mut refused_in_epoch = 0;
        while refused_in_epoch < 20 {
            if send(&tap, epoch, ROWS, &layers) {
                accepted += 1;
            } else {
                refused_in_epoch += 1;
            }
            let counts = monitor.flow();
            let accounted = counts.measured + counts.dropped.iter().sum::<u64>();
            assert!(accounted <= counts.offered && counts.queued <= 2, "{counts:?}");
            assert!(watch.elapsed() < DEADLINE, "the monitor is faster than this loop: {counts:?}");
        }
        refused += refused_in_epoch;
        tap.end_epoch(Epoch(epoch), EpochMetrics::default());
    }
    until("a verdict on an epoch without frames", || {
        // Until the monitor has caught up, there may be no space for an epoch end, and it is left out.
        let standing = tap.end_epoch_and_await(Epoch(4), EpochMetrics::default(), DEADLINE);
        (standing.epoch == Some(Epoch(4))).then_some(())
    });

    let counts = monitor.flow();
    assert_conserved(&counts);
    assert_eq!((counts.offered, counts.queued), (accepted + refused, 0));
    assert_eq!(counts.measured + dropped(&counts, DropReason::Late), accepted, "accepted frames were measured, or were late");
    assert_eq!(dropped(&counts, DropReason::ChannelFull), refused);
    assert_eq!(counts.tap_wait, Duration::ZERO);
    assert_eq!(counts.rows_received, counts.measured * ROWS as u64);

    let coverages: Vec<f64> = reports.try_iter().filter_map(|of| of.report.coverage).collect();
    assert!(!coverages.is_empty() && coverages.iter().all(|share| (0.0..1.0).contains(share)), "{coverages:?}");

    let seen = scrape(&monitor);
    let sum = seen.value("frames_measured_total") + seen.sum("frames_dropped_total") + seen.value("channel_frames");
    assert_eq!(seen.value("frames_offered_total"), sum);
    assert_eq!(seen.value(r#"frames_dropped_total{reason="channel_full"}"#), refused as f64);
    assert_eq!(seen.value("tap_wait_seconds_total"), 0.0);
    assert_eq!(seen.value("channel_capacity_frames"), 2.0);
}

#[test]
fn case_35_under_a_limit_of_memory_frames_are_refused_and_nothing_dies() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let config = state.path().join("rotewatch.yaml");
    std::fs::write(&config, "limits: {channel_bytes: 32MiB, body: 8MiB, channel_frames: 1000}\n")
        .expect("the folder is writable");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--state", text(state.path()), "--config", text(&config)];
    let serve = rotewatch(arguments);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 1500000; exec \"$0\" \"$@\""]).arg(serve.get_program()).args(serve.get_args());
    let mut daemon = Running::start(&mut limited);
    let client = Client::of(daemon.served_address(), state.path());
    let body = frame(&[("a", &layer(ROWS, 512, 1.0))]);
    // Four requests announce all the bytes that may be received at a time: the fifth is refused before it sends a body.
    let announced = |besides: &str| {
        let (path, token) = ("/api/v1/runs/unknown/epochs/0/activations", &client.token);
        let mut announced = Raw::open(client.address);
        announced.send(format!(
            "POST {path}?attempt={ATTEMPT}&seq=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: \
             {}\r\n{besides}\r\n",
            8 << 20
        ));
        announced
    };
    let receiving: Vec<Raw> = (0..4).map(|_| announced("")).collect();
    until("the limit of all bodies", || (announced("Expect: 100-continue\r\n").refusal() == Some(429)).then_some(()));
    drop(receiving);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let trainer = |number: usize| {
            let (client, body) = (&client, &body);
            let run = format!("run{number}");
            document(&client.declare(&run, ATTEMPT, &["a"]), 200);
            move || (0..8).map(|seq| client.activations(&run, 0, seq, body).status).collect::<Vec<u16>>()
        };
        let trainers: Vec<_> = (0..16).map(|number| scope.spawn(trainer(number))).collect();
        trainers.into_iter().flat_map(|trainer| trainer.join().expect("somebody answers")).collect()
    });
    assert!(statuses.iter().all(|status| [202, 429].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&202), "{statuses:?}");
    // One after the other while the monitor is busy: the queue is bounded as well.
    for number in 0..8 {
        document(&client.send("POST", &format!("runs/run{number}/epochs/0/end?attempt={ATTEMPT}"), b"{}"), 200);
    }
    let mut seqs = 0..;
    until("the limit of what is queued", || {
        let status = seqs.next().map(|seq| client.activations("run15", 1, seq, &body).status);
        assert!(matches!(status, Some(202 | 429)), "{status:?}");
        (status == Some(429)).then_some(())
    });
    let queued = Exposition::scrape(client.address);
    assert!(queued.value(r#"frames_dropped_total{reason="byte_budget"}"#) >= 1.0);
    assert_eq!(get(client.address, "/-/ready").status, 200);
    let seen =
        until("an empty channel", || Some(Exposition::scrape(client.address)).filter(|seen| seen.value("channel_frames") == 0.0));
    assert_eq!(seen.value("frames_offered_total"), seen.value("frames_measured_total") + seen.sum("frames_dropped_total"));
    assert!(!daemon.has_ended());
}
