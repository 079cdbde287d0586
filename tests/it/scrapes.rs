//! Scrapes: the same text for the same state, compressed on request, and bounded in size.

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::support::activations::{alarmed, by_heart, layer};
use crate::support::client::{ATTEMPT, Daemon, daemon, daemon_with, document, frame};
use crate::support::exposition::Exposition;
use crate::support::http::{exchange_bytes, get};
use crate::support::monitored::{config, monitor, scrape};

/// Series whose values change with every scrape.
const RESTLESS: [&str; 6] = [
    "process_",
    "rotewatch_epoch_compute_seconds",
    "rotewatch_run_epoch_interval_seconds",
    "rotewatch_run_last_epoch_timestamp_seconds",
    "rotewatch_tap_wait_seconds_total",
    "rotewatch_build_info",
];

/// An exposition without the series that always change; numbers rounded to nine digits.
fn settled(text: &str) -> String {
    let line = |line: &str| {
        let Some((sample, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else { return line.to_owned() };
        let sample = ["attempt=\"", "version=\"", "kernel=\""].iter().fold(sample.to_owned(), |sample, label| {
            let parts = sample.split_once(label).and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
            parts.map_or(sample.clone(), |(before, after)| format!("{before}{label}...\"{after}"))
        });
        let is_restless = RESTLESS.iter().any(|name| sample.starts_with(name));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        if is_restless {
            format!("{sample} ...")
        } else {
            format!("{sample} {}", format!("{value:.9e}").parse::<f64>().expect("a number"))
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_golden_exposition() {
    let monitor = monitor(config());
    let _taps = [alarmed(&monitor), by_heart(&monitor)];
    let text = get(monitor.address().expect("HTTP is on"), "/metrics").body;
    insta::with_settings!({ snapshot_path => "../data", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("metrics", settled(&text));
    });
}

#[test]
fn a_scrape_is_compressed_for_those_who_take_it() {
    let monitor = monitor(config());
    let _tap = alarmed(&monitor);
    let address = monitor.address().expect("HTTP is on");
    let host = address.to_string();
    let plain = exchange_bytes(address, "GET", "/metrics", &[("Host", &host)], &[]);
    assert_eq!((plain.status, plain.header("content-encoding"), plain.header("vary")), (200, None, Some("accept-encoding")));
    let compressed = exchange_bytes(address, "GET", "/metrics", &[("Host", &host), ("Accept-Encoding", "gzip")], &[]);
    assert_eq!((compressed.status, compressed.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(compressed.header("content-type"), plain.header("content-type"));
    let mut text = String::new();
    GzDecoder::new(&compressed.body[..]).read_to_string(&mut text).expect("gzip, and text");
    let series = |text: &str| -> BTreeSet<String> {
        Exposition::parse(text)
            .values()
            .map(|(sample, _)| sample.to_owned())
            .filter(|sample| !sample.contains("requests"))
            .collect()
    };
    assert_eq!(series(&text), series(&String::from_utf8(plain.body).expect("text")));
    assert!(compressed.body.len() * 4 < text.len(), "{} of {}", compressed.body.len(), text.len());
}

#[test]
fn a_wish_to_stop_is_exported_before_the_next_epoch() {
    let daemon = daemon();
    document(&daemon.client.declare("run", ATTEMPT, &["a"]), 200);
    document(&daemon.client.activations("run", 0, 0, &frame(&[("a", &layer(600, 4, 2.0))])), 202);
    daemon.client.judged("run", 0);
    let stop_requested = || scrape(&daemon.monitor).value(r#"stop_requested{run="run"}"#);
    assert_eq!(stop_requested(), 0.0);
    document(&daemon.client.send("POST", "runs/run/stop", br#"{"reason": "enough"}"#), 200);
    assert_eq!(stop_requested(), 1.0);
}

#[test]
fn requests_are_counted_by_route_and_status_whatever_they_ask_for() {
    let daemon = daemon();
    let address = daemon.client.address;
    for path in ["/metrics", "/api/v1/runs/no-such", "/api/v1/runs/other", "/no/such/page", "/api/v1/nothing", "/assets/main.js"]
    {
        get(address, path);
    }
    daemon.client.send("POST", "runs/a/stop", b"{}");
    let seen = scrape(&daemon.monitor);
    for (labels, count) in [
        (r#"code="200",route="/metrics""#, 1.0),
        (r#"code="404",route="/api/v1/runs/{run}""#, 2.0),
        (r#"code="404",route="other""#, 2.0),
        (r#"code="200",route="/assets""#, 1.0),
        (r#"code="422",route="/api/v1/runs/{run}/stop""#, 1.0),
    ] {
        assert_eq!(seen.value(&format!("http_requests_total{{{labels}}}")), count, "{labels}");
    }
}

/// Two runs of one layer, one epoch each.
fn two_runs(series_max: usize) -> Daemon {
    let daemon = daemon_with(|config| config.limits.series = series_max);
    for run in ["a", "b"] {
        document(&daemon.client.declare(run, ATTEMPT, &["fc"]), 200);
        document(&daemon.client.activations(run, 0, 0, &frame(&[("fc", &layer(600, 4, 2.0))])), 202);
        daemon.client.judged(run, 0);
    }
    daemon
}

#[test]
fn above_the_limit_histograms_go_first_and_runs_as_a_whole_stay() {
    fn of_run(seen: &Exposition, run: &str) -> (usize, usize, usize) {
        let label = format!("run=\"{run}\"");
        let named = |start: &'static str| {
            seen.values().filter(|(sample, _)| sample.starts_with(start) && sample.contains(&label)).count()
        };
        let histograms = named("rotewatch_neuron_") + named("rotewatch_pair_");
        (named("rotewatch_run_") + named("rotewatch_stop_"), named("rotewatch_layer_"), histograms)
    }
    let seen = scrape(&two_runs(50_000).monitor);
    let (whole, layers, histograms) = of_run(&seen, "a");
    assert!(whole > 5 && layers > 50 && histograms == 3 * 15, "{whole} {layers} {histograms}");
    assert_eq!(seen.value("series_limited_total"), 0.0);
    for (room, a, b) in [
        (2 * layers + histograms, (layers, histograms), (layers, 0)),
        (2 * layers, (layers, 0), (layers, 0)),
        (layers, (layers, 0), (0, 0)),
        (0, (0, 0), (0, 0)),
    ] {
        // Series about both runs count towards the limit, but are never left out.
        let daemon = two_runs(room + if room == 0 { 0 } else { 2 * whole });
        let seen = scrape(&daemon.monitor);
        assert_eq!(of_run(&seen, "a"), (whole, a.0, a.1), "room for {room}");
        assert_eq!(of_run(&seen, "b"), (whole, b.0, b.1), "room for {room}");
        let left_out = 2 * (layers + histograms) - a.0 - a.1 - b.0 - b.1;
        assert_eq!(seen.value("series_limited_total"), left_out as f64);
        assert_eq!(scrape(&daemon.monitor).value("series_limited_total"), 2.0 * left_out as f64);
    }
}
