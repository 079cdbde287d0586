//! The paper's first setting on real pictures: MNIST with and without randomized labels.

use std::path::PathBuf;

use crate::support::need::or_skip;
use crate::support::process::text;
use crate::support::training::Trainings;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("ROTEWATCH_DATA").map(PathBuf::from).filter(|folder| folder.is_dir());
    or_skip(folder, "ROTEWATCH_DATA names no folder with the four files of MNIST")
}

#[test]
fn redrawn_labels_of_mnist_are_memorized_and_true_ones_are_learnt() {
    let Some(folder) = folder() else { return };
    let Some(trainings) = Trainings::or_skip() else { return };
    let common = ["--task", "shuffled-mnist", "--data", text(&folder), "--epochs", "30", "--seed", "1", "--listen", "off"];
    let noisy = trainings.document(&[&common, &["--label-noise", "0.4"]]);
    assert_eq!((&noisy["verdict"], &noisy["kind"]), (&"memorizing".into(), &"example_level".into()));
    assert!(noisy["onset_epoch"].as_u64() <= noisy["alarm_epoch"].as_u64() && noisy["onset_epoch"].as_u64() >= Some(1));
    let best = noisy["best_test_accuracy"].as_f64().expect("a test set");
    let last = noisy["test_accuracy"].as_f64().expect("a test set");
    assert!(best - last > 0.1, "the test accuracy dropped as the alarm predicts: {best} became {last}");
    let clean = trainings.document(&[&common, &["--label-noise", "0"]]);
    assert_eq!(clean["verdict"], "learning");
    assert!(clean["test_accuracy"].as_f64() > Some(0.9), "{}", clean["test_accuracy"]);
}
