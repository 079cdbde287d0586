//! A grid of short trainings: recorded, scored, resumed after a kill, and reported if one of them fails.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::process::{ended, rotewatch, text};
use crate::support::running::Running;
use crate::support::trainer::or_skip_without;

const GRID: &str = "\
report: onset
seeds: {tune: [1], judge: [11, 12]}
defaults: {examples: 500, epochs: 4, probe-rows: 100}
cells:
  - {name: noisy, label-noise: 0.4, role: [tune, judge]}
  - {name: clean, sampling: [probe, stream]}
";

fn experiment(folder: &TempDir, grid: &str, flags: &[&str]) -> Command {
    let file = folder.path().join("grid.yaml");
    fs::write(&file, grid).expect("a file");
    let mut command = rotewatch(["experiment", text(&file), "--out", text(&folder.path().join("out"))]);
    command.args(flags);
    command
}

fn records(folder: &TempDir) -> Vec<String> {
    let runs = fs::read_dir(folder.path().join("out/runs")).expect("the folder of records");
    let mut names: Vec<String> = runs.map(|run| run.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn written_at(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).and_then(|about| about.modified()).expect("a record")
}

#[test]
fn a_grid_is_trained_once_and_judged_as_often_as_one_likes() {
    if !or_skip_without() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = ended(&mut experiment(&folder, GRID, &["--jobs", "2"]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stderr.contains("7 runs to train, 2 in parallel"), "{}", first.stderr);
    assert_eq!(records(&folder).len(), 7);
    let out = folder.path().join("out");
    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("plotly.js v") && !page.contains("<script src"));
    let table = fs::read_to_string(out.join("report.md")).expect("tables");
    assert_eq!(table.trim_end(), first.stdout.trim_end());
    for part in ["## tune: a probe", "## judge: a probe", "## judge: rows of training batches"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(fs::read_to_string(out.join("runs.csv")).expect("rows").lines().count(), 8);
    assert_eq!(fs::read_to_string(out.join("runs.jsonl")).expect("rows").lines().count(), 7);

    let record = out.join("runs/noisy-s11.json");
    let before = written_at(&record);
    let again = ended(&mut experiment(&folder, GRID, &[]));
    assert_eq!((again.code, again.stdout), (Some(0), first.stdout), "nothing is trained again, and the scores are the same");
    let changed = GRID.replace("label-noise: 0.4", "label-noise: 0.5");
    let judged = ended(&mut experiment(&folder, &changed, &["--judge-only"]));
    assert!(judged.stdout.contains("3 runs of the grid are not recorded yet"), "{}", judged.stdout);
    assert_eq!(written_at(&record), before);
    let redone = ended(&mut experiment(&folder, &changed, &[]));
    assert!(redone.stderr.contains("3 runs to train"), "{}", redone.stderr);
    assert!(written_at(&record) > before);
}

#[test]
fn an_interrupted_experiment_says_how_to_go_on_and_does() {
    if !or_skip_without() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let long = GRID.replace("epochs: 4", "epochs: 40");
    let mut process = Running::start(&mut experiment(&folder, &long, &["--jobs", "1"]));
    process.warns("1/7 noisy-s1");
    process.signal("INT");
    let interrupted = process.end();
    assert_eq!(interrupted.code, Some(130), "{}", interrupted.stderr);
    assert!(interrupted.stderr.contains("run the same command again to continue"), "{}", interrupted.stderr);
    let recorded = records(&folder).len();
    assert!((1..7).contains(&recorded), "{recorded}");
    let resumed = ended(&mut experiment(&folder, &long, &[]));
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(resumed.stderr.contains(&format!("{recorded} already recorded")), "{}", resumed.stderr);
    assert_eq!(records(&folder).len(), 7);
}

#[test]
fn a_run_that_fails_is_recorded_and_named_and_the_others_go_on() {
    if !or_skip_without() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    // MNIST's folder is empty.
    let grid = GRID.replace("name: noisy,", "name: noisy, task: shuffled-mnist,");
    let failed = ended(&mut experiment(&folder, &grid, &["--data", text(folder.path())]));
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("failed: noisy-s11: "), "{}", failed.stderr);
    assert!(failed.stdout.contains("failed: noisy-s11 (") && failed.stdout.contains("clean-probe"), "{}", failed.stdout);
    assert_eq!(records(&folder).len(), 7);
}

#[test]
fn a_sweep_ranks_finished_networks() {
    if !or_skip_without() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let grid = "report: sweep\nover: label-noise\nseeds: {judge: [1, 2]}\ncells: [{name: mlp, examples: 500, epochs: 4, probe-rows: 100, \
                label-noise: [0, 0.5, 1]}]\n";
    let told = ended(&mut experiment(&folder, grid, &[]));
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    assert!(told.stdout.contains("| mean mutual information |"), "{}", told.stdout);
    let page = fs::read_to_string(folder.path().join("out/report.html")).expect("a page");
    assert!(page.contains("Entropy by layer") && page.contains("Mutual information of the pairs of hidden3"));
}
