//! Extreme and invalid activations: the measures stay finite, and masked values are counted.

use crossbeam_channel::{Receiver, bounded};
use rotewatch::config::Binning;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::event::LayerActivations;
use rotewatch_core::monitor::MeasuredEpoch;
use rotewatch_core::monitor::report::EpochReport;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_info::measures::{Columns, LayerSamples, MeasureParams, measure_layers};

use crate::support::activations::{declaration, judged, layer, send};
use crate::support::exposition::Exposition;
use crate::support::monitored::{config, scrape};
use crate::support::until::DEADLINE;

const ROWS: usize = 500;

fn started() -> (Monitor, Receiver<MeasuredEpoch>) {
    let (subscriber, reports) = bounded(64);
    let setup = Setup { config: config(), subscribers: vec![subscriber], ..Setup::default() };
    (Monitor::set_up(setup).expect("the monitor starts"), reports)
}

fn all(value: f32, neurons: usize) -> LayerActivations {
    LayerActivations { neurons, neurons_offered: neurons, values: vec![value; ROWS * neurons] }
}

fn assert_numbers(seen: &Exposition) {
    for (sample, value) in seen.values() {
        let is_bound = sample.contains(r#"le="+Inf""#);
        assert!(value.is_finite() || is_bound, "{sample} {value}");
    }
}

#[test]
fn case_01_values_that_are_no_numbers_are_masked_one_by_one() {
    let (monitor, reports) = started();
    let tap = monitor.declare(declaration("holes", &["a"])).expect("the name is free");
    let whole = layer(ROWS, 16, 3.0);
    let mut holes = whole.clone();
    for (row, value) in [(0, f32::NAN), (1, f32::INFINITY), (2, f32::NEG_INFINITY), (499, f32::NAN)] {
        holes.values[row * 16 + 3] = value;
    }
    assert!(send(&tap, 1, ROWS, &[whole]));
    judged(&tap, 1);
    assert!(send(&tap, 2, ROWS, &[holes]));
    judged(&tap, 2);
    let seen = scrape(&monitor);
    assert_eq!(seen.value("nonfinite_values_total"), 4.0);
    assert_numbers(&seen);
    let reports: Vec<_> = reports.try_iter().map(|of| of.report).collect();
    let entropies = |report: &EpochReport| report.layers[0].measures.entropy_neuron_nats.clone();
    let (whole, holes) = (entropies(&reports[0]), entropies(&reports[1]));
    for (neuron, (whole, holes)) in whole.iter().zip(&holes).enumerate() {
        assert_eq!(whole.to_bits() == holes.to_bits(), neuron != 3, "neuron {neuron}: {whole} {holes}");
        assert!((whole - holes).abs() < 0.1, "four rows of 500 change only little: {whole} {holes}");
    }
}

#[test]
fn case_01_a_layer_of_nothing_but_nan_is_skipped_and_frees_no_alarm() {
    let (monitor, reports) = started();
    let tap = monitor.declare(declaration("diverged", &["sound", "diverged"])).expect("the name is free");
    for epoch in 0..4 {
        assert!(send(&tap, epoch, ROWS, &[layer(ROWS, 16, 1.0), layer(ROWS, 16, 8.0)]));
        judged(&tap, epoch);
    }
    for epoch in 4..8 {
        assert!(send(&tap, epoch, ROWS, &[layer(ROWS, 16, 1.0), all(f32::NAN, 16)]));
        let standing = judged(&tap, epoch);
        let reason = "all activations of layer diverged are NaN or infinite since epoch 4";
        assert!(
            standing.verdict.to_string().starts_with(&format!("cannot judge: {reason}")),
            "epoch {epoch}: {}",
            standing.verdict
        );
    }
    let seen = scrape(&monitor);
    assert_numbers(&seen);
    assert_eq!(seen.value("nonfinite_values_total"), (4 * ROWS * 16) as f64);
    assert_eq!(seen.value(r#"layer_neurons{layer="diverged",run="diverged"}"#), 16.0);
    let skipped = seen.series("layer_entropy_nats").find(|(sample, _)| sample.contains(r#"layer="diverged""#));
    assert_eq!(skipped, None, "a layer without a finite row has no measures");
    let last = reports.try_iter().map(|of| of.report).last().expect("eight epochs were judged");
    assert!(last.layers[0].figures.is_some() && last.layers[1].figures.is_none());
}

#[test]
fn case_01_a_missing_layer_lends_its_judgement_to_no_other() {
    let (monitor, _reports) = started();
    let tap = monitor.declare(declaration("gap", &["early", "last"])).expect("the name is free");
    for epoch in 0..4 {
        assert!(send(&tap, epoch, ROWS, &[layer(ROWS, 16, 1.0), layer(ROWS, 16, 8.0)]));
        judged(&tap, epoch);
    }
    for epoch in 4..8 {
        assert!(send(&tap, epoch, ROWS, &[layer(ROWS, 16, 1.0)]));
        let standing = judged(&tap, epoch);
        // One epoch may lack it by accident.
        let expected =
            if epoch < 6 { "learning; layer last was not received" } else { "cannot judge: layer last was not received" };
        assert!(standing.verdict.to_string().starts_with(expected), "epoch {epoch}: {}", standing.verdict);
    }
}

#[test]
fn case_02_constants_have_no_entropy_and_are_counted() {
    let (monitor, reports) = started();
    let tap = monitor.declare(declaration("dead", &["dead", "half"])).expect("the name is free");
    let mut half = layer(ROWS, 16, 3.0);
    half.values.iter_mut().enumerate().filter(|(place, _)| place % 16 < 8).for_each(|(_, value)| *value = -2.5);
    for epoch in 0..6 {
        assert!(send(&tap, epoch, ROWS, &[all(0.0, 16), half.clone()]));
        judged(&tap, epoch);
    }
    let report = reports.try_iter().map(|of| of.report).last().expect("six epochs were judged");
    let dead = &report.layers[0].measures;
    assert_eq!(dead.constant_neurons, 16);
    assert!(dead.entropy_neuron_nats.iter().chain(&dead.entropy_network_nats).all(|nats| *nats == 0.0));
    assert!(dead.mutual_information.condensed().iter().chain(dead.normalised_mi.condensed()).all(|nats| *nats == 0.0));
    assert!(dead.class_information_nats.as_ref().is_some_and(|of| of.iter().all(|nats| *nats == 0.0)));
    assert_eq!(report.layers[1].measures.constant_neurons, 8);
    let seen = scrape(&monitor);
    assert_numbers(&seen);
    assert_eq!(seen.value(r#"layer_constant_neurons{layer="dead",run="dead"}"#), 16.0);
    assert_eq!(seen.value(r#"layer_mutual_information_ratio{layer="dead",run="dead",stat="mean"}"#), 0.0);
    assert_eq!(seen.value(r#"run_verdict{run="dead",verdict="memorizing"}"#), 0.0);
}

#[test]
fn case_03_denormals_and_the_largest_floats_keep_to_the_bounds() {
    let (monitor, reports) = started();
    let tap = monitor.declare(declaration("extreme", &["a"])).expect("the name is free");
    let extremes = [f32::MIN_POSITIVE / 4.0, f32::MAX, f32::MIN, -0.0, 1e38, -1e-45, 1.0];
    let values = (0..ROWS * 16).map(|place| extremes[(place * place + place / 16) % extremes.len()]).collect();
    assert!(send(&tap, 1, ROWS, &[LayerActivations { neurons: 16, neurons_offered: 16, values }]));
    judged(&tap, 1);
    let report = reports.try_iter().map(|of| of.report).last().expect("an epoch was judged");
    let measures = &report.layers[0].measures;
    let most = 10_f64.ln() + 1e-9;
    assert!(measures.entropy_neuron_nats.iter().all(|nats| (0.0..=most).contains(nats)), "{:?}", measures.entropy_neuron_nats);
    let pairs = measures.mutual_information.condensed();
    assert!(pairs.iter().all(|nats| (-1e-9..=most).contains(nats)), "{pairs:?}");
    assert_eq!(monitor.flow().nonfinite_values, 0, "all values are finite");
    assert_numbers(&scrape(&monitor));
}

/// Returns the entropies of one layer in double precision, which only files contain.
fn entropies_of_doubles(values: &[f64], neurons: usize) -> Vec<f64> {
    let columns = Columns::from_row_major(values.len() / neurons, neurons, values);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let layers = [LayerSamples { name: "a", columns: &columns }];
    measure_layers(&layers, None, &MeasureParams::default(), &pool).swap_remove(0).entropy_neuron_nats
}

#[test]
fn case_03_a_range_beyond_the_largest_double_and_one_below_its_smallest_step_are_cut_into_bins() {
    let of = |values: &[f64]| {
        let turns: Vec<f64> = values.iter().copied().cycle().take(values.len() * 100).collect();
        entropies_of_doubles(&turns, 1)[0]
    };
    // As many bins as distinct values, which are equally frequent: one bin for each.
    assert!((of(&[f64::MIN, -1e307, 1e308, f64::MAX]) - 4_f64.ln()).abs() < 1e-9);
    let least = f64::from_bits(1);
    assert!((of(&[0.0, least, 2.0 * least, 3.0 * least]) - 4_f64.ln()).abs() < 1e-9);
}

#[test]
fn case_05_too_few_rows_are_used_for_no_verdict() {
    let (monitor, reports) = started();
    let tap = monitor.declare(declaration("few", &["a"])).expect("the name is free");
    for (epoch, signal) in (0..).zip([1.0, 8.0, 8.0, 8.0, 0.5, 0.5, 0.5]) {
        assert!(send(&tap, epoch, 40, &[layer(40, 16, signal)]));
        let standing = judged(&tap, epoch);
        let expected = if epoch == 0 { "too early" } else { "cannot judge: the probe has 40 rows" };
        assert!(standing.verdict.to_string().starts_with(expected), "epoch {epoch}: {}", standing.verdict);
    }
    assert!(reports.try_iter().all(|of| !of.report.layers[0].measures.reliable));
    let seen = scrape(&monitor);
    assert_eq!(seen.get(r#"memorization_score_ratio{kind="example_level",run="few"}"#), None);
}

#[test]
fn case_01_a_loss_that_diverged_leaves_no_nan() {
    let (monitor, _reports) = started();
    let tap = monitor.declare(declaration("loss", &["a"])).expect("the name is free");
    assert!(send(&tap, 1, ROWS, &[layer(ROWS, 16, 3.0)]));
    let losses = [("train_loss", f64::NAN), ("val_loss", f64::INFINITY), ("train_accuracy", 0.1)];
    tap.end_epoch_and_await(Epoch(1), EpochMetrics::new(losses).expect("good names"), DEADLINE);
    let seen = scrape(&monitor);
    assert_eq!(seen.value(r#"run_metric{name="train_accuracy",run="loss"}"#), 0.1);
    assert_numbers(&seen);
}

#[test]
fn case_03_an_outlier_flattens_bins_of_equal_width_and_not_those_of_equal_frequency() {
    for (binning, flattened) in [(Binning::EqualWidth, true), (Binning::EqualFrequency, false)] {
        let mut config = config();
        config.measures.binning = binning;
        let (subscriber, reports) = bounded(1);
        let monitor = Monitor::set_up(Setup { config, subscribers: vec![subscriber], ..Setup::default() }).expect("it starts");
        let tap = monitor.declare(declaration("outlier", &["a"])).expect("the name is free");
        let mut outlier = layer(ROWS, 4, 3.0);
        outlier.values[..4].fill(1e30);
        assert!(send(&tap, 1, ROWS, &[outlier]));
        judged(&tap, 1);
        let report = reports.recv().expect("an epoch was judged").report;
        let entropies = &report.layers[0].measures.entropy_neuron_nats;
        assert!(entropies.iter().all(|nats| (*nats < 0.1) == flattened), "{binning}: {entropies:?}");
    }
}
