//! What can be read over HTTP, by which clients, and in which formats.

use std::collections::BTreeSet;

use crate::support::activations::{alarmed, by_heart, declaration, judged, layer, send};
use crate::support::catalogue::CATALOGUE;
use crate::support::exposition::Exposition;
use crate::support::http::{get, request};
use crate::support::monitored::{config, monitor, scrape};
use crate::support::need::promtool_is_content;

const ROWS: usize = 600;

#[test]
fn the_catalogue_is_complete_and_every_series_has_its_labels() {
    let hook =
        rotewatch::config::Config::parse("hooks: [{name: 'true', command: {argv: ['true']}}]", "test").expect("a good hook");
    let monitor = monitor(rotewatch::config::Config { hooks: hook.hooks, ..config() });
    let _tap = alarmed(&monitor);
    let _by_heart = by_heart(&monitor);
    // A request is counted after it is answered.
    get(monitor.address().expect("HTTP is on"), "/-/ready");
    let seen = scrape(&monitor);
    let expected: BTreeSet<(&str, &str)> = CATALOGUE.iter().map(|(name, kind, _)| (*name, *kind)).collect();
    assert_eq!(seen.catalogue(), expected);
    for (name, _, labels) in CATALOGUE.iter().filter(|(_, kind, _)| *kind != "histogram") {
        assert_eq!(seen.labels(name), *labels, "{name}");
    }
    assert_eq!(seen.labels("neuron_entropy_nats_bucket"), ["layer", "le", "run", "scope"]);
    assert_eq!(seen.labels("pair_mutual_information_nats_count"), ["layer", "run"]);
    assert!(seen.values().any(|(sample, _)| sample.starts_with("process_resident_memory_bytes")));
    let stats: BTreeSet<&str> = seen
        .series("layer_mutual_information_nats")
        .filter_map(|(sample, _)| sample.rsplit_once("stat=\"").map(|(_, stat)| stat.trim_end_matches("\"}")))
        .collect();
    assert_eq!(stats, BTreeSet::from(["mean", "p05", "p50", "p90", "p95"]));
}

