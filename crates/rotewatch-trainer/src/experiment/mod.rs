//! Experiments on grids of trainings: how often the alarm is right, how late it comes, and what stopping at it costs.
//!
//! A grid file ([`grid`]) lists cells of trainer options, and the seeds for tuning and judging. [`runner`] trains the runs that are not
//! recorded yet, with one `rotewatch-trainer` per run, and stores each run's document as a [`capture`]. Everything after that only uses
//! captures, so that a threshold can be changed and judged again without training. [`replay`] gives the recorded epochs to the
//! detectors, [`truth`] derives from the clean test accuracy what the run really did, [`baselines`] are the other stopping rules, and
//! [`score`] compares them. [`onset`] collects scores in tables, [`sweep`] ranks finished networks as the paper does, and [`report`]
//! writes the report.
//!
//! Deliberately absent: training (the trainer is a separate process, so that a failure ends only one run), and any knowledge of the
//! trainer's flags beyond [`flags::TrainerFlags`].

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

use rotewatch_core::vocabulary::choices::UnknownChoice;
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray, VariantNames};

/// The role of a run.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[strum(serialize_all = "kebab-case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Role>)]
pub enum Role {
    /// Thresholds may be chosen by looking at it.
    Tune,
    /// Nothing may be chosen by looking at it.
    Judge,
}

impl Role {
    /// Both, in the order in which they are reported.
    pub const ALL: [Role; 2] = [Role::Tune, Role::Judge];

    /// The name in grid files and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
