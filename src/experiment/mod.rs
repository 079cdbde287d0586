//! Grids of trainings, judged: how often the alarm is right, how late it comes, and what stopping at it costs.
//!
//! A grid file ([`grid`]) names cells of trainer options and the seeds that tune and judge. [`runner`] trains what is not
//! recorded yet, one `rotewatch-trainer` a run, and keeps each run's document as a [`capture`]. Everything after that works on
//! captures alone, so that a threshold can be changed and judged again without training: [`replay`] hands the recorded epochs to
//! the detectors, [`truth`] says from the clean test accuracy what the run really did, [`baselines`] are the other ways to stop, and
//! [`score`] compares. [`onset`] gathers scores into tables, [`sweep`] ranks finished networks as the paper does, and
//! [`report`] writes it all down.
//!
//! Deliberately absent: training (the trainer is a process of its own, so one that fails ends one run), and any knowledge of the
//! trainer's flags beyond what [`flags::TrainerFlags`] tells.

pub mod baselines;
pub mod capture;
pub mod cost;
pub mod flags;
pub mod folder;
pub mod grid;
pub mod onset;
pub mod replay;
pub mod report;
pub mod runner;
pub mod score;
pub mod sweep;
pub mod truth;

use std::fmt;

use clap::ValueEnum;

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Role {
    /// Thresholds may be chosen by looking at it.
    Tune,
    /// Nothing may be chosen by looking at it.
    Judge,
}

impl Role {
    /// Both, in the order in which they are reported.
    pub const ALL: [Role; 2] = [Role::Tune, Role::Judge];

    /// The spelling of grid files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Tune => "tune",
            Role::Judge => "judge",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
