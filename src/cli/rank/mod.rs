//! `rotewatch rank`: ranks finished networks.

mod json;
mod scores;
mod table;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::against::Against;
use super::exit::{Exit, Failure};
use super::networks;
use rotewatch_core::compare::{Direction, MeasuredNetwork, groups};

/// The flags of `rotewatch rank`.
#[derive(Debug, Args)]
pub struct RankArgs {
    /// Networks to rank: output of `rotewatch train --json`, records of `rotewatch experiment`, activations on the same rows
    /// (.safetensors, .npy, .npz), or names of recorded runs
    #[arg(required = true, value_name = "FILE|RUN")]
    networks: Vec<PathBuf>,
    /// State folder with the history [default: the user's state folder, by the XDG rules]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_STATE")]
    state: Option<PathBuf>,
    /// Kind of memorization to guard against, which sets the direction of the ranking [default: the kind in the runs' verdicts]
    #[arg(long, value_enum, value_name = "KIND")]
    against: Option<Against>,
    /// File with scores to compare the ranking with, such as accuracies: one line per network with its name and a number; higher is better
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// Print one JSON document on one line
    #[arg(long)]
    json: bool,
}

/// Ranks the networks and prints the ranking.
///
/// # Errors
/// Files that do not fit, verdicts that give no direction, scores for unknown networks, and networks of which no two can be
/// compared. Nothing is printed then.
pub fn run(args: &RankArgs) -> Result<Exit, Failure> {
    let candidates = networks::candidates(&args.networks, args.state.as_deref()).map_err(Failure::usage)?;
    let direction = match args.against {
        Some(against) => Direction { feared: against.feared(), by_verdicts: false },
        None => Direction::of_verdicts(&candidates).map_err(Failure::usage)?,
    };
    let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    let scores = args.scores.as_deref().map(|path| scores::read(path, &names)).transpose().map_err(Failure::usage)?;
    let groups = groups(candidates, direction.feared, &scores.unwrap_or_default());
    if groups.iter().all(|group| group.placed.len() < 2) {
        let alone: Vec<&MeasuredNetwork> =
            groups.iter().flat_map(|group| &group.placed).map(|placed| &placed.candidate).collect();
        return Err(Failure::usage(nothing_to_compare(&alone)));
    }
    if args.json {
        println!("{}", json::json(direction, &groups));
    } else {
        print!("{}", table::text(direction, &groups));
    }
    Ok(Exit::Done)
}

fn nothing_to_compare(alone: &[&MeasuredNetwork]) -> anyhow::Error {
    match alone {
        [one, other, ..] => {
            let reason = one.seen.difference(&other.seen).unwrap_or_default();
            anyhow!(
                "no two of these networks can be compared; {} and {} have {reason}: {}; {}",
                one.name,
                other.name,
                one.seen,
                other.seen
            )
        }
        _ => anyhow!("a ranking needs two or more networks"),
    }
}
