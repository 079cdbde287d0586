//! The files for running rotewatch elsewhere: the systemd unit, the Kubernetes manifests, Grafana's files, `make observe`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rotewatch::config::Config;
use serde_json::{Value, json};

use crate::support::http::get;
use crate::support::need::or_skip;
use crate::support::process::{ended, text};
use crate::support::running::Running;
use crate::support::servers::{ours, program};
use crate::support::until::until;

/// Returns the documents of a YAML file.
fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = |document: &str| serde_yaml::from_str(document).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.split("\n---\n").map(read).collect()
}

/// Returns what `make share` writes for Kubernetes. Skips with a message if Python is missing.
fn rendered() -> Option<tempfile::TempDir> {
    let mut python = program("python3", "python3")?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = ended(python.arg(ours("config/kubernetes/render.py")).arg(folder.path()));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    Some(folder)
}

#[test]
fn the_unit_is_in_order_and_may_do_little() {
    let Some(mut systemd_analyze) = program("systemd-analyze", "systemd") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unit = fs::read_to_string(ours("config/systemd/rotewatch.service")).expect("the unit is there");
    let told: f64 =
        unit.split_once("` says ").and_then(|(_, rest)| rest.split_once(' ')?.0.parse().ok()).expect("a score in the note");
    // The unit is only valid if its program exists.
    let unit = unit.replace("/usr/local/bin/rotewatch", env!("CARGO_BIN_EXE_rotewatch"));
    let path = folder.path().join("rotewatch.service");
    fs::write(&path, unit).expect("the folder is writable");
    let verified = ended(systemd_analyze.args(["verify", text(&path)]));
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{}", verified.stdout);
    let threshold = format!("--threshold={}", (told * 10.0).round());
    let mut systemd_analyze = Command::new("systemd-analyze");
    let judged = ended(systemd_analyze.args(["security", "--offline=true", "--no-pager", &threshold, text(&path)]));
    assert_eq!(judged.code, Some(0), "the exposure score is above that in the unit's note: {}", judged.stdout);
}

#[test]
fn the_unit_asks_for_the_port_that_the_daemon_takes() {
    let unit = fs::read_to_string(ours("config/systemd/rotewatch.service")).expect("the unit is there");
    let port = Config::default().listen.expect("HTTP is on").port();
    assert!(unit.contains(&format!("SocketBindAllow=ipv4:tcp:{port}\n")));
}

#[test]
fn the_rules_and_dashboards_for_kubernetes_are_those_of_the_repository() {
    let Some(folder) = rendered() else { return };
    for (document, file) in documents(&folder.path().join("prometheusrule.yaml")).iter().zip(["recording", "alerts"]) {
        assert_eq!((&document["apiVersion"], &document["kind"]), (&json!("monitoring.coreos.com/v1"), &json!("PrometheusRule")));
        let rules = ours(&format!("config/prometheus/{file}.rules.yml"));
        assert_eq!(document["spec"]["groups"], documents(&rules)[0]["groups"], "promtool has checked these");
    }
    let maps = documents(&folder.path().join("dashboards.yaml"));
    assert_eq!(maps.len(), 2);
    for map in maps {
        assert_eq!((&map["kind"], &map["metadata"]["labels"]["grafana_dashboard"]), (&json!("ConfigMap"), &json!("1")));
        for (file, content) in map["data"].as_object().expect("files") {
            let dashboard = fs::read_to_string(ours(&format!("dashboards/{file}"))).expect("the dashboard is there");
            assert_eq!(content, &json!(dashboard), "{file}");
        }
    }
}

#[test]
fn kubernetes_own_kinds_are_valid() {
    let validate = ours(".venv/bin/kubernetes-validate");
    let Some(validate) = or_skip(validate.exists().then_some(validate), "kubernetes-validate is not in .venv (make test)") else {
        return;
    };
    let Some(folder) = rendered() else { return };
    for version in ["1.29", "1.37"] {
        let mut command = Command::new(&validate);
        command
            .args(["--strict", "-k", version])
            .arg(ours("config/kubernetes/sidecar.yaml"))
            .arg(folder.path().join("dashboards.yaml"));
        let said = ended(&mut command);
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    }
}

