//! Whether a penalty on entropy and mutual information keeps a network from memorizing, and what it costs.
//!
//! `cargo bench -p rotewatch-trainer --bench regulariser [-- SEEDS]`, on MNIST if `ROTEWATCH_DATA` names its folder, else on rendered digits. MLPs on 5,000 examples, 20
//! epochs: with 40 % of the labels redrawn, and with a colour that agrees with the label in 90 % of the examples. Each penalty has the
//! direction that the paper implies, and is compared with no penalty and with dropout.

use std::error::Error;
use std::path::PathBuf;

use cpu_time::ProcessTime;
use rotewatch_core::compare::FearedKind;
use rotewatch_tch::diversity_penalty::DiversityPenalty;
use rotewatch_trainer::options::{Task, TaskOptions, TrainOptions};
use rotewatch_trainer::training::trainer::{Trainer, Unobserved};

const SEEDS: u64 = 3;
const EPOCHS: u32 = 20;

/// A measure against memorization: the weights of entropy and of mutual information, and the dropout rate.
const MEASURES: [(&str, f64, f64, f64); 9] = [
    ("nothing", 0.0, 0.0, 0.0),
    ("dropout 0.4", 0.0, 0.0, 0.4),
    ("entropy, 0.1", 0.1, 0.0, 0.0),
    ("entropy, 1", 1.0, 0.0, 0.0),
    ("mutual information, 0.1", 0.0, 0.1, 0.0),
    ("mutual information, 1", 0.0, 1.0, 0.0),
    ("mutual information, 10", 0.0, 10.0, 0.0),
    ("both, 0.1", 0.1, 0.1, 0.0),
    ("both, 1", 1.0, 1.0, 0.0),
];

/// The result of a training.
#[derive(Clone, Copy, Default)]
struct Ended {
    best: f64,
    last: f64,
    fitted: f64,
    seconds_an_epoch: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(SEEDS);
    let data = std::env::var_os("ROTEWATCH_DATA").map(PathBuf::from);
    let (shuffled, coloured) =
        if data.is_some() { (Task::ShuffledMnist, Task::ColoredMnist) } else { (Task::Digits, Task::Digits) };
    let task = TaskOptions { data, examples: 5_000, ..TaskOptions::default() };
    let questions = [
        (FearedKind::ExampleLevel, TaskOptions { task: shuffled, label_noise: 0.4, ..task.clone() }),
        (FearedKind::Heuristic, TaskOptions { task: coloured, spurious: Some(0.9), ..task }),
    ];
    for (against, task) in questions {
        println!("\n## Against {}: {}\n", against.as_str(), task.task);
        println!("| penalty | test accuracy at the end, % | at the best epoch, % | wrong labels fitted, % | CPU time an epoch |");
        println!("|---|---|---|---|---|");
        let mut plain_seconds = f64::NAN;
        for (name, entropy_weight, information_weight, dropout) in MEASURES {
            let mut all = Vec::new();
            for seed in 1..=seeds {
                let options = TrainOptions { task: task.clone(), dropout, epochs: EPOCHS, seed, ..TrainOptions::default() };
                let trainer = Trainer::new(options)?;
                let weighs = entropy_weight != 0.0 || information_weight != 0.0;
                let penalty = DiversityPenalty { entropy_weight, information_weight, ..DiversityPenalty::new(against) };
                all.push(trained(if weighs { trainer.penalised(penalty) } else { trainer }));
            }
            let of = |part: fn(&Ended) -> f64| all.iter().map(part).collect::<Vec<_>>();
            let seconds = mean(&of(|ended| ended.seconds_an_epoch));
            if plain_seconds.is_nan() {
                plain_seconds = seconds;
            }
            let percent = |values: Vec<f64>| spread(&values.iter().map(|value| 100.0 * value).collect::<Vec<_>>());
            let (last, best, fitted) = (of(|ended| ended.last), of(|ended| ended.best), of(|ended| ended.fitted));
            println!(
                "| {name} | {} | {} | {} | {:.2} s, {:.2} times |",
                percent(last),
                percent(best),
                percent(fitted),
                seconds,
                seconds / plain_seconds
            );
        }
    }
    Ok(())
}

fn trained(mut trainer: Trainer) -> Ended {
    let mut ended = Ended::default();
    for _ in 0..EPOCHS {
        let watch = ProcessTime::now();
        trainer.train_epoch(&mut Unobserved);
        ended.seconds_an_epoch += watch.elapsed().as_secs_f64() / f64::from(EPOCHS);
        ended.last = trainer.evaluate().accuracy;
        ended.best = ended.best.max(ended.last);
    }
    ended.fitted = trainer.wrong_labels_fitted().unwrap_or(f64::NAN);
    ended
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean, minimum and maximum.
fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.1} ({least:.1} to {most:.1})", mean(values))
}
