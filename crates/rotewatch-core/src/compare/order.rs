//! Candidates in order, those apart that cannot be compared.

use std::collections::BTreeMap;
use std::fmt;

use super::candidate::{Candidate, Seen};
use super::claim::Claim;
use rotewatch_info::statistics::Agreement;

/// What is feared, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// What decides which way is better.
    pub claim: Claim,
    /// Whether the verdicts of the runs said so.
    pub by_verdicts: bool,
}

/// Why the verdicts give no direction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDirection {
    /// No verdict names a kind.
    #[error(
        "no verdict among these says whether a shortcut or examples learnt by heart are to be feared: say it with --against heuristic|example-level"
    )]
    Absent,
    /// Verdicts name both kinds.
    #[error(
        "{heuristic} learnt a shortcut and {example_level} single examples by heart: what is better against the one is worse against the \
         other, so these cannot be put in one order; rank them apart, or say which is feared with --against heuristic|example-level"
    )]
    Mixed {
        /// One that learnt a shortcut.
        heuristic: String,
        /// One that learnt examples by heart.
        example_level: String,
    },
}

impl Direction {
    /// The direction that the verdicts of the candidates agree on. Candidates without an alarm say nothing against it.
    ///
    /// # Errors
    /// Where verdicts name both kinds, or none names any.
    pub fn of_verdicts(candidates: &[Candidate]) -> Result<Self, NoDirection> {
        let first_of = |claim: Claim| candidates.iter().find(|candidate| candidate.kind.and_then(Claim::of_kind) == Some(claim));
        let claim = match (first_of(Claim::Heuristic), first_of(Claim::ExampleLevel)) {
            (Some(heuristic), Some(example_level)) => {
                return Err(NoDirection::Mixed { heuristic: heuristic.name.clone(), example_level: example_level.name.clone() });
            }
            (Some(_), None) => Claim::Heuristic,
            (None, Some(_)) => Claim::ExampleLevel,
            (None, None) => return Err(NoDirection::Absent),
        };
        Ok(Direction { claim, by_verdicts: true })
    }
}

impl fmt::Display for Direction {
    /// What is feared and what is better then, as a person reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.claim {
            Claim::Heuristic => "against shortcuts: more entropy and less mutual information are better",
            Claim::ExampleLevel => "against examples learnt by heart: less entropy and more mutual information are better",
        })?;
        if self.by_verdicts {
            f.write_str(" (feared because the runs' verdicts say so: name it where it may be the other)")
        } else {
            Ok(())
        }
    }
}

/// Candidates that can be compared with each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// How all of them were seen.
    pub seen: Seen,
    /// The candidates, best by entropy first.
    pub placed: Vec<Placed>,
    /// How far the order by entropy agrees with the scores; `None` where fewer than two have one, or one side is constant.
    pub by_entropy: Option<Agreement>,
    /// The same of the order by mutual information.
    pub by_mutual_information: Option<Agreement>,
}

/// A candidate in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The candidate.
    pub candidate: Candidate,
    /// Its place by entropy, from 1; equal ones share the better place.
    pub by_entropy: usize,
    /// Its place by mutual information.
    pub by_mutual_information: usize,
    /// Its score, where one is given.
    pub score: Option<f64>,
}

/// Puts candidates in order, group by group of those that were seen in the same way; groups and equal candidates stay in the order given.
///
/// # Estimator
/// Against shortcuts more entropy and less mutual information are better, against examples learnt by heart less entropy and more mutual
/// information. Agreement with scores is oriented the same way, so that 1 means: the order by the measure is that of the scores.
///
/// # Source
/// Bansal, Pruthi, Belinkov (2022), section 5, table 2.
#[must_use]
pub fn groups(candidates: Vec<Candidate>, claim: Claim, scores: &BTreeMap<String, f64>) -> Vec<Group> {
    let mut apart: Vec<(Seen, Vec<Candidate>)> = Vec::new();
    for candidate in candidates {
        match apart.iter_mut().find(|(seen, _)| *seen == candidate.seen) {
            Some((_, alike)) => alike.push(candidate),
            None => apart.push((candidate.seen.clone(), vec![candidate])),
        }
    }
    apart.into_iter().map(|(seen, alike)| Group::of(seen, alike, claim, scores)).collect()
}

