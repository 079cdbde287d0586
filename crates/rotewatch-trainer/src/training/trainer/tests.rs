use super::*;
use crate::options::{LrStep, Model, TaskOptions};
use crate::training::checkpoints::Checkpoints;
use rotewatch_core::intake::run::NewestVerdict;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Verdict;

fn small() -> TrainOptions {
    let task = TaskOptions { examples: 600, probe_rows: 100, label_noise: 0.4, ..TaskOptions::default() };
    TrainOptions { task, epochs: 3, ..TrainOptions::default() }
}

/// Losses as bits, for exact comparison.
fn bits(losses: Losses) -> [u64; 2] {
    [losses.loss.to_bits(), losses.accuracy.to_bits()]
}

fn train(options: &TrainOptions, mut after_epoch: impl FnMut(&Trainer)) -> Vec<[u64; 2]> {
    let mut trainer = Trainer::new(options.clone()).unwrap();
    let mut all = vec![bits(trainer.evaluate_hold_out())];
    for _ in 0..options.epochs {
        all.push(bits(trainer.train_epoch(&mut Unobserved).losses));
        after_epoch(&trainer);
        all.push(bits(trainer.evaluate_hold_out()));
    }
    all
}

/// Every kind of network, with everything that draws random numbers or keeps statistics.
fn all_kinds() -> impl Iterator<Item = TrainOptions> {
    [Model::Mlp, Model::Cnn].into_iter().flat_map(|model| {
        [false, true].map(|batch_norm| {
            let mut options = TrainOptions { model, batch_norm, epochs: 2, ..small() };
            options.task.examples = 300;
            options.dropout = if batch_norm { 0.3 } else { 0.0 };
            options.task.augment = batch_norm;
            options
        })
    })
}

/// Keeps the shapes of all layer outputs and logits.
#[derive(Default)]
struct Every {
    nth: u64,
    seen: Vec<(usize, Vec<i64>)>,
    logits: Vec<Vec<i64>>,
}

impl StepObserver for Every {
    fn wants(&mut self, step: u64, _: usize) -> bool {
        step.is_multiple_of(self.nth)
    }

    fn layer(&mut self, layer: usize, values: &Tensor) {
        assert!(!values.requires_grad());
        self.seen.push((layer, values.size()));
    }

    fn logits(&mut self, logits: &Tensor) {
        self.logits.push(logits.size());
    }
}

#[test]
fn the_same_options_give_the_same_losses_to_the_last_digit() {
    for options in all_kinds() {
        let first = train(&options, |_| ());
        assert_eq!(first, train(&options, |_| ()), "{options:?}");
        let other = TrainOptions { seed: 2, ..options };
        assert_ne!(first, train(&other, |_| ()));
    }
}

#[test]
fn a_probe_between_epochs_changes_no_loss() {
    for options in all_kinds() {
        let unprobed = train(&options, |_| ());
        let probed = train(&options, |trainer| {
            let mut layers = 0;
            let logits = trainer.observe(&trainer.probe().inputs, &mut |_, _| layers += 1);
            assert_eq!((layers, logits.size()[0]), (3, 100));
            let _ = (trainer.evaluate(), trainer.wrong_labels_fitted());
            // Other draws from libtorch's generator have no effect either.
            let _ = Tensor::randn([7], tch::kind::FLOAT_CPU);
        });
        assert_eq!(unprobed, probed, "{options:?}");
    }
}

#[test]
fn observing_steps_changes_no_loss_and_gets_every_layer_of_the_requested_steps() {
    for options in all_kinds() {
        let mut plain = Trainer::new(options.clone()).unwrap();
        let mut watched = Trainer::new(options.clone()).unwrap();
        let mut every = Every { nth: 2, ..Every::default() };
        for _ in 0..2 {
            assert_eq!(bits(plain.train_epoch(&mut Unobserved).losses), bits(watched.train_epoch(&mut every).losses));
        }
        // 300 examples are two batches of 128 and one of 44; of six steps every other one.
        assert_eq!(watched.steps(), 6);
        assert_eq!(every.logits, [[128, 10], [44, 10], [128, 10]]);
        assert_eq!(every.seen.len(), 3 * 3);
        let neurons = |layer: usize| i64::try_from(watched.layers()[layer].neurons).unwrap();
        assert!(every.seen.iter().all(|(layer, shape)| shape[1] == neurons(*layer)));
    }
}