#[test]
fn histograms_hold_one_observation_per_neuron_or_pair_and_epoch() {
    let monitor = monitor(config());
    let _tap = alarmed(&monitor);
    let seen = scrape(&monitor);
    let epochs = 6.0;
    assert_eq!(seen.value(r#"neuron_entropy_nats_count{layer="hidden2",run="alarmed",scope="network"}"#), epochs * 12.0);
    assert_eq!(seen.value(r#"neuron_entropy_nats_count{layer="hidden2",run="alarmed",scope="neuron"}"#), epochs * 12.0);
    assert_eq!(seen.value(r#"pair_mutual_information_nats_count{layer="hidden2",run="alarmed"}"#), epochs * 66.0);
    assert_eq!(seen.value("epoch_compute_seconds_count"), epochs);
    let buckets: Vec<f64> = seen.series("epoch_compute_seconds_bucket").map(|(_, count)| count).collect();
    assert!(!buckets.is_empty() && buckets.contains(&epochs), "{buckets:?}");
}

#[test]
fn what_it_is_too_early_to_say_is_absent_and_an_alarm_is_told_in_every_series_of_it() {
    let monitor = monitor(config());
    let tap = monitor.declare(declaration("young", &["a"])).expect("the name is free");
    let score = r#"memorization_score_ratio{kind="example_level",run="young"}"#;
    let onset = r#"memorization_onset{kind="example_level",run="young"}"#;
    for epoch in 0..2 {
        assert!(send(&tap, epoch, ROWS, &[layer(ROWS, 12, 3.0)]));
        judged(&tap, epoch);
        let seen = scrape(&monitor);
        assert_eq!((seen.get(score), seen.get(onset)), (None, None), "epoch {epoch}");
        assert_eq!(seen.value(r#"run_verdict{run="young",verdict="too_early"}"#), 1.0);
    }
    assert!(send(&tap, 2, ROWS, &[layer(ROWS, 12, 3.0)]));
    judged(&tap, 2);
    let seen = scrape(&monitor);
    assert!(seen.value(score) < 1.0);
    assert_eq!(seen.value(onset), 0.0);
    assert_eq!(seen.get(r#"memorization_onset_epoch{kind="example_level",run="young"}"#), None);
    assert_eq!(seen.value(r#"run_verdict{run="young",verdict="learning"}"#), 1.0);

    let tap = alarmed(&monitor);
    let seen = scrape(&monitor);
    assert!(seen.value(r#"memorization_score_ratio{kind="example_level",run="alarmed"}"#) > 1.0);
    assert_eq!(seen.value(r#"memorization_onset{kind="example_level",run="alarmed"}"#), 1.0);
    assert_eq!(seen.value(r#"memorization_onset_epoch{kind="example_level",run="alarmed"}"#), 3.0);
    assert_eq!(seen.value(r#"run_verdict{run="alarmed",verdict="memorizing"}"#), 1.0);
    assert_eq!(seen.sum("run_verdict"), 2.0, "each of the two runs has one verdict");
    assert_eq!(seen.value(r#"stop_requested{run="alarmed"}"#), 1.0);
    assert_eq!(seen.value(r#"stop_requested{run="young"}"#), 0.0);
    assert!(tap.run().stop().is_requested());
}

#[test]
fn promtool_has_nothing_to_say_of_an_idle_monitor_nor_of_an_alarm() {
    let monitor = monitor(config());
    promtool_is_content(&get(monitor.address().expect("HTTP is on"), "/metrics").body);
    let _tap = alarmed(&monitor);
    promtool_is_content(&get(monitor.address().expect("HTTP is on"), "/metrics").body);
}

#[test]
fn routes_answer_in_their_own_type_and_refuse_what_they_do_not_take() {
    let monitor = monitor(config());
    let address = monitor.address().expect("HTTP is on");
    let table = [
        ("GET", "/-/healthy", 200, "text/plain; charset=utf-8"),
        ("GET", "/-/ready", 200, "text/plain; charset=utf-8"),
        ("GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("GET", "/metrics?name=run", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("GET", "/", 200, "text/html; charset=utf-8"),
        ("GET", "/metrics/", 404, "text/plain; charset=utf-8"),
        ("GET", "/no/such/page", 404, "text/plain; charset=utf-8"),
        ("GET", "/../etc/passwd", 404, "text/plain; charset=utf-8"),
        ("POST", "/metrics", 405, "text/plain; charset=utf-8"),
        ("DELETE", "/", 405, "text/plain; charset=utf-8"),
        ("PUT", "/-/ready", 405, "text/plain; charset=utf-8"),
        ("GET", "/-/reload", 405, "text/plain; charset=utf-8"),
        ("POST", "/-/reload", 403, "text/plain; charset=utf-8"),
    ];
    for (method, path, status, content_type) in table {
        let answer = request(address, method, path, &[("Host", "localhost"), ("Content-Length", "0")]);
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(content_type)), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    let head = request(address, "HEAD", "/metrics", &[("Host", "localhost")]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn the_page_is_the_same_for_everybody_and_runs_its_own_scripts_alone() {
    let monitor = monitor(config());
    let address = monitor.address().expect("HTTP is on");
    let before = get(address, "/").body;
    let _alarmed = alarmed(&monitor);
    let page = get(address, "/");
    assert_eq!(page.body, before, "the page contains no run data, which comes over the API");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && policy.contains("connect-src 'self'"), "{policy}");
    let plotly = page.body.split('"').find(|part| part.starts_with("/assets/plotly-")).expect("the page draws");
    let plotly = get(address, plotly);
    assert_eq!((plotly.status, plotly.header("cache-control")), (200, Some("public, max-age=31536000, immutable")));
    assert_eq!(get(address, "/assets/main.js").header("cache-control"), Some("no-store"));
    assert_eq!(get(address, "/assets/nothing.js").status, 404);
}

#[test]
fn reloading_over_http_needs_permission_and_the_token() {
    use rotewatch::app::ConfigFile;
    use rotewatch::{Monitor, Setup, config::Config};

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rotewatch.yaml");
    let state = folder.path().join("state");
    let text = format!("listen: 127.0.0.1:0\nstate: {}\nweb:\n  allow_reload: true\n", state.display());
    std::fs::write(&path, &text).expect("the folder is writable");
    let file = ConfigFile { path: path.clone(), overlay: Box::new(|_| ()), log_level: crate::support::log::switch() };
    let config = Config::read(&path).expect("the file is in order");
    let monitor = Monitor::set_up(Setup { config, file: Some(file), ..Setup::default() }).expect("the monitor starts");
    let address = monitor.address().expect("HTTP is on");
    let reload = |headers: &[(&str, &str)]| {
        let always = [("Host", "localhost"), ("Content-Length", "0")];
        request(address, "POST", "/-/reload", &[&always, headers].concat())
    };
    assert_eq!(reload(&[]).status, 401);
    assert_eq!(reload(&[("Authorization", "Bearer wrong")]).status, 401);
    let token = std::fs::read_to_string(state.join("token")).expect("the daemon wrote its token");
    let bearer = format!("Bearer {token}");
    assert_eq!(reload(&[("Authorization", &bearer)]).status, 200);
    std::fs::write(&path, format!("{text}nonsense: 1\n")).expect("the folder is writable");
    let refused = reload(&[("Authorization", &bearer)]);
    assert_eq!(refused.status, 500);
    assert!(refused.body.contains("the old one stays in use") && refused.body.contains("nonsense"), "{}", refused.body);
    assert_eq!(Exposition::scrape(address).value("config_last_reload_successful"), 0.0);
}