impl Group {
    fn of(seen: Seen, candidates: Vec<Candidate>, claim: Claim, scores: &BTreeMap<String, f64>) -> Self {
        let sign = claim.entropy_sign();
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

/// The place of one among all, from 1: as many are better, and one.
fn place(one: f64, goodness: &[f64]) -> usize {
    1 + goodness.iter().filter(|other| **other > one).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{LayerMeans, Probe};
    use crate::vocabulary::choices::Kind;

    fn candidate(name: &str, entropy_nats: f64, mutual_information_nats: f64, kind: Option<Kind>) -> Candidate {
        let seen = Seen { layers: vec![("fc".into(), Some(8))], probe: Probe::Rows(1_000) };
        Candidate { name: name.into(), means: LayerMeans { entropy_nats, mutual_information_nats }, seen, kind }
    }

    fn names(group: &Group) -> Vec<&str> {
        group.placed.iter().map(|placed| placed.candidate.name.as_str()).collect()
    }

    #[test]
    fn what_is_better_depends_on_what_is_feared() {
        let all = || vec![candidate("a", 2.0, 0.3, None), candidate("b", 3.0, 0.1, None), candidate("c", 2.5, 0.1, None)];
        let none = BTreeMap::new();
        let shortcut = &groups(all(), Claim::Heuristic, &none)[0];
        assert_eq!(names(shortcut), ["b", "c", "a"]);
        assert_eq!(shortcut.placed.iter().map(|placed| placed.by_mutual_information).collect::<Vec<_>>(), [1, 1, 3]);
        let by_heart = &groups(all(), Claim::ExampleLevel, &none)[0];
        assert_eq!(names(by_heart), ["a", "c", "b"]);
        assert_eq!(by_heart.by_entropy, None, "no scores, no agreement");
    }

    #[test]
    fn agreement_with_scores_has_the_sign_of_the_claim() {
        let all = || (0..6).map(|at| candidate(&at.to_string(), f64::from(at), 6.0 - f64::from(at), None)).collect::<Vec<_>>();
        let scores: BTreeMap<String, f64> = (0..6).map(|at| (at.to_string(), f64::from(at))).collect();
        for (claim, expected) in [(Claim::Heuristic, 1.0), (Claim::ExampleLevel, -1.0)] {
            let group = &groups(all(), claim, &scores)[0];
            let taus = [group.by_entropy, group.by_mutual_information].map(|of| of.map(|agreement| agreement.tau.value));
            assert_eq!(taus, [Some(expected); 2], "{claim:?}");
        }
    }

    #[test]
    fn networks_that_were_seen_otherwise_are_kept_apart() {
        let mut other = candidate("other", 9.0, 0.0, None);
        other.seen.probe = Probe::Untold;
        let mut wider = candidate("wider", 9.0, 0.0, None);
        wider.seen.layers[0].1 = Some(9);
        let found = groups(
            vec![candidate("a", 1.0, 0.1, None), other, candidate("b", 2.0, 0.1, None), wider],
            Claim::Heuristic,
            &BTreeMap::new(),
        );
        assert_eq!(found.iter().map(names).collect::<Vec<_>>(), [vec!["b", "a"], vec!["other"], vec!["wider"]]);
    }

    #[test]
    fn verdicts_give_the_direction_where_they_agree() {
        let of = |kinds: &[Option<Kind>]| {
            let name = |at: usize| ["x", "y", "z"][at];
            let candidates: Vec<Candidate> =
                kinds.iter().enumerate().map(|(at, kind)| candidate(name(at), 1.0, 1.0, *kind)).collect();
            Direction::of_verdicts(&candidates)
        };
        let table = [
            (vec![None, Some(Kind::Heuristic), Some(Kind::Heuristic)], Ok(Claim::Heuristic)),
            (vec![Some(Kind::ExampleLevel), None, Some(Kind::Baseline)], Ok(Claim::ExampleLevel)),
            (vec![None, Some(Kind::Baseline)], Err(NoDirection::Absent)),
            (
                vec![None, Some(Kind::ExampleLevel), Some(Kind::Heuristic)],
                Err(NoDirection::Mixed { heuristic: "z".into(), example_level: "y".into() }),
            ),
        ];
        for (kinds, expected) in table {
            assert_eq!(of(&kinds).map(|direction| direction.claim), expected, "{kinds:?}");
        }
    }
}
