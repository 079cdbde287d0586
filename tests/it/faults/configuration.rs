//! Edits of the configuration file while the program runs: a good edit applies from the next epoch, a bad one changes nothing and
//! is logged once.

use std::fs;
use std::path::PathBuf;

use rotewatch::app::ConfigFile;
use rotewatch::config::Config;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::tap::Tap;
use rotewatch_core::vocabulary::verdict::Verdict;
use tempfile::TempDir;

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::log;
use crate::support::monitored::{self, scrape};
use crate::support::until::until;

const ROWS: usize = 600;
const LISTEN: &str = "listen: 127.0.0.1:0\n";
const SENSITIVE: &str = "detect:\n  information:\n    decline: 0.0001\n";

/// A monitor that follows its configuration file.
struct Scene {
    monitor: Monitor,
    path: PathBuf,
    _folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rotewatch.yaml");
        fs::write(&path, LISTEN).expect("the folder is writable");
        // As `--listen` does, so that a file without `listen` has the same meaning.
        let overlay = Box::new(|config: &mut Config| config.listen = monitored::config().listen);
        let file = ConfigFile { path: path.clone(), overlay, log_level: log::switch() };
        let config = Config::read(&path).expect("the file is in order");
        let monitor = Monitor::set_up(Setup { config, file: Some(file), ..Setup::default() }).expect("the monitor starts");
        Scene { monitor, path, _folder: folder }
    }

    /// Replaces the file atomically, as careful programs do.
    fn write(&self, text: &str) {
        let aside = self.path.with_extension("new");
        fs::write(&aside, text).expect("the folder is writable");
        fs::rename(&aside, &self.path).expect("the folder is writable");
    }

    fn reload_successful(&self) -> f64 {
        scrape(&self.monitor).value("config_last_reload_successful")
    }

    /// Waits until the file was read with this result.
    fn judged(&self, successful: f64) {
        until("the file to be read again", || (self.reload_successful() == successful).then_some(()));
    }

    /// Returns the log lines about this file.
    fn told(&self, what: &str) -> Vec<String> {
        let mut lines = log::lines_with(self.path.to_str().expect("a plain path"));
        lines.retain(|line| line.contains(what));
        lines
    }

    /// Waits until the log has this message about the file.
    fn tells(&self, what: &str) {
        until(what, || (!self.told(what).is_empty()).then_some(()));
    }
}

/// A run whose signals rise in the first epoch and then decline by about half a percent per epoch: far below the default thresholds.
fn sinking(tap: &Tap, epoch: u32) -> Verdict {
    let signal = if epoch == 0 { 0.2 } else { 4.0 - 0.01 * epoch as f32 };
    assert!(send(tap, epoch, ROWS, &[layer(ROWS, 12, signal)]));
    judged(tap, epoch).verdict.clone()
}

#[test]
fn changed_thresholds_act_on_the_next_epoch() {
    let scene = Scene::new();
    let tap = scene.monitor.declare(declaration("sinking", &["a"])).expect("the name is free");
    for epoch in 0..6 {
        let verdict = sinking(&tap, epoch);
        assert!(!matches!(verdict, Verdict::Memorizing { .. }), "epoch {epoch}: {verdict}");
    }
    scene.write(&format!("{LISTEN}{SENSITIVE}"));
    scene.tells("changed detect.information.decline (0.06 -> 0.0001)");
    let verdict = sinking(&tap, 6);
    let alarm = verdict.alarm().unwrap_or_else(|| panic!("{verdict}"));
    assert_eq!(alarm.alarm_epoch.0, 6);
    assert!(alarm.finding.evidence.iter().all(|evidence| evidence.threshold == 0.0001), "{:?}", alarm.finding.evidence);
    assert_eq!(scene.reload_successful(), 1.0);
}

