//! The answers of detectors, and the verdict on a run that follows from them: plain values.
//!
//! "Too early" and "cannot judge" are always values of their own, never a score of 0.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use strum::{Display, EnumMessage, EnumString, IntoStaticStr, VariantArray, VariantNames};

pub use crate::vocabulary::choices::Kind;

use crate::vocabulary::choices::UnknownChoice;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;

impl Kind {
    /// Every kind, in the order in which they are listed.
    pub const ALL: [Kind; 3] = [Kind::ExampleLevel, Kind::Heuristic, Kind::Baseline];

    /// The name in configuration files, labels and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The words for it in sentences.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Kind::ExampleLevel => "memorizing wrong labels or single examples",
            Kind::Heuristic => "memorizing a shortcut",
            Kind::Baseline => "departs from the baseline run",
        }
    }
}

/// Whether memorization does harm yet.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
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
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<Harm>)]
pub enum Harm {
    /// An alarm that warns.
    #[default]
    Suspected,
    /// An alarm that asks to stop: the network has become worse on rows that it has never seen.
    Shown,
}

impl Harm {
    /// Every level, ascending.
    pub const ALL: [Harm; 2] = [Harm::Suspected, Harm::Shown];

    /// The spelling of labels and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The share of the training rows that the network knows by heart, with a 95 % interval; ratios from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemorizedShare {
    /// The estimate.
    pub estimate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl fmt::Display for MemorizedShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [estimate, low, high] = [self.estimate, self.low, self.high].map(|share| 100.0 * share);
        write!(f, "about {estimate:.0} % ({low:.0} to {high:.0} %) of the training rows are known by heart")
    }
}

/// One number that led to a finding, and the number that it was compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was measured, with its unit: `class_information_p90_nats`.
    pub signal: Cow<'static, str>,
    /// The value at the epoch of the finding.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    /// What it is compared with.
    #[serde(deserialize_with = "null_is_nan")]
    pub reference: f64,
    /// The epoch of `reference`.
    pub reference_epoch: Epoch,
    /// The result: how far `value` lies below `reference` as a share of `reference`, or how many times `reference` it is.
    #[serde(deserialize_with = "null_is_nan")]
    pub ratio: f64,
    /// The ratio above which the number counts as a sign of memorization.
    #[serde(deserialize_with = "null_is_nan")]
    pub threshold: f64,
}

/// Memorization that one detector found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The kind of memorization.
    pub kind: Kind,
    /// Whether it does harm. Alarms of version 0.1.0 do not say; theirs were of the rule that only suspects it.
    #[serde(default)]
    pub harm: Harm,
    /// The smallest of decline / threshold over the signals that must agree; at least 1.
    #[serde(skip)]
    pub score: f64,
    /// The epoch at which memorization set in.
    pub onset_epoch: Epoch,
    /// The layers that show it.
    pub layers: Vec<LayerName>,
    /// The numbers behind it.
    pub evidence: Vec<Evidence>,
    /// One sentence for people: why this is memorization.
    pub why: String,
    /// One sentence for people: what to do.
    pub remedy: String,
}

/// The answer of a detector for a run after an epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The detector does not have enough data yet.
    TooEarly {
        /// What is missing.
        reason: String,
    },
    /// The detector cannot answer for this run, however long it waits.
    CannotJudge {
        /// What is wrong with the data, or missing.
        reason: String,
    },
    /// The detector has enough data and sees no memorization.
    Quiet {
        /// How near the alarm is: above 1 there is one. May be negative.
        score: f64,
    },
    /// Memorization.
    Finding(Finding),
}

impl Answer {
    /// How near the alarm is (above 1: alarm); `None` while it is too early or the detector cannot judge.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        match self {
            Answer::TooEarly { .. } | Answer::CannotJudge { .. } => None,
            Answer::Quiet { score } => Some(*score),
            Answer::Finding(finding) => Some(finding.score),
        }
    }
}

/// An alarm that was raised and has not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The finding that raised the alarm, as it was at that epoch.
    #[serde(flatten)]
    pub finding: Finding,
    /// The epoch whose report raised it.
    pub alarm_epoch: Epoch,
}

/// Why the evidence of a run is weak or unfit, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// A clause for people: what is wrong, with the layer and the epoch.
    pub reason: String,
    /// One sentence for people: what to do.
    pub remedy: String,
}

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// No detector has enough data yet.
    TooEarly {
        /// What is missing.
        reason: String,
    },
    /// The evidence can carry no verdict. It does not mean that all is well.
    CannotJudge {
        /// What is wrong with the data, or missing.
        reason: String,
        /// What to do.
        remedy: String,
        /// The last alarm that ended, and the epoch at which it ended.
        ended: Option<(Alarm, Epoch)>,
    },
    /// No alarm is active.
    Learning {
        /// The last alarm that ended, and the epoch at which it ended.
        ended: Option<(Alarm, Epoch)>,
        /// Why this is less certain than it could be.
        caveat: Option<Weakness>,
    },
    /// At least one alarm is active; the one with the earliest onset comes first.
    Memorizing {
        /// The active alarms, never empty, one per kind.
        alarms: Vec<Alarm>,
        /// Why the newest epoch could not be judged, if it could not. The alarms are older.
        caveat: Option<Weakness>,
    },
}

