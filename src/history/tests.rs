use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use rotewatch_core::intake::run::{Declaration, Run};
use rotewatch_core::monitor::report::{EpochReport, LayerReport};
use rotewatch_core::monitor::{MeasuredEpoch, Sink};
use rotewatch_core::record::catalogue::Measure;
use rotewatch_core::record::{Hints, LayerFigures, LossGap, document as as_json};
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::rows::{EpochRows, RowNumbers};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::{Alarm, Finding, Harm, Kind, MemorizedShare, Verdict, VerdictWord};
use rotewatch_info::measures::{LayerMeasures, PairMatrix};

const PARAMS: StoreParams =
    StoreParams { retention: Retention { matrix_epochs: 2, runs: 100 }, most_bytes: 1 << 30, most_waiting_bytes: 1 << 30 };
const PATIENCE: Duration = Duration::from_mins(2);

/// Sends entries to the history of a state folder, and waits until everything is written.
fn told(state: &TempDir, params: StoreParams, tell: impl FnOnce(&mut StoreFeed)) -> Arc<StoreCounts> {
    let (store, mut feed, outcomes) = Store::start(state.path(), params).expect("the folder is there");
    tell(&mut feed);
    drop((feed, outcomes));
    let counts = store.counts();
    assert!(store.wait(Stopwatch::start(), PATIENCE));
    counts
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Stopwatch::start();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn snapshot(state: &TempDir) -> Snapshot {
    Reader::of(state.path()).snapshot().expect("the history can be read").expect("there is one")
}

fn stored(state: &TempDir, run: &Run) -> StoredRun {
    snapshot(state).run(run.name(), None).expect("it can be read").expect("it is there")
}

fn a_run(name: &str) -> Arc<Run> {
    let layers = ["fc\"1\"", "<b>fc2</b>"].map(|name| name.parse::<LayerName>().expect("a good name"));
    let declaration = Declaration::new(name.parse().expect("a good name"), layers.into(), Mode::Probe, "test");
    Run::new(Declaration { probe: Some("100 rows".into()), ..declaration })
}

/// Three unseen rows with every number, and two seen rows with losses alone.
fn row_numbers(epoch: u32) -> EpochRows {
    let unseen = RowNumbers {
        losses: Some(vec![0.1, 2.5, f32::NAN]),
        errors: Some(vec![0.0, 1.0, 1.0]),
        predictions: Some(vec![-1, i64::from(epoch), i64::MAX]),
        confidence: Some(vec![0.9, 0.4, 0.5]),
        entropy: Some(vec![0.3, 1.1, 0.7]),
    };
    let seen = RowNumbers { losses: Some(vec![0.25, 0.5]), ..RowNumbers::default() };
    EpochRows { unseen: Some(Arc::new(unseen)), seen: (epoch > 0).then(|| Arc::new(seen)) }
}

/// A report of two layers, of which the second could not be measured.
fn report(run: &Arc<Run>, epoch: u32, entropies: &[f64], verdict: Verdict) -> Arc<EpochReport> {
    let neurons = entropies.len();
    let pairs: Vec<f64> =
        rotewatch_info::measures::pairwise::pairs_of(neurons).map(|(i, j)| entropies[i].min(entropies[j])).collect();
    let measures = |entropies: &[f64], pairs: Vec<f64>| LayerMeasures {
        name: "any".into(),
        neurons: entropies.len(),
        rows: 100,
        constant_neurons: 1,
        reliable: true,
        network_bin_count: 100,
        neuron_bin_count: 10,
        entropy_network_nats: entropies.to_vec(),
        entropy_neuron_nats: entropies.to_vec(),
        mutual_information: PairMatrix::from_condensed(entropies.len(), pairs.clone()),
        normalised_mi: PairMatrix::from_condensed(entropies.len(), pairs),
        class_information_nats: Some(entropies.to_vec()),
        ..LayerMeasures::default()
    };
    let layer = |place: usize, measures: LayerMeasures| LayerReport {
        layer: run.declaration().layers[place].clone(),
        neurons_offered: neurons,
        figures: LayerFigures::of(&measures),
        measures,
        rolling: None,
    };
    Arc::new(EpochReport {
        run: Arc::clone(run),
        epoch: Epoch(epoch),
        end_inferred: false,
        metrics: EpochMetrics::new([("train_loss", 0.5), ("val_loss", f64::NAN)]).expect("good names"),
        rows: 100,
        coverage: Some(0.75),
        prediction_entropy_nats: None,
        neighbour_agreement: Some(0.75),
        row_numbers: row_numbers(epoch),
        memorized_share: (epoch > 0).then_some(MemorizedShare { estimate: 0.31, low: 0.27, high: 1.0 / 3.0 }),
        layers: vec![layer(0, measures(entropies, pairs)), layer(1, measures(&[], Vec::new()))],
        answers: Vec::new(),
        verdict,
        hints: Hints {
            label_wave_epoch: Some(Epoch(1)),
            loss_gap: Some(LossGap { nats: 0.3, lowest_nats: 0.1, lowest_epoch: Epoch(2) }),
        },
        raised: Vec::new(),
        compute: Duration::from_millis(3),
        made_at_unix_seconds: 1.5e9,
        interval: None,
    })
}

/// Sends an epoch.
fn tell(feed: &mut StoreFeed, report: &Arc<EpochReport>, possible_onsets: &[Epoch]) {
    let record = Arc::new(report.record());
    feed.epoch(&MeasuredEpoch { report: Arc::clone(report), record, possible_onsets: possible_onsets.to_vec() });
}

fn learning() -> Verdict {
    Verdict::Learning { ended: None, caveat: None }
}

fn memorizing(onset: u32, alarm: u32) -> Verdict {
    let finding = Finding {
        kind: Kind::ExampleLevel,
        harm: Harm::Shown,
        score: 1.5,
        onset_epoch: Epoch(onset),
        layers: Vec::new(),
        evidence: Vec::new(),
        why: "it \"does\"".into(),
        remedy: "stop".into(),
    };
    Verdict::Memorizing { alarms: vec![Alarm { finding, alarm_epoch: Epoch(alarm) }], caveat: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(entropies in proptest::collection::vec(0.0..4.6_f64, 1..20), epochs in 1_u32..4) {
        let (state, run) = (folder(), a_run("run"));
        let reports: Vec<_> = (0..epochs).map(|epoch| report(&run, epoch, &entropies, learning())).collect();
        told(&state, PARAMS, |feed| {
            feed.declared(&run);
            for report in &reports {
                tell(feed, report, &[]);
            }
        });
        let (history, run) = (snapshot(&state), stored(&state, &run));
        prop_assert_eq!((run.newest_epoch, run.epochs), (Some(Epoch(epochs - 1)), u64::from(epochs)));
        let read = history.epochs(&run, Epochs::ALL).expect("they can be read");
        prop_assert_eq!(read.len(), reports.len());
        for (read, written) in read.iter().zip(&reports) {
            prop_assert!(read.metrics.get("val_loss").is_some_and(f64::is_nan));
            prop_assert_eq!(as_json(read), as_json(&written.record()), "to the last digit");
        }
        let (newest, layer) = (Epoch(epochs - 1), &run.layers[0]);
        let neurons = history.neurons(&run, layer, newest).expect("they can be read").expect("they are kept");
        let rounded: Vec<f64> = entropies.iter().map(|nats| f64::from(*nats as f32)).collect();
        prop_assert_eq!(neurons.class_information_nats.as_ref(), Some(&rounded));
        let matrix = history.matrix(&run, layer, None).expect("it can be read").expect("it is kept");
        prop_assert_eq!((matrix.epoch, matrix.entropy_neuron_nats), (newest, rounded));
        for ((.., read), (.., written)) in matrix.pairs.iter().zip(reports[0].layers[0].measures.mutual_information.iter()) {
            prop_assert!((read - written).abs() < 4.6 / 131_000.0);
        }
    }
}

#[test]
fn an_epoch_is_acknowledged_when_it_is_committed_and_stays_as_it_was() {
    let (state, run) = (folder(), a_run("run"));
    assert_eq!(run.committed_epoch(), None);
    told(&state, PARAMS, |feed| tell(feed, &report(&run, 3, &[1.0, 2.0], learning()), &[]));
    assert_eq!(run.committed_epoch(), Some(Epoch(3)), "a run whose declaration was lost is created from the epoch");
    // The same attempt, as a client declares it to a daemon that was restarted.
    let again = Run::of_attempt(run.declaration().clone(), run.attempt());
    told(&state, PARAMS, |feed| {
        feed.declared(&again);
        tell(feed, &report(&again, 3, &[0.5, 0.5], learning()), &[]);
    });
    assert_eq!(again.committed_epoch(), Some(Epoch(3)));
    let epochs = snapshot(&state).epochs(&stored(&state, &run), Epochs::ALL).expect("they can be read");
    assert_eq!(epochs.len(), 1);
    assert_eq!(epochs[0].layers[0].mean(Measure::EntropyNetworkNats), Some(1.5), "the first one");
}

#[test]
fn what_was_said_of_each_row_comes_back_to_the_last_bit() {
    let (state, run) = (folder(), a_run("run"));
    told(&state, PARAMS, |feed| {
        for epoch in 0..3 {
            tell(feed, &report(&run, epoch, &[1.0, 2.0], learning()), &[]);
        }
    });
    let past = snapshot(&state).past(&stored(&state, &run), Epochs::newest(2)).expect("it can be read");
    for (epoch, past) in (1..).zip(&past) {
        // NaN is no number that equals another, so the values are compared as they are printed.
        assert_eq!((past.record.epoch, format!("{:?}", past.rows)), (Epoch(epoch), format!("{:?}", row_numbers(epoch))));
        let (unseen, seen) = (past.record.unseen.expect("they were sent"), past.record.seen.expect("they were sent"));
        assert_eq!((unseen.rows, unseen.loss, seen.loss, seen.confidence), (3, None, Some(0.375), None));
    }
    assert_eq!(past.len(), 2);
}

#[test]
fn matrices_of_new_epochs_onsets_and_alarms_are_kept() {
    let (state, run) = (folder(), a_run("run"));
    told(&state, PARAMS, |feed| {
        for epoch in 0..10 {
            let verdict = if (5..8).contains(&epoch) { memorizing(2, 5) } else { learning() };
            // Until the alarm comes, epoch 2 is where it would have begun.
            let possible_onsets: &[Epoch] = if (2..5).contains(&epoch) { &[Epoch(2)] } else { &[] };
            tell(feed, &report(&run, epoch, &[1.0, 2.0], verdict), possible_onsets);
        }
    });
    let (history, run) = (snapshot(&state), stored(&state, &run));
    assert_eq!(history.matrix_epochs(&run).expect("they can be read"), [2, 5, 8, 9].map(Epoch));
    let findings = history.findings(&run).expect("they can be read");
    assert_eq!((findings.len(), findings[0].ended_epoch, findings[0].score), (1, Some(Epoch(8)), Some(1.5)));
    assert_eq!(findings[0].alarm.finding.why, "it \"does\"");
    assert_eq!(run.verdict.and_then(|verdict| verdict.verdict), Some(VerdictWord::Learning));
}

#[test]
fn ended_runs_leave_but_for_the_baseline() {
    let state = folder();
    let params = StoreParams { retention: Retention { runs: 2, ..PARAMS.retention }, ..PARAMS };
    let runs = ["good", "b", "c", "d"].map(a_run);
    told(&state, params, |feed| {
        feed.declared(&runs[0]);
        runs[0].finish();
        feed.ended(&runs[0], runs[0].ending());
    });
    assert!(mark_baseline(state.path(), Some(runs[0].name())).expect("it can be marked"));
    told(&state, params, |feed| {
        for run in &runs[1..] {
            feed.declared(run);
            run.finish();
            feed.ended(run, run.ending());
        }
    });
    let names: Vec<String> =
        snapshot(&state).runs(10).expect("they can be read").iter().map(|run| run.name.to_string()).collect();
    assert_eq!(names, ["d", "good"]);
    assert_eq!(snapshot(&state).baseline().expect("it can be read").map(|run| run.name), Some(runs[0].name().clone()));
    assert!(!mark_baseline(state.path(), Some(&"none".parse().expect("a good name"))).expect("it can be read"));
    assert!(mark_baseline(state.path(), None).expect("it can be marked"));
    assert_eq!(snapshot(&state).baseline().expect("it can be read"), None);
}

#[test]
fn a_damaged_file_is_set_aside_by_name_and_a_new_one_begins() {
    let (state, run) = (folder(), a_run("run"));
    fs::write(state.path().join(file::FILE), b"this is no database, whatever its name says").expect("the folder is writable");
    let counts = told(&state, PARAMS, |feed| tell(feed, &report(&run, 0, &[1.0], learning()), &[]));
    assert_eq!((run.committed_epoch(), counts.is_degraded(), counts.errors(StoreOp::Open)), (Some(Epoch(0)), false, 1));
    let names = fs::read_dir(state.path()).expect("the folder").map(|entry| entry.expect("a file").file_name().into_string());
    let aside: Vec<String> = names.flatten().filter(|name| name.starts_with("history.sqlite.corrupt-")).collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    let bytes = fs::read(state.path().join(&aside[0])).expect("it is readable");
    assert!(bytes.starts_with(b"this is no database"), "nothing of it is lost");
    assert_eq!(stored(&state, &run).epochs, 1);
}

#[test]
fn a_file_of_a_later_release_is_left_alone() {
    let (state, run) = (folder(), a_run("run"));
    told(&state, PARAMS, |feed| feed.declared(&run));
    let path = state.path().join(file::FILE);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", schema::SCHEMA + 1).unwrap();
    let counts = told(&state, PARAMS, |feed| tell(feed, &report(&run, 0, &[1.0], learning()), &[]));
    assert_eq!((run.committed_epoch(), counts.is_degraded()), (None, true));
    assert!(Reader::of(state.path()).snapshot().unwrap_err().to_string().contains("a later version of rotewatch"));
}

#[test]
fn a_full_file_degrades_acknowledges_nothing_and_recovers() {
    let (state, run) = (folder(), a_run("run"));
    let params = StoreParams { most_bytes: 1 << 20, retention: Retention { matrix_epochs: 1000, runs: 100 }, ..PARAMS };
    let (store, mut feed, outcomes) = Store::start(state.path(), params).expect("the folder is there");
    let counts = store.counts();
    let noise =
        |epoch: u32| -> Vec<f64> { (0..200).map(|neuron| f64::from((neuron * 7919 + epoch * 31) % 1009) / 300.0).collect() };
    let mut epoch = 0;
    while !counts.is_degraded() {
        tell(&mut feed, &report(&run, epoch, &noise(epoch), learning()), &[]);
        until("an answer to each epoch", || run.committed_epoch() == Some(Epoch(epoch)) || counts.is_degraded());
        epoch += 1;
        assert!(epoch < 1000, "a file of 1 MiB holds no thousand matrices");
    }
    let committed = run.committed_epoch().expect("the first epochs had room");
    assert!(committed < Epoch(epoch - 1) && counts.errors(StoreOp::Write) > 0);
    // Another process makes room, like a user who frees disk space.
    let other = Connection::open(state.path().join(file::FILE)).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute("DELETE FROM pair_matrices", []).unwrap();
    until("the epoch that waited", || run.committed_epoch() == Some(Epoch(epoch - 1)));
    until("all well again", || !counts.is_degraded());
    drop((feed, outcomes, other));
    assert!(store.wait(Stopwatch::start(), PATIENCE));
    assert_eq!(stored(&state, &run).epochs, u64::from(epoch), "nothing was lost");
}

#[test]
fn what_finds_no_room_is_counted_and_nobody_waits_for_it() {
    let (state, run) = (folder(), a_run("run"));
    let path = state.path().join(file::FILE);
    told(&state, PARAMS, |feed| feed.declared(&run));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (store, mut feed, outcomes) =
        Store::start(state.path(), StoreParams { most_waiting_bytes: 1, ..PARAMS }).expect("a folder");
    let counts = store.counts();
    for epoch in 0..3 {
        tell(&mut feed, &report(&run, epoch, &[1.0, 2.0], learning()), &[]);
    }
    assert_eq!((counts.errors(StoreOp::Queue), counts.is_degraded()), (2, true));
    drop((other, feed, outcomes));
    assert!(store.wait(Stopwatch::start(), PATIENCE));
    assert_eq!((run.committed_epoch(), stored(&state, &run).epochs), (Some(Epoch(0)), 1));
}

#[test]
fn several_writers_share_a_file() {
    let state = folder();
    let runs = ["a", "b", "c"].map(a_run);
    std::thread::scope(|scope| {
        for run in &runs {
            let state = &state;
            scope.spawn(move || {
                told(state, PARAMS, |feed| {
                    for epoch in 0..20 {
                        tell(feed, &report(run, epoch, &[1.0, 2.0], learning()), &[]);
                        until("the commit", || run.committed_epoch() == Some(Epoch(epoch)));
                    }
                })
            });
        }
    });
    assert!(runs.iter().all(|run| stored(&state, run).epochs == 20));
}
