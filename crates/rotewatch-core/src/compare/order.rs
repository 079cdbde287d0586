//! Ranks candidates in groups that can be compared.

use std::collections::BTreeMap;
use std::fmt;

use super::feared_kind::FearedKind;
use super::measured_network::{MeasuredNetwork, MeasurementSetup};
use rotewatch_info::statistics::Agreement;

/// The kind of memorization to guard against, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// The feared that says which direction is better.
    pub feared: FearedKind,
    /// Whether it comes from the verdicts of the runs.
    pub by_verdicts: bool,
}

/// Why the verdicts give no direction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDirection {
    /// No verdict names a kind.
    #[error(
        "no verdict of these runs names a kind of memorization; choose the kind to guard against with --against heuristic|example-level"
    )]
    Absent,
    /// Verdicts name both kinds.
    #[error(
        "{heuristic} memorized a shortcut and {example_level} wrong labels or single examples, which are ranked in opposite directions; rank \
         them separately, or choose one kind with --against heuristic|example-level"
    )]
    Mixed {
        /// A run that memorized a shortcut.
        heuristic: String,
        /// A run that memorized wrong labels or single examples.
        example_level: String,
    },
}

impl Direction {
    /// The direction that the verdicts of the candidates agree on. Candidates without an alarm have no effect.
    ///
    /// # Errors
    /// If verdicts name both kinds, or none names a kind.
    pub fn of_verdicts(candidates: &[MeasuredNetwork]) -> Result<Self, NoDirection> {
        let first_of =
            |feared: FearedKind| candidates.iter().find(|candidate| candidate.kind.and_then(FearedKind::of_kind) == Some(feared));
        let feared = match (first_of(FearedKind::Heuristic), first_of(FearedKind::ExampleLevel)) {
            (Some(heuristic), Some(example_level)) => {
                return Err(NoDirection::Mixed { heuristic: heuristic.name.clone(), example_level: example_level.name.clone() });
            }
            (Some(_), None) => FearedKind::Heuristic,
            (None, Some(_)) => FearedKind::ExampleLevel,
            (None, None) => return Err(NoDirection::Absent),
        };
        Ok(Direction { feared, by_verdicts: true })
    }
}

impl fmt::Display for Direction {
    /// The kind of memorization and what is better then, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.feared {
            FearedKind::Heuristic => "against memorizing a shortcut: more entropy and less mutual information are better",
            FearedKind::ExampleLevel => {
                "against memorizing wrong labels or single examples: less entropy and more mutual information are better"
            }
        })?;
        if self.by_verdicts { f.write_str(" (from the runs' verdicts; use --against to choose the other kind)") } else { Ok(()) }
    }
}

/// Candidates that can be compared with each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// How all of them were measured.
    pub seen: MeasurementSetup,
    /// The candidates, best by entropy first.
    pub placed: Vec<Placed>,
    /// How well the ranking by entropy agrees with the scores; `None` if fewer than two have a score, or one side is constant.
    pub by_entropy: Option<Agreement>,
    /// The same for the ranking by mutual information.
    pub by_mutual_information: Option<Agreement>,
}

/// A candidate with its ranks.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The candidate.
    pub candidate: MeasuredNetwork,
    /// Its rank by entropy, from 1; equal candidates share the better rank.
    pub by_entropy: usize,
    /// Its rank by mutual information.
    pub by_mutual_information: usize,
    /// Its score, if one is given.
    pub score: Option<f64>,
}

/// Ranks candidates, in groups that were measured in the same way. Groups and equal candidates stay in the given order.
///
/// # Estimator
/// Against shortcuts, more entropy and less mutual information are better; against wrong labels and single examples, less entropy and more
/// mutual information. Agreement with scores has the same direction: 1 means that the ranking by the measure is that of the scores.
///
/// # Source
/// Bansal, Pruthi, Belinkov (2022), section 5, table 2.
#[must_use]
pub fn groups(candidates: Vec<MeasuredNetwork>, feared: FearedKind, scores: &BTreeMap<String, f64>) -> Vec<Group> {
    let mut apart: Vec<(MeasurementSetup, Vec<MeasuredNetwork>)> = Vec::new();
    for candidate in candidates {
        match apart.iter_mut().find(|(seen, _)| *seen == candidate.seen) {
            Some((_, alike)) => alike.push(candidate),
            None => apart.push((candidate.seen.clone(), vec![candidate])),
        }
    }
    apart.into_iter().map(|(seen, alike)| Group::of(seen, alike, feared, scores)).collect()
}

