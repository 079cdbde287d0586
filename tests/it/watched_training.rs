//! A running training, seen by Prometheus and by a person who edits its configuration.

use std::fs;

use crate::support::exposition::Exposition;
use crate::support::http::get;
use crate::support::need::promtool_is_content;
use crate::support::process::{ended, rotewatch, text};
use crate::support::running::Running;
use crate::support::servers::{alertmanager, prometheus};
use crate::support::training::{ANY_PORT, NOISY, SMALL, Trainings, document};
use crate::support::until::until;

const ENDLESS: [&str; 8] = ["--examples", "1000", "--epochs", "100000", "--probe-rows", "300", "--run", "endless"];

#[test]
fn metrics_are_served_while_it_trains_and_promtool_has_nothing_to_say() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let mut process = Running::start(&mut trainings.train(&[&ENDLESS[..], &ANY_PORT].concat()));
    let address = process.address();
    let epoch = || Exposition::scrape(address).get(r#"run_epoch{run="endless"}"#);
    let first = until("the first report", epoch);
    until("a later report", || epoch().filter(|later| *later > first + 1.0));
    let text = get(address, "/metrics").body;
    let seen = Exposition::parse(&text);
    assert_eq!(seen.value(r#"run_active{run="endless"}"#), 1.0);
    assert!(seen.value(r#"layer_entropy_nats{layer="hidden3",run="endless",scope="network",stat="mean"}"#) > 0.0);
    assert!(seen.value(r#"layer_mutual_information_nats{layer="hidden3",run="endless",stat="mean"}"#) > 0.0);
    for metric in ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy"] {
        assert!(seen.get(&format!(r#"run_metric{{name="{metric}",run="endless"}}"#)).is_some(), "{metric}");
    }
    assert!(
        seen.values().any(|(sample, value)| sample.starts_with("rotewatch_run_info{") && sample.contains("tch") && value == 1.0)
    );
    assert!(get(address, "/").body.contains("<title>rotewatch</title>"));
    assert!(get(address, "/api/v1/runs").body.contains("endless"));
    assert_eq!(get(address, "/-/ready").status, 200);
    promtool_is_content(&text);
}

#[test]
fn thresholds_edited_while_it_trains_raise_the_alarm_and_a_wrong_edit_is_told_once() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let file = trainings.folder().join("rotewatch.yaml");
    let write = |detect: &str| fs::write(&file, format!("log:\n  level: info\n{detect}")).expect("the folder is writable");
    write("detect:\n  divergence:\n    errors_z: 999\n    losses_z: 999\n");
    let mut process = Running::start(&mut trainings.train(&[&ENDLESS[..], &ANY_PORT, &["--config", text(&file)]].concat()));
    let address = process.address();
    let seen = || Exposition::scrape(address);
    until("epoch 4", || seen().get(r#"run_epoch{run="endless"}"#).filter(|epoch| *epoch >= 4.0));
    assert_eq!(seen().value(r#"run_verdict{run="endless",verdict="learning"}"#), 1.0);

    let tiny = "detect:\n  smooth: 1\n  divergence:\n    epochs: 1\n    seen_z: 1.000001\n    errors_z: 1.000001\n    losses_z: 1.000001\n    errors: 0.000001\n    losses: 0.000001\n";
    write(&format!("{tiny}    from: 3\n"));
    until("the wrong edit", || (seen().value("config_last_reload_successful") == 0.0).then_some(()));
    let at = seen().value(r#"run_epoch{run="endless"}"#);
    until("two more epochs", || seen().get(r#"run_epoch{run="endless"}"#).filter(|epoch| *epoch >= at + 2.0));
    assert_eq!(seen().value(r#"run_verdict{run="endless",verdict="learning"}"#), 1.0);
    let complaints = || process.stderr().lines().filter(|line| line.contains("the old configuration stays")).count();
    until("the complaint", || (complaints() > 0).then_some(()));
    assert!(process.stderr().contains("detect.divergence.from: unknown key"), "{}", process.stderr());

    write(tiny);
    until("the good edit", || (seen().value("config_last_reload_successful") == 1.0).then_some(()));
    until("the alarm", || (seen().value(r#"run_verdict{run="endless",verdict="memorizing"}"#) == 1.0).then_some(()));
    assert_eq!(complaints(), 1, "{}", process.stderr());

    let reloads = || process.stderr().lines().filter(|line| line.contains("the old configuration stays")).count();
    write("measures:\n  bins: 12\n");
    until("the refusal", || (reloads() == 2).then_some(()));
    assert!(process.stderr().contains("measures.bins (10 -> 12)"), "{}", process.stderr());
}

#[test]
fn sighup_reads_the_file_again_and_ends_nothing() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let file = trainings.folder().join("rotewatch.yaml");
    fs::write(&file, "log:\n  level: info\n").expect("the folder is writable");
    let mut process = Running::start(&mut trainings.train(&[&ENDLESS[..], &ANY_PORT, &["--config", text(&file)]].concat()));
    let address = process.address();
    let when = || Exposition::scrape(address).value("config_last_reload_success_timestamp_seconds");
    process.says("epoch      1/100000");
    let before = when();
    process.signal("HUP");
    until("the file to be read again", || (when() > before).then_some(()));
}

#[test]
fn after_the_end_it_keeps_serving_until_it_is_interrupted() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let small: &[&str] = &["--examples", "500", "--epochs", "2", "--probe-rows", "100", "--run", "kept", "--keep-serving"];
    let mut process = Running::start(&mut trainings.train(&[small, &ANY_PORT].concat()));
    let address = process.address();
    process.says("until Ctrl-C");
    let seen = Exposition::scrape(address);
    assert_eq!(seen.value(r#"run_epoch{run="kept"}"#), 2.0);
    until("the run's end to be known", || (Exposition::scrape(address).value(r#"run_active{run="kept"}"#) == 0.0).then_some(()));
    assert_eq!(get(address, "/-/ready").status, 200);
    process.signal("INT");
    let ended = process.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "an interrupt after the end is a success");
}

#[test]
fn an_alert_of_prometheus_stops_a_training_through_alertmanager() {
    let Some(trainings) = Trainings::or_skip() else { return };
    let many = ["--epochs", "5000"];
    let mut process = Running::start(&mut trainings.train(&[&SMALL[..], &NOISY, &many, &ANY_PORT].concat()));
    let address = process.address();
    let Some(alertmanager) = alertmanager(address, &trainings.folder().join("token")) else { return };
    let Some(prometheus) = prometheus(address, Some(alertmanager.address)) else { return };
    prometheus.has("ALERTS{alertstate=\"firing\", alertname=\"RotewatchMemorization\"}");
    let trained = process.end();
    assert_eq!(trained.code, Some(0), "{}", trained.stderr);
    let reason = "alert RotewatchMemorization: digits-mlp-seed1 memorizes wrong labels or single examples";
    let told = trained.stdout.lines().find(|line| line.starts_with("stopped after epoch "));
    assert!(told.is_some_and(|line| line.ends_with(reason)), "{}", trained.stdout);
    let shown = ended(&mut rotewatch(["runs", "show", "digits-mlp-seed1", "--json", "--state", text(trainings.folder())]));
    assert_eq!(document(&shown)["reason"], reason, "the history keeps it");
}
