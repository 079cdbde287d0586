//! Compares two trainings: which one generalises better by the measures, since which epoch, and how reliable that is.
//!
//! At the last epoch of both runs, each measure prefers the network that it ranks first ([`FearedKind`]), if the two differ by more than
//! the measure fluctuates from epoch to epoch. Both measures together give the result. Its reliability was measured: how often such
//! results were right on the paper's own sweeps, where the test accuracy is known (`benches/record/comparison.md`).
//!
//! Deliberately absent: accuracy. The trainer's own metrics are shown elsewhere and have no effect here.

use std::fmt;

use serde::Serialize;

use super::measured_network::{LayerMeans, MeasurementSetup};
use super::order::{Direction, NoDirection};
use super::training_curve::TrainingCurve;
use crate::compare::FearedKind;
use crate::vocabulary::choices::Kind;
use crate::vocabulary::units::Epoch;

/// Two networks differ by a measure if the difference is more than this many times its fluctuation. A normal fluctuation exceeds it once
/// in twenty epochs. Fixed before the sweeps were counted; the shares with 1 and 3 are similar.
const FLUCTUATIONS: f64 = 2.0;

/// The minimum number of trained epochs in common, so that a fluctuation is computed from at least three changes.
pub const EPOCHS_MIN: usize = 6;

/// One of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first one.
    First,
    /// The second one.
    Second,
}

/// A measure that networks are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// See [`LayerMeans::entropy_nats`].
    Entropy,
    /// See [`LayerMeans::mutual_information_nats`].
    MutualInformation,
}

/// One measure of two networks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parting {
    /// The measure.
    pub measure: Measure,
    /// Its value at the last common epoch, in nats, by [`Side`].
    pub nats: [f64; 2],
    /// How much the difference fluctuates from one epoch to the next, in nats; `None` with fewer than [`EPOCHS_MIN`] epochs.
    pub fluctuation_nats: Option<f64>,
    /// The better network, and the epoch since which it has always been better; `None` if the difference is at most twice the fluctuation.
    pub better: Option<(Side, Epoch)>,
}

/// The result of both measures together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Too few epochs in common.
    TooEarly {
        /// How many epochs they have in common.
        epochs: usize,
    },
    /// Both measures prefer the same network since this epoch.
    Clear(Side, Epoch),
    /// One measure prefers a network since this epoch; by the other they do not differ.
    Leaning(Side, Epoch, Measure),
    /// The measures prefer different networks.
    Contradictory,
    /// The networks do not differ by either measure.
    Alike,
}

/// How often results of a kind were right where the truth is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TrackRecord {
    /// Pairs for which the better network was named.
    pub right: u32,
    /// All pairs with such a result.
    pub of: u32,
}

/// The comparison of two trainings.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The kind of memorization to guard against, which decides what is better.
    pub direction: Direction,
    /// Their names, by [`Side`].
    pub names: [String; 2],
    /// The kinds of memorization in their verdicts.
    pub kinds: [Option<Kind>; 2],
    /// The last epoch of each.
    pub last_epochs: [Epoch; 2],
    /// How both were measured.
    pub seen: MeasurementSetup,
    /// The last epoch of both runs, which all values are from.
    pub epoch: Epoch,
    /// By entropy, then by mutual information.
    pub partings: [Parting; 2],
    /// The result.
    pub preference: Preference,
}

/// Why two trainings cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// Both are the same run.
    #[error("{name} cannot be compared with itself; give two different runs")]
    Itself {
        /// Its name.
        name: String,
    },
    /// They were measured differently.
    #[error("{} and {} cannot be compared because they have {reason}: {}; {}", names[0], names[1], seen[0], seen[1])]
    SeenOtherwise {
        /// Their names.
        names: [String; 2],
        /// What differs.
        reason: String,
        /// How each was measured.
        seen: [Box<MeasurementSetup>; 2],
    },
    /// The kind of memorization to guard against is unknown.
    #[error(transparent)]
    NoDirection(#[from] NoDirection),
    /// They have no epoch in common.
    #[error("{} and {} have no trained epoch in common; compare runs that were measured at the same epochs", names[0], names[1])]
    NoEpoch {
        /// Their names.
        names: [String; 2],
    },
}