#[test]
fn the_pod_monitor_looks_for_what_the_sidecar_has() {
    let monitor = &documents(&ours("config/kubernetes/podmonitor.yaml"))[0];
    let keys = |value: &Value| -> BTreeSet<String> { value.as_object().expect("an object").keys().cloned().collect() };
    let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!((&monitor["apiVersion"], &monitor["kind"]), (&json!("monitoring.coreos.com/v1"), &json!("PodMonitor")));
    assert_eq!(keys(monitor), named(&["apiVersion", "kind", "metadata", "spec"]));
    assert_eq!(keys(&monitor["spec"]), named(&["namespaceSelector", "podMetricsEndpoints", "selector"]));
    assert_eq!(monitor["spec"]["namespaceSelector"], json!({ "any": true }));
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    assert_eq!(keys(endpoint), named(&["honorLabels", "interval", "path", "port", "relabelings"]));
    assert_eq!((&endpoint["path"], &endpoint["honorLabels"]), (&json!("/metrics"), &json!(false)));
    for relabeling in endpoint["relabelings"].as_array().expect("a list") {
        assert!(keys(relabeling).is_subset(&named(&["replacement", "separator", "sourceLabels", "targetLabel"])), "{relabeling}");
    }
    assert_eq!(endpoint["relabelings"][0], json!({ "targetLabel": "job", "replacement": "rotewatch" }));
    let pod = &documents(&ours("config/kubernetes/sidecar.yaml"))[0]["spec"]["template"];
    let wanted = monitor["spec"]["selector"]["matchLabels"].as_object().expect("labels");
    assert!(wanted.iter().all(|(label, value)| pod["metadata"]["labels"][label] == *value));
    let sidecar = &pod["spec"]["initContainers"][0];
    assert_eq!(sidecar["ports"][0]["name"], endpoint["port"]);
    assert_eq!(sidecar["restartPolicy"], "Always");
    let port = Config::default().listen.expect("HTTP is on").port();
    assert_eq!(sidecar["ports"][0]["containerPort"], port);
    assert!(sidecar["args"].as_array().is_some_and(|words| words.contains(&json!(format!("0.0.0.0:{port}")))));
}

#[test]
fn grafana_is_told_of_one_data_source_and_of_the_folder() {
    let source = &documents(&ours("config/grafana/provisioning/datasources/prometheus.yml"))[0];
    assert_eq!((&source["apiVersion"], &source["datasources"][0]["type"]), (&json!(1), &json!("prometheus")));
    let provider = &documents(&ours("config/grafana/provisioning/dashboards/rotewatch.yml"))[0];
    assert_eq!((&provider["apiVersion"], &provider["providers"][0]["type"]), (&json!(1), &json!("file")));
    assert!(provider["providers"][0]["options"]["path"].is_string());
}

/// Returns the processes that have this folder in their command line.
fn processes_of(folder: &str) -> Vec<PathBuf> {
    let all = fs::read_dir("/proc").expect("Linux").filter_map(|entry| Some(entry.ok()?.path()));
    let command =
        |process: &PathBuf| fs::read(process.join("cmdline")).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    all.filter(|process| command(process).is_some_and(|line| line.contains(folder))).collect()
}

#[test]
fn observe_starts_everything_and_ends_it() {
    let Some(_) = program("prometheus", "prometheus") else { return };
    let Some(_) = program("prometheus-alertmanager", "prometheus-alertmanager") else { return };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(ours("config/prometheus/observe.sh"));
    command.env("TMPDIR", temporary.path()).stdin(Stdio::null());
    // The daemon takes the same flags as a training, but never ends.
    let mut observed = Running::start(command.args([env!("CARGO_BIN_EXE_rotewatch"), "serve"]));
    observed.says("serving at ");
    let said = observed.stdout();
    let address = |line: &str| {
        let (_, rest) = said.split_once(line).unwrap_or_else(|| panic!("{line}: {said}"));
        let rest = rest.trim_start().strip_prefix("http://").unwrap_or_else(|| panic!("{line}: {said}"));
        rest.split('/').next().and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}: {said}"))
    };
    for (line, path) in [("Prometheus ", "/-/ready"), ("Alertmanager ", "/-/ready"), ("\nrotewatch ", "/-/ready")] {
        until(line, || (get(address(line), path).status == 200).then_some(()));
    }
    let folder = text(temporary.path());
    assert!(processes_of(folder).len() >= 2, "Prometheus and Alertmanager write there");
    observed.signal("INT");
    let ended = observed.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(processes_of(folder), [] as [PathBuf; 0]);
    assert_eq!(fs::read_dir(temporary.path()).expect("the folder is there").count(), 0);
}
