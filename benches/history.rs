//! A history of 1,000 runs of 100 epochs and 8 layers: its file size, and the times to write, list, show and export it.
//!
//! The runs go through the feed that the monitor uses; the write time includes making their reports. If `ROTEWATCH_HISTORY` names a folder, the history is kept there for the
//! test that opens its page in a browser (`benches/record/history.md`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rotewatch::history::{Epochs, Reader, Retention, Store, StoreFeed, StoreParams};
use rotewatch_core::intake::run::{Declaration, Run};
use rotewatch_core::monitor::report::{EpochReport, LayerReport};
use rotewatch_core::monitor::{MeasuredEpoch, Sink};
use rotewatch_core::record::{Hints, LayerFigures};
use rotewatch_core::vocabulary::choices::{Ending, Mode};
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::rows::EpochRows;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Verdict;
use rotewatch_info::measures::{LayerMeasures, PairMatrix, quantile};

const RUNS: u32 = 1000;
const EPOCHS: u32 = 100;
const LAYERS: usize = 8;
const NEURONS: usize = 64;
const LISTS: usize = 21;

fn main() {
    // `cargo test --benches` only checks that the benchmark runs.
    let runs = if std::env::args().any(|argument| argument == "--bench") { RUNS } else { 3 };
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let state = std::env::var_os("ROTEWATCH_HISTORY").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let watch = Stopwatch::start();
    write(&state, runs);
    let written = watch.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(state.join("history.sqlite")).expect("the file is there").len();
    let epochs = f64::from(runs * EPOCHS);
    println!("{runs} runs x {EPOCHS} epochs x {LAYERS} layers of {NEURONS} neurons");
    println!("file: {:.1} MiB, {:.0} bytes an epoch", bytes as f64 / f64::from(1 << 20), bytes as f64 / epochs);
    println!("written in {written:.1} s, {:.0} epochs a second", epochs / written);
    let reader = Reader::of(&state);
    let history = || reader.snapshot().expect("it can be read").expect("it is there");
    let list = median(|| assert_eq!(history().runs(1000).expect("they can be read").len(), runs as usize));
    println!("list: {:.2} ms", list.as_secs_f64() * 1e3);
    let name = "run0".parse().expect("a good name");
    let show = median(|| {
        let history = history();
        let run = history.run(&name, None).expect("it can be read").expect("it is there");
        assert_eq!(history.epochs(&run, Epochs::ALL).expect("they can be read").len(), EPOCHS as usize);
    });
    println!("all epochs of a run: {:.2} ms", show.as_secs_f64() * 1e3);
}

fn write(state: &Path, runs: u32) {
    let retention = Retention { matrix_epochs: 8, runs: 10_000 };
    let params = StoreParams { retention, most_bytes: 64 << 30, most_waiting_bytes: 256 << 20 };
    let (store, mut feed, outcomes) = Store::start(state, params).expect("the folder is there");
    for number in 0..runs {
        let layers = (0..LAYERS).map(|layer| format!("hidden{layer}").parse().expect("a good name")).collect();
        let name = format!("run{number}").parse().expect("a good name");
        let run = Run::new(Declaration::new(name, layers, Mode::Probe, "bench"));
        feed.declared(&run);
        let template = layer(number);
        for epoch in 0..EPOCHS {
            tell(&mut feed, &run, epoch, &template);
        }
        feed.ended(&run, Some(Ending::Finished));
    }
    drop((feed, outcomes));
    assert!(store.wait(Stopwatch::start(), Duration::from_hours(1)));
}

/// Waiting for every sixteenth commit keeps the queue within its limit; epochs are committed in batches, as for a fast trainer.
fn tell(feed: &mut StoreFeed, run: &Arc<Run>, epoch: u32, template: &LayerMeasures) {
    let layers = run.declaration().layers.iter().map(|layer| LayerReport {
        layer: layer.clone(),
        neurons_offered: NEURONS,
        figures: LayerFigures::of(template),
        measures: template.clone(),
        rolling: None,
    });
    let metrics = [("train_loss", 1.0 / f64::from(epoch + 1)), ("train_accuracy", 0.5), ("val_loss", 0.7), ("val_accuracy", 0.4)];
    let report = EpochReport {
        run: Arc::clone(run),
        epoch: Epoch(epoch),
        end_inferred: false,
        metrics: EpochMetrics::new(metrics).expect("good names"),
        rows: 1000,
        coverage: Some(1.0),
        // As a run of 0.1.0 would have it; sets of rows add some 10 bytes a row and epoch.
        row_numbers: EpochRows::default(),
        prediction_entropy_nats: Some(2.3),
        neighbour_agreement: Some(0.9),
        layers: layers.collect(),
        answers: Vec::new(),
        memorized_share: None,
        verdict: Verdict::Learning { ended: None, caveat: None },
        hints: Hints::default(),
        raised: Vec::new(),
        compute: Duration::from_millis(20),
        made_at_unix_seconds: 1.7e9,
        interval: None,
    };
    let record = Arc::new(report.record());
    feed.epoch(&MeasuredEpoch { report: Arc::new(report), record, possible_onsets: Vec::new() });
    while epoch % 16 == 15 && run.committed_epoch() != Some(Epoch(epoch)) {
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Values that vary like measured ones, all different, so that they do not compress better than real data.
fn layer(seed: u32) -> LayerMeasures {
    let mut state = u64::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let mut values = |count: usize, scale: f64| -> Vec<f64> { (0..count).map(|_| scale * next()).collect() };
    let pairs = NEURONS * (NEURONS - 1) / 2;
    LayerMeasures {
        name: "hidden".into(),
        neurons: NEURONS,
        rows: 1000,
        reliable: true,
        network_bin_count: 100,
        neuron_bin_count: 10,
        entropy_network_nats: values(NEURONS, 4.6),
        entropy_neuron_nats: values(NEURONS, 2.3),
        mutual_information: PairMatrix::from_condensed(NEURONS, values(pairs, 0.5)),
        normalised_mi: PairMatrix::from_condensed(NEURONS, values(pairs, 0.3)),
        class_information_nats: Some(values(NEURONS, 1.0)),
        ..LayerMeasures::default()
    }
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut seconds: Vec<f64> = (0..LISTS)
        .map(|_| {
            let watch = Stopwatch::start();
            work();
            watch.elapsed().as_secs_f64()
        })
        .collect();
    Duration::from_secs_f64(quantile(&mut seconds, 0.5).expect("it was done several times"))
}