/// The word for a verdict in labels, JSON and the history.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownChoice, parse_err_fn = UnknownChoice::among::<VerdictWord>)]
#[serde(rename_all = "snake_case")]
pub enum VerdictWord {
    /// See [`Verdict::TooEarly`].
    TooEarly,
    /// See [`Verdict::CannotJudge`].
    CannotJudge,
    /// See [`Verdict::Learning`].
    Learning,
    /// See [`Verdict::Memorizing`].
    Memorizing,
}

impl VerdictWord {
    /// The spelling of labels and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The words for it where people read.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            VerdictWord::TooEarly => "too early",
            VerdictWord::CannotJudge => "cannot judge",
            VerdictWord::Learning => "learning",
            VerdictWord::Memorizing => "memorizing",
        }
    }
}

/// Reads a number of which JSON has null when it is not finite.
fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl Verdict {
    /// The word for it in labels and JSON.
    #[must_use]
    pub fn word(&self) -> VerdictWord {
        match self {
            Verdict::TooEarly { .. } => VerdictWord::TooEarly,
            Verdict::CannotJudge { .. } => VerdictWord::CannotJudge,
            Verdict::Learning { .. } => VerdictWord::Learning,
            Verdict::Memorizing { .. } => VerdictWord::Memorizing,
        }
    }

    /// The spelling of labels and JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.word().as_str()
    }

    /// The active alarm with the earliest onset.
    #[must_use]
    pub fn alarm(&self) -> Option<&Alarm> {
        self.alarms().first()
    }

    /// The active alarm with the earliest onset; without one, the last alarm that ended.
    #[must_use]
    pub fn last_alarm(&self) -> Option<&Alarm> {
        match self {
            Verdict::Learning { ended: Some((alarm, _)), .. } | Verdict::CannotJudge { ended: Some((alarm, _)), .. } => {
                Some(alarm)
            }
            _ => self.alarm(),
        }
    }

    /// The epoch at which the last alarm ended; `None` while an alarm is active, or if there was none.
    #[must_use]
    pub fn ended_epoch(&self) -> Option<Epoch> {
        match self {
            Verdict::Learning { ended, .. } | Verdict::CannotJudge { ended, .. } => ended.as_ref().map(|(_, epoch)| *epoch),
            _ => None,
        }
    }

    /// The active alarms.
    #[must_use]
    pub fn alarms(&self) -> &[Alarm] {
        match self {
            Verdict::Memorizing { alarms, .. } => alarms,
            _ => &[],
        }
    }

    /// Why the verdict is less certain than it could be; `None` for one that needs no reservation.
    #[must_use]
    pub fn caveat(&self) -> Option<&Weakness> {
        match self {
            Verdict::Learning { caveat, .. } | Verdict::Memorizing { caveat, .. } => caveat.as_ref(),
            _ => None,
        }
    }

    /// The active alarm of one kind.
    #[must_use]
    pub fn alarm_of(&self, kind: Kind) -> Option<&Alarm> {
        self.alarms().iter().find(|alarm| alarm.finding.kind == kind)
    }
}

impl Verdict {
    fn write_caveat(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.caveat().map_or(Ok(()), |caveat| write!(f, "; {}", caveat.reason))
    }
}

impl fmt::Display for Verdict {
    /// The verdict in words, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::TooEarly { reason } => write!(f, "too early to tell: {reason}"),
            Verdict::CannotJudge { reason, remedy, .. } => write!(f, "cannot judge: {reason}. {remedy}"),
            Verdict::Learning { ended, .. } => {
                f.write_str("learning")?;
                if let Some((alarm, epoch)) = ended {
                    let kind = alarm.finding.kind.in_words();
                    write!(f, "; alarm at epoch {}, ended at epoch {epoch} ({kind})", alarm.alarm_epoch)?;
                }
                self.write_caveat(f)
            }
            Verdict::Memorizing { alarms, .. } => {
                for (place, alarm) in alarms.iter().enumerate() {
                    let separator = if place == 0 { "" } else { "; " };
                    let finding = &alarm.finding;
                    let (kind, onset, found) = (finding.kind.in_words(), finding.onset_epoch, alarm.alarm_epoch);
                    write!(f, "{separator}{kind} since epoch {onset} (alarm at epoch {found})")?;
                }
                self.write_caveat(f)
            }
        }
    }
}
