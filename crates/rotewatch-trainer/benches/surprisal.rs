//! Whether surprisal detects rows that do not belong to the training distribution: AUROC compared with the maximum-softmax score.
//!
//! `cargo bench -p rotewatch-trainer --bench surprisal [-- SEEDS]`, also on MNIST if `ROTEWATCH_DATA` names its folder. Two cases, each with
//! networks that were trained on usual rows only:
//!
//! * colours reversed: coloured digits, whose colour agrees with the label as often as `spurious` says, against the same digits in the other colour;
//! * classes held out: clean digits of the eight classes that were trained on, against those of the other two.
//!
//! The reference of the surprisal is 2,000 of the training examples, as in `rotewatch measure --measure surprisal --reference`.

use std::error::Error;
use std::path::PathBuf;

use rotewatch_info::kernels::Kernel;
use rotewatch_info::measures::Columns;
use rotewatch_info::measures::surprisal::{ReferenceBins, mean_over_layers};
use rotewatch_info::measures::{BinEdges, Binning};
use rotewatch_info::statistics::auroc;
use rotewatch_trainer::data::split::Split;
use rotewatch_trainer::data::task_data::TaskData;
use rotewatch_trainer::data::tasks;
use rotewatch_trainer::options::{Task, TaskOptions, TrainOptions};
use rotewatch_trainer::training::trainer::{Trainer, Unobserved};
use tch::{Kind, Tensor};

const SEEDS: u64 = 5;
const EPOCHS: u32 = 15;
const REFERENCE_ROWS: i64 = 2_000;
/// The defaults of `rotewatch measure`.
const BINS: usize = 10;

/// A training set, with rows that belong to it and rows that do not.
struct Question {
    name: String,
    options: TrainOptions,
    data: TaskData,
    usual: Tensor,
    unusual: Tensor,
}

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(SEEDS);
    let mnist = std::env::var_os("ROTEWATCH_DATA").map(PathBuf::from);
    println!(
        "| rows that do not belong | networks | surprisal, all layers | hidden1 | hidden2 | hidden3 | 1 - maximum softmax |"
    );
    println!("|---|---|---|---|---|---|---|");
    for folder in [None, mnist.as_ref()].into_iter().take(if mnist.is_some() { 2 } else { 1 }) {
        for spurious in [0.9, 1.0] {
            told((1..=seeds).map(|seed| colours_reversed(folder, spurious, seed)))?;
        }
        told((1..=seeds).map(|seed| classes_held_out(folder, seed)))?;
    }
    Ok(())
}

fn colours_reversed(folder: Option<&PathBuf>, spurious: f64, seed: u64) -> Result<Question, Box<dyn Error>> {
    let (of, task) = if folder.is_some() { ("MNIST", Task::ColoredMnist) } else { ("digits", Task::Digits) };
    let task = TaskOptions { task, data: folder.cloned(), spurious: Some(spurious), ..TaskOptions::default() };
    let options = TrainOptions { task, epochs: EPOCHS, seed, ..TrainOptions::default() };
    let data = tasks::load(&options.task, seed)?;
    let usual = data.hold_out.inputs.shallow_clone();
    // A picture is in the channel of its colour.
    let unusual = usual.flip([1]);
    Ok(Question { name: format!("{of}, colours reversed, spurious {spurious}"), options, data, usual, unusual })
}

fn classes_held_out(folder: Option<&PathBuf>, seed: u64) -> Result<Question, Box<dyn Error>> {
    let (of, task) = if folder.is_some() { ("MNIST", Task::ShuffledMnist) } else { ("digits", Task::Digits) };
    let task = TaskOptions { task, data: folder.cloned(), ..TaskOptions::default() };
    let options = TrainOptions { task, epochs: EPOCHS, seed, ..TrainOptions::default() };
    let mut data = tasks::load(&options.task, seed)?;
    // Five seeds hold each class out once.
    let first = i64::try_from((seed - 1) % 5)? * 2;
    let (unusual, usual) = apart(&data.test, first);
    data.train = apart(&data.train, first).1;
    Ok(Question { name: format!("{of}, two classes held out"), options, data, usual: usual.inputs, unusual: unusual.inputs })
}

