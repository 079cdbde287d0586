//! The cost of monitoring for a training: whole runs of the built-in trainer with and without it, in pairs.
//!
//! `cargo bench -p rotewatch-trainer --bench overhead [-- PAIRS]`. The runs of a pair share their seed and follow each other directly, in
//! alternating order, because the machine's speed drifts; the result is the median of the pairs' ratios. Each pair also
//! compares every loss and accuracy of both runs, which must be the same to the last digit.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_info::measures::quantile;
use serde_json::Value;

const TRAINER: &str = env!("CARGO_BIN_EXE_rotewatch-trainer");
const PAIRS: usize = 7;

/// A training that is run with and without monitoring.
struct Case {
    name: &'static str,
    flags: &'static [&'static str],
    /// The configuration of the monitored run.
    config: &'static str,
    /// The kernel variant, if one is forced.
    kernel: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        name: "MLP 3x256, 10,000 examples, 1,000 unseen and 1,000 seen rows (the default)",
        flags: &["--epochs", "12"],
        config: "",
        kernel: "",
    },
    Case {
        name: "CNN, steps of about 10 ms, unseen and seen rows of 2 % each",
        flags: &["--model", "cnn", "--epochs", "4", "--probe-rows", "200"],
        config: "",
        kernel: "",
    },
    Case {
        name: "MLP 3x256, a stream of every 10th step, frames dropped when full",
        flags: &["--epochs", "12", "--sampling", "stream"],
        config: "sampling: {on_full: drop, every_steps: 10}",
        kernel: "",
    },
    Case {
        name: "MLP 3x256, a stream of every step into a slow monitor, frames dropped when full",
        flags: &["--epochs", "12", "--sampling", "stream"],
        config: "sampling: {on_full: drop, every_steps: 1}\nmeasures: {bins: 32}\nlimits: {channel_frames: 4}",
        kernel: "scalar",
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let pairs = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(PAIRS);
    let state = tempfile::tempdir()?;
    println!("| case | pairs | monitored / not, median (min to max) | frames dropped of offered | seconds waited |");
    println!("|---|---|---|---|---|");
    for case in &CASES {
        let mut ratios = Vec::new();
        let (mut dropped, mut offered, mut waited) = (0, 0, 0.0);
        for pair in 0..pairs {
            let seed = (pair + 1).to_string();
            let [with, without] = if pair % 2 == 0 {
                let with = train(case, &seed, true, state.path())?;
                [with, train(case, &seed, false, state.path())?]
            } else {
                let without = train(case, &seed, false, state.path())?;
                [train(case, &seed, true, state.path())?, without]
            };
            assert_eq!(losses(&with.1), losses(&without.1), "{}: monitoring changed a loss", case.name);
            ratios.push(with.0 / without.0);
            let frames = &with.1["frames"];
            offered += frames["offered"].as_u64().unwrap_or(0);
            dropped += frames["dropped"]["channel_full"].as_u64().unwrap_or(0);
            waited += frames["wait_seconds"].as_f64().unwrap_or(0.0);
        }
        let [median, least, most] = [0.5, 0.0, 1.0].map(|share| quantile(&mut ratios, share).expect("there were pairs"));
        println!("| {} | {pairs} | {median:.3} ({least:.3} to {most:.3}) | {dropped} of {offered} | {waited:.3} |", case.name);
    }
    println!("\nEvery loss and accuracy of every pair agreed to the last digit.");
    Ok(())
}

/// The seconds that a whole run took, and its output at the end.
fn train(case: &Case, seed: &str, monitored: bool, state: &Path) -> Result<(f64, Value), Box<dyn Error>> {
    let config = state.join("rotewatch.yaml");
    std::fs::write(&config, case.config)?;
    let mut command = Command::new(TRAINER);
    command.arg("train");
    command.args(["--json", "--listen", "127.0.0.1:0", "--label-noise", "0.4", "--seed", seed]).args(case.flags);
    command.arg("--state").arg(state).env("ROTEWATCH_KERNEL", case.kernel);
    if !case.config.is_empty() {
        command.arg("--config").arg(&config);
    }
    if !monitored {
        command.args(["--monitor", "off"]);
    }
    let watch = Stopwatch::start();
    let output = command.output()?;
    let seconds = watch.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok((seconds, serde_json::from_slice(&output.stdout)?))
}

/// Every number that the trainer itself measured, as printed.
fn losses(document: &Value) -> Vec<String> {
    let epochs = document["epochs"].as_array().expect("a document has epochs");
    epochs.iter().map(|epoch| epoch["metrics"].to_string()).collect()
}