impl Comparison {
    /// Compares two trainings. Without a `feared`, the direction comes from their verdicts.
    ///
    /// # Estimator
    /// `d(e)` is how much better the first network is at each common epoch, in the direction of the feared. Its fluctuation is the standard
    /// deviation of `d(e) - d(e - 1)` over the later half of them; a steady drift does not count as fluctuation. The networks differ by a
    /// measure if `|d|` at the last epoch exceeds twice the fluctuation, since the first epoch from which on it always does.
    ///
    /// # Source
    /// The direction: Bansal, Pruthi, Belinkov (2022), section 5. The rest is this project's own rule, evaluated in
    /// `benches/record/comparison.md`.
    ///
    /// # Errors
    /// If a comparison would be meaningless: see [`Incomparable`].
    pub fn of(first: &TrainingCurve, second: &TrainingCurve, feared: Option<FearedKind>) -> Result<Self, Incomparable> {
        let both = [&first.newest, &second.newest];
        let names = both.map(|candidate| candidate.name.clone());
        if names[0] == names[1] {
            let [name, _] = names;
            return Err(Incomparable::Itself { name });
        }
        if let Some(reason) = first.newest.seen.difference(&second.newest.seen) {
            return Err(Incomparable::SeenOtherwise {
                names,
                reason,
                seen: both.map(|candidate| Box::new(candidate.seen.clone())),
            });
        }
        let direction = match feared {
            Some(feared) => Direction { feared, by_verdicts: false },
            None => Direction::of_verdicts(&both.map(Clone::clone))?,
        };
        let common = in_common(first, second);
        let (Some((epoch, _)), Some(first_last), Some(second_last)) = (common.last(), first.last_epoch(), second.last_epoch())
        else {
            return Err(Incomparable::NoEpoch { names });
        };
        let partings =
            [Measure::Entropy, Measure::MutualInformation].map(|measure| Parting::of(measure, &common, direction.feared));
        let preference =
            if common.len() < EPOCHS_MIN { Preference::TooEarly { epochs: common.len() } } else { Preference::of(&partings) };
        Ok(Comparison {
            direction,
            names,
            kinds: both.map(|candidate| candidate.kind),
            last_epochs: [first_last, second_last],
            seen: first.newest.seen.clone(),
            epoch: *epoch,
            partings,
            preference,
        })
    }

    /// How often such a result was right. `None` if no network is named better, and if the direction comes from the runs' verdicts, which
    /// point the wrong way if wrong labels hide a shortcut.
    #[must_use]
    pub fn track_record(&self) -> Option<TrackRecord> {
        self.preference.track_record().filter(|_| !self.direction.by_verdicts)
    }

    /// The name of one of them.
    #[must_use]
    pub fn name(&self, side: Side) -> &str {
        let [first, second] = &self.names;
        match side {
            Side::First => first,
            Side::Second => second,
        }
    }
}

/// The epochs in common, with the means of both networks.
fn in_common(first: &TrainingCurve, second: &TrainingCurve) -> Vec<(Epoch, [LayerMeans; 2])> {
    let of_second = |wanted: Epoch| {
        let place = second.epochs.binary_search_by_key(&wanted, |(epoch, _)| *epoch).ok()?;
        second.epochs.get(place).map(|(_, means)| *means)
    };
    first.epochs.iter().filter_map(|(epoch, means)| Some((*epoch, [*means, of_second(*epoch)?]))).collect()
}

impl Parting {
    fn of(measure: Measure, common: &[(Epoch, [LayerMeans; 2])], feared: FearedKind) -> Self {
        let sign = measure.sign(feared);
        let nats = |both: &[LayerMeans; 2]| both.map(|means| measure.nats(&means));
        let advantages: Vec<f64> = common
            .iter()
            .map(|(_, both)| {
                let [first, second] = nats(both);
                sign * (first - second)
            })
            .collect();
        let fluctuation_nats = fluctuation(&advantages);
        let better = fluctuation_nats.and_then(|fluctuation| {
            let last = *advantages.last()?;
            let parted = |advantage: &f64| advantage * last.signum() > FLUCTUATIONS * fluctuation;
            let since = advantages.iter().rposition(|advantage| !parted(advantage)).map_or(0, |within| within + 1);
            let (epoch, _) = common.get(since)?;
            Some((if last > 0.0 { Side::First } else { Side::Second }, *epoch))
        });
        let nats = common.last().map_or([f64::NAN; 2], |(_, both)| nats(both));
        Parting { measure, nats, fluctuation_nats, better }
    }
}

/// The standard deviation of the changes over the later half; `None` with fewer than [`EPOCHS_MIN`] values.
fn fluctuation(advantages: &[f64]) -> Option<f64> {
    if advantages.len() < EPOCHS_MIN {
        return None;
    }
    let changes: Vec<f64> = advantages.array_windows().map(|[before, after]| after - before).collect();
    let later = changes.iter().skip(changes.len() / 2);
    let count = later.len() as f64;
    let mean = later.clone().sum::<f64>() / count;
    let variance = later.map(|change| (change - mean).powi(2)).sum::<f64>() / count;
    Some(variance.sqrt())
}