/// Returns the examples of the classes `first` and `first + 1`, and all others.
fn apart(split: &Split, first: i64) -> (Split, Split) {
    let held_out = split.labels.ge(first).logical_and(&split.labels.le(first + 1));
    let chosen = |rows: &Tensor| {
        let rows = rows.nonzero().squeeze_dim(1);
        Split { inputs: split.inputs.index_select(0, &rows), labels: split.labels.index_select(0, &rows) }
    };
    (chosen(&held_out), chosen(&held_out.logical_not()))
}

/// A row of the table: means over the seeds, with minimum and maximum.
fn told(questions: impl Iterator<Item = Result<Question, Box<dyn Error>>>) -> Result<(), Box<dyn Error>> {
    let mut name = String::new();
    let mut areas: Vec<[f64; 5]> = Vec::new();
    for question in questions {
        let question = question?;
        name.clone_from(&question.name);
        areas.push(asked(question)?);
    }
    let cell = |score: usize| {
        let of_seeds: Vec<f64> = areas.iter().map(|area| area[score]).collect();
        let mean = of_seeds.iter().sum::<f64>() / of_seeds.len() as f64;
        let least = of_seeds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = of_seeds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("{mean:.3} ({least:.3} to {most:.3})")
    };
    println!("| {name} | {} | {} |", areas.len(), (0..5).map(cell).collect::<Vec<_>>().join(" | "));
    Ok(())
}

/// Returns the AUROC of each score for one network.
fn asked(question: Question) -> Result<[f64; 5], Box<dyn Error>> {
    let Question { options, data, usual, unusual, .. } = question;
    let reference = data.train.inputs.narrow(0, 0, REFERENCE_ROWS);
    let mut trainer = Trainer::on(data, options)?;
    for _ in 0..EPOCHS {
        trainer.train_epoch(&mut Unobserved);
    }
    let bins: Vec<ReferenceBins> = seen(&trainer, &reference)
        .0
        .iter()
        .map(|layer| ReferenceBins::of(layer, BINS, Binning::EqualWidth, BinEdges::Closed, Kernel::get()))
        .collect();
    let [usual, unusual] = [usual, unusual].map(|inputs| scores(&trainer, &bins, &inputs));
    let mut areas = [f64::NAN; 5];
    for (area, (usual, unusual)) in areas.iter_mut().zip(usual.iter().zip(&unusual)) {
        *area = auroc(unusual, usual).ok_or("a score is NaN")?;
    }
    Ok(areas)
}

/// Returns for each row the surprisal over all layers and in each of the three, and the network's uncertainty.
fn scores(trainer: &Trainer, bins: &[ReferenceBins], inputs: &Tensor) -> [Vec<f64>; 5] {
    let (layers, logits) = seen(trainer, inputs);
    let of_layers: Vec<Vec<f64>> =
        bins.iter().zip(&layers).map(|(bins, layer)| bins.surprisals_nats(layer, Kernel::get())).collect();
    let weighed: Vec<(usize, &[f64])> =
        bins.iter().zip(&of_layers).map(|(bins, nats)| (bins.neurons(), nats.as_slice())).collect();
    let all = mean_over_layers(&weighed);
    let unsure = -logits.to_kind(Kind::Double).softmax(-1, None::<Kind>).amax(1, false) + 1.0;
    let unsure: Vec<f64> = unsure.try_into().expect("rows of doubles");
    let [first, second, third] = <[Vec<f64>; 3]>::try_from(of_layers).expect("the network has three hidden layers");
    [all, first, second, third, unsure]
}

/// Returns the activations of each hidden layer for these rows, and the logits.
fn seen(trainer: &Trainer, inputs: &Tensor) -> (Vec<Columns>, Tensor) {
    let mut layers = Vec::new();
    let logits = trainer.observe(inputs, &mut |_, values| {
        let shape: Vec<usize> = values.size().iter().map(|length| usize::try_from(*length).expect("a length")).collect();
        let values: Vec<f32> = values.flatten(0, -1).try_into().expect("a layer of floats");
        layers.push(Columns::from_row_major(shape[0], shape[1], &values));
    });
    (layers, logits)
}
