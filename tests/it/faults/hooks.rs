//! Hooks that hang, give false answers, redirect, fork and flood; alarms that come and go.

use std::fs;

use crate::support::activations::{judged, layer, send};
use crate::support::client::{Client, daemon};
use crate::support::exposition::Exposition;
use crate::support::hooked::{Scene, alarmed, epoch, receiver};
use crate::support::monitored::scrape;
use crate::support::process::text;
use crate::support::running::Running;
use crate::support::until::{DEADLINE, until};
use rotewatch_core::vocabulary::verdict::Verdict;

const ROWS: usize = 600;
/// The most by which a run and an alarm may raise the daemon's peak memory; a hundredth of the flood.
const FLOOD_BYTES: u64 = 64 << 20;

#[test]
fn case_23_hooks_that_hang_never_delay_a_report() {
    let (hanging, told) = receiver(&[]);
    let scene = Scene::new(&format!(
        "\n- {{name: hangs, webhook: {{url: 'http://{hanging}/', timeout_seconds: 60, retries: 0}}}}\n- {{name: sleeps, command: \
         {{argv: [sleep, '600'], timeout_seconds: 300}}}}\n"
    ));
    let tap = scene.run("unhindered");
    let next = alarmed(&tap);
    told.recv_timeout(DEADLINE).expect("the receiver gets the request, and hangs");
    for number in next..next + 20 {
        epoch(&tap, number);
    }
    assert!(scene.outcomes.is_empty(), "twenty epochs were judged while the first hook hangs");
    assert_eq!(scrape(&scene.monitor).value(r#"run_epoch{run="unhindered"}"#), f64::from(next + 19));
}

#[test]
fn case_23_redirects_errors_and_link_local_addresses_end_in_a_counted_failure() {
    let (elsewhere, led_there) = receiver(&["200 OK"]);
    let (redirecting, redirected) = receiver(&[&format!("302 Found\r\nLocation: http://{elsewhere}/")]);
    let (failing, failed) = receiver(&["500 Oops"]);
    let (plain, _) = receiver(&["200 OK"]);
    let scene = Scene::new(&format!(
        "\n- {{name: redirects, webhook: {{url: 'http://{redirecting}/', retries: 0}}}}\n- {{name: fails, webhook: {{url: \
         'http://{failing}/', retries: 1}}}}\n- {{name: metadata, webhook: {{url: 'http://169.254.169.254/', retries: 0}}}}\n- {{name: \
         plain, webhook: {{url: 'https://{plain}/', timeout_seconds: 2, retries: 0}}}}\n"
    ));
    let tap = scene.run("told");
    let next = alarmed(&tap);
    let mut outcomes: Vec<_> = (0..4).map(|_| scene.outcome()).collect();
    outcomes.sort_by_key(|outcome| outcome.hook.to_string());
    let told: Vec<_> = outcomes.iter().map(|of| (of.hook.as_str(), of.result.as_str(), of.tries)).collect();
    assert_eq!(told[0], ("fails", "failed", 2));
    assert!(told[1..].iter().all(|(_, result, tries)| *result != "ok" && *tries == 1), "{told:?}");
    assert!(outcomes[1].detail.contains("hooks may not connect to"), "{}", outcomes[1].detail);
    assert_eq!((outcomes[3].hook.as_str(), outcomes[3].result.as_str()), ("redirects", "refused"), "{}", outcomes[3].detail);
    assert_eq!((redirected.len(), led_there.len(), failed.len()), (1, 0, 2));
    epoch(&tap, next);
}

#[test]
fn case_24_a_command_that_hangs_forks_and_floods_is_ended_with_all_that_it_started() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let config = state.path().join("rotewatch.yaml");
    let wild = r#"sleep 600 & echo $! > child; env > environment; trap "" TERM; yes"#;
    let hook = format!("{{name: wild, command: {{argv: [sh, -c, '{wild}'], timeout_seconds: 1}}}}");
    fs::write(&config, format!("hooks: [{hook}]\n")).expect("the folder is writable");
    let mut daemon = Running::serve(state.path(), &["--config", text(&config)]);
    let client = Client::of(daemon.served_address(), state.path());
    let before = daemon.peak_bytes();
    client.alarming("told");
    let ended = r#"hook_attempts_total{hook="wild",result="timeout"}"#;
    until("the end of the command", || (Exposition::scrape(client.address).value(ended) == 1.0).then_some(()));
    daemon.warns("stopped at its time limit (signal: 9 (SIGKILL))");
    let grown = daemon.peak_bytes() - before;
    assert!(grown < FLOOD_BYTES, "the peak grew by {grown} bytes");
    let child = fs::read_to_string(state.path().join("child")).expect("the command ran in the state folder");
    let stat = format!("/proc/{}/stat", child.trim());
    until("the end of the child", || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")).then_some(()));
    let environment = fs::read_to_string(state.path().join("environment")).expect("it was written");
    let foreign = |line: &&str| !["PATH", "PWD", "SHLVL", "_", "OLDPWD"].contains(&line.split('=').next().unwrap_or_default());
    assert!(environment.lines().filter(foreign).all(|line| line.starts_with("ROTEWATCH_")), "{environment}");
}

#[test]
fn case_24_hooks_cannot_be_set_over_http() {
    let daemon = daemon();
    let hook = br#"{"name": "mine", "command": {"argv": ["touch", "made"]}}"#;
    for method in ["PUT", "POST", "PATCH"] {
        for path in ["hooks", "hooks/mine", "config", "runs/run/hooks"] {
            let status = daemon.client.send(method, path, hook).status;
            assert!([404, 405].contains(&status), "{method} {path}: {status}");
        }
    }
    assert_eq!(scrape(&daemon.monitor).series("hook_attempts_total").count(), 0);
}

#[test]
fn case_34_a_signal_that_flaps_around_the_threshold_is_told_once() {
    let scene = Scene::new("[{name: file, command: {argv: [sh, -c, 'cat >> told']}}]");
    let tap = scene.run("flapping");
    let next = alarmed(&tap);
    let mut verdicts = Vec::new();
    for number in next..next + 24 {
        // Two epochs above the threshold and two below, alternating: longer than the smoothing, shorter than what ends a verdict.
        let signal = if number / 2 % 2 == 0 { 3.9 } else { 1.0 };
        assert!(send(&tap, number, ROWS, &[layer(ROWS, 12, signal)]));
        verdicts.push(matches!(judged(&tap, number).verdict, Verdict::Memorizing { .. }));
    }
    let changes = verdicts.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes <= 2, "{changes} changes of the verdict: {verdicts:?}");
    scene.outcomes.recv_timeout(DEADLINE).expect("the first alarm");
    let told = || fs::read_to_string(scene.folder.path().join("told")).unwrap_or_default();
    let onsets: Vec<serde_json::Value> = told().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut keys: Vec<_> = onsets.iter().map(|told| (told["kind"].to_string(), told["onset_epoch"].to_string())).collect();
    keys.sort();
    let all = keys.len();
    keys.dedup();
    assert_eq!((keys.len(), all <= 2), (all, true), "no onset is notified twice: {onsets:?}");
}

#[test]
fn case_34_an_onset_that_is_found_again_is_told_once() {
    let scene = Scene::new("[{name: file, command: {argv: [sh, -c, 'cat >> told']}}]\ndetect: {quiet_epochs: 1}");
    let tap = scene.run("again");
    let next = alarmed(&tap);
    // One quiet epoch ends the alarm; afterwards the same decline from the same maximum is found again.
    let verdicts: Vec<Verdict> = (next..)
        .zip([4.0, 4.0, 1.0])
        .map(|(number, signal)| {
            assert!(send(&tap, number, ROWS, &[layer(ROWS, 12, signal)]));
            judged(&tap, number).verdict.clone()
        })
        .collect();
    assert!(matches!(verdicts[..], [_, Verdict::Learning { .. }, Verdict::Memorizing { .. }]), "{verdicts:?}");
    let outcomes = [scene.outcome(), scene.outcome()];
    assert_eq!(outcomes[0].onset_epoch, outcomes[1].onset_epoch);
    assert_eq!(outcomes.map(|outcome| outcome.result.as_str()), ["ok", "suppressed"]);
    assert_eq!(fs::read_to_string(scene.folder.path().join("told")).map(|told| told.lines().count()).ok(), Some(1));
}
