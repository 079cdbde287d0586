#![expect(clippy::float_cmp, reason = "shares are met to the row")]

use super::*;
use tch::Kind;

fn options(task: Task) -> TaskOptions {
    TaskOptions { task, examples: 1_000, probe_rows: 200, ..TaskOptions::default() }
}

fn labels(split: &Split) -> Vec<i64> {
    Vec::try_from(&split.labels).unwrap()
}

/// The channel of the image, for each row.
fn colors(split: &Split) -> Vec<i64> {
    let ink = split.inputs.sum_dim_intlist([2_i64, 3].as_slice(), false, Kind::Float);
    Vec::try_from(ink.argmax(1, false)).unwrap()
}

fn share_equal(a: &[i64], b: &[i64]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

#[test]
fn sets_have_the_sizes_asked_for_and_the_seed_decides_them() {
    let data = load(&options(Task::Digits), 1).unwrap();
    assert_eq!((data.classes, data.input_shape.as_slice()), (10, [1, 14, 14].as_slice()));
    assert_eq!((data.train.rows(), data.hold_out.rows(), data.test.rows()), (1_000, 100, 5_000));
    assert_eq!(data.probe.inputs.size(), [200, 1, 14, 14]);
    assert!(data.mislabelled.is_none());
    let again = load(&options(Task::Digits), 1).unwrap();
    assert!(data.train.inputs == again.train.inputs && data.probe.inputs == again.probe.inputs);
    let other = load(&options(Task::Digits), 2).unwrap();
    assert!(data.train.inputs != other.train.inputs);
}

#[test]
fn label_noise_leaves_the_pictures_and_the_test_set_alone() {
    let clean = load(&options(Task::Digits), 1).unwrap();
    let noisy = load(&TaskOptions { label_noise: 0.4, ..options(Task::Digits) }, 1).unwrap();
    assert!(clean.train.inputs == noisy.train.inputs && clean.probe.inputs == noisy.probe.inputs);
    assert_eq!(labels(&clean.test), labels(&noisy.test));
    // A redrawn label stays right once in ten: 36 % are wrong.
    let (before, after) = (labels(&clean.train), labels(&noisy.train));
    let wrong = 1.0 - share_equal(&before, &after);
    assert!((wrong - 0.36).abs() < 0.04, "{wrong}");
    let rows = Vec::<i64>::try_from(noisy.mislabelled.unwrap()).unwrap();
    let differ = |row: &usize| before[*row] != after[*row];
    let expected: Vec<i64> = (0..1_000).filter(differ).map(|row| i64::try_from(row).unwrap()).collect();
    assert_eq!(rows, expected);
    let held_out_wrong = 1.0 - share_equal(&labels(&clean.hold_out), &labels(&noisy.hold_out));
    assert!((held_out_wrong - 0.36).abs() < 0.15, "{held_out_wrong}");
}

#[test]
fn a_shortcut_makes_digits_the_coloured_task() {
    let spurious = TaskOptions { spurious: Some(0.9), ..options(Task::Digits) };
    let data = load(&spurious, 1).unwrap();
    let plain = load(&options(Task::Digits), 1).unwrap();
    let truth = |split: &Split| labels(split).iter().map(|&digit| i64::from(digit < 5)).collect::<Vec<_>>();
    assert_eq!((data.classes, data.input_shape.as_slice()), (2, [2, 14, 14].as_slice()));
    assert_eq!(share_equal(&labels(&data.train), &truth(&plain.train)), 0.75);
    assert_eq!(share_equal(&labels(&data.train), &colors(&data.train)), 0.9);
    assert_eq!(data.mislabelled.as_ref().unwrap().size(), [250]);
    assert_eq!(labels(&data.test), truth(&plain.test));
    assert_eq!(share_equal(&labels(&data.test), &colors(&data.test)), 0.5);
}

#[test]
fn augmentation_shifts_the_training_images_differently_each_time() {
    let augmented = TaskOptions { augment: true, ..options(Task::Digits) };
    let data = load(&augmented, 1).unwrap();
    let mut draws = generator(1, Draw::Shifts);
    let first = data.shifted(&mut draws).unwrap();
    let second = data.shifted(&mut draws).unwrap();
    assert_eq!(first.size(), data.train.inputs.size());
    assert!(first != second && first != data.train.inputs);
    assert!(first == data.shifted(&mut generator(1, Draw::Shifts)).unwrap());
    assert!(load(&options(Task::Digits), 1).unwrap().shifted(&mut draws).is_none());
}

#[test]
fn mnist_without_a_folder_names_the_remedy() {
    let message = load(&options(Task::ShuffledMnist), 1).unwrap_err().to_string();
    assert!(message.contains("--data DIR") && message.contains("shuffled-mnist"), "{message}");
}

#[test]
fn mnist_is_spoilt_like_digits_and_is_not_endless() {
    let Some(folder) = crate::data::mnist_for_tests("mnist_is_spoilt_like_digits_and_is_not_endless") else {
        return;
    };
    let shuffled = TaskOptions { data: Some(folder.clone()), label_noise: 0.4, ..options(Task::ShuffledMnist) };
    let data = load(&shuffled, 1).unwrap();
    assert_eq!((data.classes, data.test.rows()), (10, 10_000));
    assert!((320..=400).contains(&data.mislabelled.unwrap().size()[0]));
    let colored = TaskOptions { data: Some(folder.clone()), ..options(Task::ColoredMnist) };
    let data = load(&colored, 1).unwrap();
    assert_eq!(share_equal(&labels(&data.train), &colors(&data.train)), 0.9);
    let greedy = TaskOptions { data: Some(folder), examples: 60_000, ..options(Task::ShuffledMnist) };
    let message = load(&greedy, 1).unwrap_err().to_string();
    assert!(message.contains("use --examples 54363 or fewer"), "{message}");
}