impl Preference {
    fn of([entropy, mutual_information]: &[Parting; 2]) -> Self {
        match (entropy.better, mutual_information.better) {
            (Some((one, since)), Some((other, also_since))) if one == other => Preference::Clear(one, since.max(also_since)),
            (Some(_), Some(_)) => Preference::Contradictory,
            (Some((side, since)), None) => Preference::Leaning(side, since, Measure::Entropy),
            (None, Some((side, since))) => Preference::Leaning(side, since, Measure::MutualInformation),
            (None, None) => Preference::Alike,
        }
    }

    /// The better network and since which epoch, if there is one.
    #[must_use]
    pub fn better(self) -> Option<(Side, Epoch)> {
        match self {
            Preference::Clear(side, since) | Preference::Leaning(side, since, _) => Some((side, since)),
            Preference::TooEarly { .. } | Preference::Contradictory | Preference::Alike => None,
        }
    }

    /// The name in JSON and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Preference::TooEarly { .. } => "too_early",
            Preference::Clear(..) => "clear",
            Preference::Leaning(..) => "leaning",
            Preference::Contradictory => "contradictory",
            Preference::Alike => "alike",
        }
    }

    /// How often such a result was right when the kind of memorization was known; `None` if no network is named better.
    ///
    /// # Source
    /// Measured: all pairs of networks of the same architecture and seed in both sweeps of the paper on MNIST, 100 runs;
    /// `benches/record/comparison.md` has the command.
    #[must_use]
    pub fn track_record(self) -> Option<TrackRecord> {
        match self {
            Preference::Clear(..) => Some(TrackRecord { right: 172, of: 178 }),
            Preference::Leaning(..) => Some(TrackRecord { right: 132, of: 143 }),
            Preference::TooEarly { .. } | Preference::Contradictory | Preference::Alike => None,
        }
    }
}

impl Measure {
    /// The name in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::Entropy => "entropy",
            Measure::MutualInformation => "mutual_information",
        }
    }

    /// The words for it in sentences.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Measure::Entropy => "entropy",
            Measure::MutualInformation => "mutual information",
        }
    }

    /// 1 if more is better, else -1.
    fn sign(self, feared: FearedKind) -> f64 {
        match self {
            Measure::Entropy => feared.entropy_sign(),
            Measure::MutualInformation => -feared.entropy_sign(),
        }
    }

    fn nats(self, means: &LayerMeans) -> f64 {
        match self {
            Measure::Entropy => means.entropy_nats,
            Measure::MutualInformation => means.mutual_information_nats,
        }
    }

    fn other(self) -> Self {
        match self {
            Measure::Entropy => Measure::MutualInformation,
            Measure::MutualInformation => Measure::Entropy,
        }
    }
}

impl Side {
    fn other(self) -> Self {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }
}

impl fmt::Display for Comparison {
    /// The result in words, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.names;
        match self.preference {
            Preference::TooEarly { epochs } => {
                write!(
                    f,
                    "too early to compare {first} and {second}: {epochs} trained epochs in common, {EPOCHS_MIN} are needed"
                )?;
            }
            Preference::Clear(side, since) => {
                let (better, worse) = (self.name(side), self.name(side.other()));
                write!(f, "{better} generalises better than {worse} by both measures since epoch {since}")?;
            }
            Preference::Leaning(side, since, measure) => {
                let (better, worse) = (self.name(side), self.name(side.other()));
                let (says, silent) = (measure.in_words(), measure.other().in_words());
                write!(f, "{better} probably generalises better than {worse}, by {says} since epoch {since}; ")?;
                write!(f, "they do not differ by {silent}")?;
            }
            Preference::Contradictory => {
                write!(f, "undecided between {first} and {second}: the measures contradict each other")?;
                for Parting { measure, better, .. } in &self.partings {
                    if let Some((side, since)) = better {
                        write!(f, ", {} prefers {} since epoch {since}", measure.in_words(), self.name(*side))?;
                    }
                }
            }
            Preference::Alike => {
                write!(f, "undecided between {first} and {second}: neither measure differs by more than it fluctuates")?;
            }
        }
        match self.track_record() {
            Some(TrackRecord { right, of }) => {
                write!(f, "; such results were right for {right} of {of} pairs of the paper's sweeps")
            }
            None if self.preference.better().is_some() => {
                f.write_str("; valid only if the runs' verdicts name the right kind of memorization")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