#[test]
fn case_25_a_wrong_file_is_told_once_and_a_good_edit_recovers() {
    let scene = Scene::new();
    let tap = scene.monitor.declare(declaration("kept", &["a"])).expect("the name is free");
    for epoch in 0..4 {
        sinking(&tap, epoch);
    }
    scene.write(&format!("{LISTEN}{SENSITIVE}sampling:\n  rowz: 7\n"));
    scene.judged(0.0);
    scene.tells("rowz");
    for epoch in 4..7 {
        let verdict = sinking(&tap, epoch);
        assert!(matches!(verdict, Verdict::Learning { .. }), "no part of a wrong file applies: {verdict}");
    }
    // The same text is not reported again, however often the file is written or a reload is requested.
    let reload = scene.monitor.reload().expect("a file is followed");
    for _ in 0..3 {
        scene.write(&format!("{LISTEN}{SENSITIVE}sampling:\n  rowz: 7\n"));
        reload();
    }
    assert_eq!(scene.told("the old configuration stays").len(), 1, "{:?}", scene.told(""));
    let success_before = scrape(&scene.monitor).value("config_last_reload_success_timestamp_seconds");
    scene.write(&format!("{LISTEN}{SENSITIVE}"));
    scene.judged(1.0);
    scene.tells("changed detect.information.decline");
    assert!(matches!(sinking(&tap, 7), Verdict::Memorizing { .. }));
    assert!(scrape(&scene.monitor).value("config_last_reload_success_timestamp_seconds") > success_before);
}

#[test]
fn case_25_a_deleted_file_is_missed_and_found_again() {
    let scene = Scene::new();
    fs::remove_file(&scene.path).expect("the folder is writable");
    scene.judged(0.0);
    scene.tells("cannot be read");
    assert_eq!(scene.told("the old configuration stays").len(), 1, "{:?}", scene.told(""));
    fs::write(&scene.path, format!("{LISTEN}detect:\n  smooth: 3\n")).expect("the folder is writable");
    scene.judged(1.0);
    scene.tells("changed detect.smooth (2 -> 3)");
}

#[test]
fn case_25_a_half_written_file_acts_not_at_all() {
    let scene = Scene::new();
    let whole = format!("{LISTEN}detect:\n  smooth: 3\n");
    scene.write(&whole);
    scene.tells("changed detect.smooth (2 -> 3)");
    for half in ["", "\n", "listen: 127.0.0.1:0\ndetect: {smooth: 3", "listen: [127.0", "listen: 127.0.0.1:0\ndetect:\n  smooth:"]
    {
        scene.write(half);
        scene.judged(0.0);
        scene.write(&whole);
        scene.judged(1.0);
    }
    assert_eq!(scene.told("changed ").len(), 1, "{:?}", scene.told("changed "));
}

#[test]
fn case_25_a_key_that_needs_a_restart_is_refused_by_name() {
    let scene = Scene::new();
    scene.write(&format!("{LISTEN}detect:\n  smooth: 7\nmeasures:\n  bins: 12\nlimits:\n  channel_frames: 3\n"));
    scene.judged(0.0);
    scene.tells("measures.bins (10 -> 12)");
    let told = scene.told("the old configuration stays");
    assert!(told.len() == 1 && told[0].contains("limits.channel_frames (8 -> 3)") && told[0].contains("restart"), "{told:?}");
    assert!(!told[0].contains("detect.smooth"), "keys that may change are not reported: {told:?}");
    assert!(scene.told("changed detect.smooth").is_empty());
}

#[test]
fn case_25_a_storm_of_edits_ends_as_it_was_written_last() {
    let scene = Scene::new();
    for edit in 0..200_u32 {
        let smooth = edit % 90 + 1;
        match edit % 4 {
            0 => scene.write(&format!("{LISTEN}detect:\n  smooth: {smooth}\n")),
            1 => fs::write(&scene.path, format!("{LISTEN}detect:\n  smoo")).expect("the folder is writable"),
            2 => drop(fs::remove_file(&scene.path)),
            _ => fs::write(&scene.path, "").expect("the folder is writable"),
        }
    }
    scene.write(&format!("{LISTEN}detect:\n  smooth: 99\n"));
    scene.tells("-> 99)");
    scene.judged(1.0);
}
