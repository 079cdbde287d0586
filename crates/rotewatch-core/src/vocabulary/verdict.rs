//! What a detector answers, and what the answers of a run add up to: plain values.
//!
//! "Not yet" is a value of its own everywhere, never a score of 0.

use std::fmt;

pub use crate::vocabulary::choices::Kind;

use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;

impl Kind {
    /// Every kind, in the order in which they are listed to people.
    pub const ALL: [Kind; 3] = [Kind::ExampleLevel, Kind::Heuristic, Kind::Baseline];

    /// The spelling of configuration files, labels and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::ExampleLevel => "example_level",
            Kind::Heuristic => "heuristic",
            Kind::Baseline => "baseline",
        }
    }

    /// The spelling of sentences.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Kind::ExampleLevel => "example-level memorization",
            Kind::Heuristic => "heuristic memorization",
            Kind::Baseline => "departure from the baseline",
        }
    }
}

/// One number that led to a finding, beside the number it was compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was measured, with its unit: `class_information_p90_nats`.
    pub signal: &'static str,
    /// The value at the epoch of the finding.
    pub value: f64,
    /// What it is compared with.
    pub reference: f64,
    /// The epoch of `reference`.
    pub reference_epoch: Epoch,
    /// The comparison: how far `value` lies below `reference` as a share of it, or how many times `reference` it is.
    pub ratio: f64,
    /// The ratio above which it counts.
    pub threshold: f64,
}

/// Memorization as one detector sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The kind of memorization.
    pub kind: Kind,
    /// The smallest of decline / threshold over the signals that must agree; at least 1.
    pub score: f64,
    /// The epoch at which it set in.
    pub onset_epoch: Epoch,
    /// The layers that show it.
    pub layers: Vec<LayerName>,
    /// The numbers behind it.
    pub evidence: Vec<Evidence>,
    /// One sentence: why this is memorization.
    pub why: String,
    /// One sentence: what to do.
    pub remedy: String,
}

/// What a detector says of a run after an epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The detector lacks what it needs.
    TooEarly {
        /// What is missing.
        reason: String,
    },
    /// The detector has what it needs and sees no memorization.
    Quiet {
        /// How near the alarm is: 1 would be one. May be negative.
        score: f64,
    },
    /// Memorization.
    Finding(Finding),
}

impl Answer {
    /// How near the alarm is (1 and above: alarm), unless it is too early to tell.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        match self {
            Answer::TooEarly { .. } => None,
            Answer::Quiet { score } => Some(*score),
            Answer::Finding(finding) => Some(finding.score),
        }
    }
}

/// An alarm that was raised and has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The finding that raised it, as it was then.
    pub finding: Finding,
    /// The epoch whose report raised it.
    pub alarm_epoch: Epoch,
}

/// What a run's reports add up to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// No detector has what it needs yet.
    TooEarly {
        /// What is missing.
        reason: String,
    },
    /// No alarm stands.
    Learning {
        /// The alarm that ended, and the epoch from which it counts as ended.
        ended: Option<(Alarm, Epoch)>,
    },
    /// At least one alarm stands; the one with the earliest onset comes first.
    Memorizing {
        /// The standing alarms, never empty, one per kind.
        alarms: Vec<Alarm>,
    },
}

impl Verdict {
    /// The spelling of labels and JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::TooEarly { .. } => "too_early",
            Verdict::Learning { .. } => "learning",
            Verdict::Memorizing { .. } => "memorizing",
        }
    }

    /// Every spelling, for the series that carry one sample per verdict.
    pub const ALL: [&'static str; 3] = ["too_early", "learning", "memorizing"];

    /// The standing alarm with the earliest onset.
    #[must_use]
    pub fn alarm(&self) -> Option<&Alarm> {
        match self {
            Verdict::Memorizing { alarms } => alarms.first(),
            _ => None,
        }
    }

    /// The standing alarm of one kind.
    #[must_use]
    pub fn alarm_of(&self, kind: Kind) -> Option<&Alarm> {
        match self {
            Verdict::Memorizing { alarms } => alarms.iter().find(|alarm| alarm.finding.kind == kind),
            _ => None,
        }
    }
}

impl fmt::Display for Verdict {
    /// The verdict as a person reads it, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::TooEarly { reason } => write!(f, "too early to tell: {reason}"),
            Verdict::Learning { ended: None } => f.write_str("learning"),
            Verdict::Learning { ended: Some((alarm, since)) } => {
                let kind = alarm.finding.kind.in_words();
                write!(f, "learning: the {kind} found at epoch {} counts as ended since epoch {since}", alarm.alarm_epoch)
            }
            Verdict::Memorizing { alarms } => {
                for (place, alarm) in alarms.iter().enumerate() {
                    let separator = if place == 0 { "" } else { "; " };
                    let finding = &alarm.finding;
                    let (kind, onset, found) = (finding.kind.in_words(), finding.onset_epoch, alarm.alarm_epoch);
                    write!(f, "{separator}{kind} since epoch {onset} (found at epoch {found})")?;
                }
                Ok(())
            }
        }
    }
}