#[test]
fn a_network_learns_and_in_the_end_fits_wrong_labels() {
    let mut options = small();
    options.epochs = 40;
    let mut trainer = Trainer::new(options).unwrap();
    let untrained = trainer.evaluate();
    assert!((untrained.loss - 10.0_f64.ln()).abs() < 0.05, "{untrained:?}");
    assert!(trainer.wrong_labels_fitted().unwrap() < 0.25);
    let mut best: f64 = 0.0;
    for _ in 0..40 {
        trainer.train_epoch(&mut Unobserved);
        best = best.max(trainer.evaluate().accuracy);
    }
    let (last, fitted) = (trainer.evaluate().accuracy, trainer.wrong_labels_fitted().unwrap());
    assert!(best > 0.7 && last < best - 0.05, "best {best}, last {last}");
    assert!(fitted > 0.6, "{fitted} of the wrong labels fitted");
}

#[test]
fn restored_weights_are_those_that_were_saved_running_statistics_included() {
    let options = TrainOptions { batch_norm: true, ..small() };
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::new(folder.path().to_owned()).unwrap();
    let mut trainer = Trainer::new(options).unwrap();
    trainer.train_epoch(&mut Unobserved);
    let before = trainer.evaluate();
    let unjudged = NewestVerdict {
        epoch: None,
        verdict: Verdict::Learning { ended: None, caveat: None },
        possible_onsets: Vec::new(),
        memorized_share: None,
    };
    checkpoints.keep(trainer.variables(), Epoch(1), &unjudged).unwrap();
    trainer.train_epoch(&mut Unobserved);
    assert_ne!(trainer.evaluate(), before);
    checkpoints.restore(trainer.variables_mut(), Epoch(1)).unwrap();
    assert_eq!(trainer.evaluate(), before);
}

#[test]
fn the_learning_rate_steps() {
    let flat = train(&small(), |_| ());
    let stepped = train(&TrainOptions { lr_step: Some(LrStep { epoch: 3, factor: 0.1 }), ..small() }, |_| ());
    assert_eq!(flat[..5], stepped[..5]);
    assert_ne!(flat[5..], stepped[5..]);
}

#[test]
fn sgd_weight_decay_and_circles_train_too() {
    let task = TaskOptions { task: crate::options::Task::Circles, examples: 1_000, ..TaskOptions::default() };
    let options =
        TrainOptions { task, optimizer: Optimizer::Sgd, learning_rate: 0.1, weight_decay: 1e-4, ..TrainOptions::default() };
    let mut trainer = Trainer::new(options).unwrap();
    for _ in 0..20 {
        trainer.train_epoch(&mut Unobserved);
    }
    assert!(trainer.evaluate().accuracy > 0.97, "{:?}", trainer.evaluate());
    assert_eq!(trainer.wrong_labels_fitted(), None);
}

#[test]
fn prediction_changes_are_counted_from_the_second_pass_on() {
    let mut trainer = Trainer::new(small()).unwrap();
    assert_eq!(trainer.train_epoch(&mut Unobserved).prediction_changes, None);
    let shares: Vec<f64> = (0..3).filter_map(|_| trainer.train_epoch(&mut Unobserved).prediction_changes).collect();
    assert_eq!(shares.len(), 3);
    assert!(shares.iter().all(|share| (0.0..1.0).contains(share)), "{shares:?}");
    assert!(shares[0] > 0.0, "predictions change in the second pass: {shares:?}");
}