impl Group {
    fn of(seen: MeasurementSetup, candidates: Vec<MeasuredNetwork>, feared: FearedKind, scores: &BTreeMap<String, f64>) -> Self {
        let sign = feared.entropy_sign();
        // More of either is better.
        let entropies: Vec<f64> = candidates.iter().map(|candidate| sign * candidate.means.entropy_nats).collect();
        let informations: Vec<f64> = candidates.iter().map(|candidate| -sign * candidate.means.mutual_information_nats).collect();
        let known: Vec<Option<f64>> = candidates.iter().map(|candidate| scores.get(&candidate.name).copied()).collect();
        let agreement = |goodness: &[f64]| {
            let pairs = goodness.iter().zip(&known).filter_map(|(goodness, score)| Some((*goodness, (*score)?)));
            Agreement::of(&pairs.collect::<Vec<_>>())
        };
        let (by_entropy, by_mutual_information) = (agreement(&entropies), agreement(&informations));
        let goodness = entropies.iter().zip(&informations);
        let mut placed: Vec<Placed> = candidates
            .into_iter()
            .zip(goodness)
            .zip(known)
            .map(|((candidate, (entropy, information)), score)| Placed {
                candidate,
                by_entropy: place(*entropy, &entropies),
                by_mutual_information: place(*information, &informations),
                score,
            })
            .collect();
        placed.sort_by_key(|placed| (placed.by_entropy, placed.by_mutual_information));
        Group { seen, placed, by_entropy, by_mutual_information }
    }
}

/// The rank of one among all, from 1: one more than the number of better ones.
fn place(one: f64, goodness: &[f64]) -> usize {
    1 + goodness.iter().filter(|other| **other > one).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{LayerMeans, Probe};
    use crate::vocabulary::choices::Kind;

    fn candidate(name: &str, entropy_nats: f64, mutual_information_nats: f64, kind: Option<Kind>) -> MeasuredNetwork {
        let seen = MeasurementSetup { layers: vec![("fc".into(), Some(8))], probe: Probe::Rows(1_000) };
        MeasuredNetwork { name: name.into(), means: LayerMeans { entropy_nats, mutual_information_nats }, seen, kind }
    }

    fn names(group: &Group) -> Vec<&str> {
        group.placed.iter().map(|placed| placed.candidate.name.as_str()).collect()
    }

    #[test]
    fn the_better_network_depends_on_the_claim() {
        let all = || vec![candidate("a", 2.0, 0.3, None), candidate("b", 3.0, 0.1, None), candidate("c", 2.5, 0.1, None)];
        let none = BTreeMap::new();
        let shortcut = &groups(all(), FearedKind::Heuristic, &none)[0];
        assert_eq!(names(shortcut), ["b", "c", "a"]);
        assert_eq!(shortcut.placed.iter().map(|placed| placed.by_mutual_information).collect::<Vec<_>>(), [1, 1, 3]);
        let examples = &groups(all(), FearedKind::ExampleLevel, &none)[0];
        assert_eq!(names(examples), ["a", "c", "b"]);
        assert_eq!(examples.by_entropy, None, "no scores, no agreement");
    }

    #[test]
    fn agreement_with_scores_has_the_sign_of_the_claim() {
        let all = || (0..6).map(|at| candidate(&at.to_string(), f64::from(at), 6.0 - f64::from(at), None)).collect::<Vec<_>>();
        let scores: BTreeMap<String, f64> = (0..6).map(|at| (at.to_string(), f64::from(at))).collect();
        for (feared, expected) in [(FearedKind::Heuristic, 1.0), (FearedKind::ExampleLevel, -1.0)] {
            let group = &groups(all(), feared, &scores)[0];
            let taus = [group.by_entropy, group.by_mutual_information].map(|of| of.map(|agreement| agreement.tau.value));
            assert_eq!(taus, [Some(expected); 2], "{feared:?}");
        }
    }

    #[test]
    fn networks_that_were_measured_differently_are_ranked_separately() {
        let mut other = candidate("other", 9.0, 0.0, None);
        other.seen.probe = Probe::Unknown;
        let mut wider = candidate("wider", 9.0, 0.0, None);
        wider.seen.layers[0].1 = Some(9);
        let found = groups(
            vec![candidate("a", 1.0, 0.1, None), other, candidate("b", 2.0, 0.1, None), wider],
            FearedKind::Heuristic,
            &BTreeMap::new(),
        );
        assert_eq!(found.iter().map(names).collect::<Vec<_>>(), [vec!["b", "a"], vec!["other"], vec!["wider"]]);
    }

    #[test]
    fn verdicts_give_the_direction_where_they_agree() {
        let of = |kinds: &[Option<Kind>]| {
            let name = |at: usize| ["x", "y", "z"][at];
            let candidates: Vec<MeasuredNetwork> =
                kinds.iter().enumerate().map(|(at, kind)| candidate(name(at), 1.0, 1.0, *kind)).collect();
            Direction::of_verdicts(&candidates)
        };
        let table = [
            (vec![None, Some(Kind::Heuristic), Some(Kind::Heuristic)], Ok(FearedKind::Heuristic)),
            (vec![Some(Kind::ExampleLevel), None, Some(Kind::Baseline)], Ok(FearedKind::ExampleLevel)),
            (vec![None, Some(Kind::Baseline)], Err(NoDirection::Absent)),
            (
                vec![None, Some(Kind::ExampleLevel), Some(Kind::Heuristic)],
                Err(NoDirection::Mixed { heuristic: "z".into(), example_level: "y".into() }),
            ),
        ];
        for (kinds, expected) in table {
            assert_eq!(of(&kinds).map(|direction| direction.feared), expected, "{kinds:?}");
        }
    }
}
