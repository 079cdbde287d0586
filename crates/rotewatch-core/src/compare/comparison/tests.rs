use super::*;
use crate::compare::{MeasuredNetwork, Probe};

/// A training whose measures are given epoch by epoch, from epoch 1 on.
fn course(name: &str, entropies: &[f64], informations: &[f64]) -> TrainingCurve {
    let means = entropies.iter().zip(informations);
    let epochs: Vec<(Epoch, LayerMeans)> = (1..)
        .map(Epoch)
        .zip(means.map(|(&entropy_nats, &mutual_information_nats)| LayerMeans { entropy_nats, mutual_information_nats }))
        .collect();
    let seen = MeasurementSetup { layers: vec![("fc".into(), Some(8))], probe: Probe::Described("the test set".into()) };
    let (_, means) = *epochs.last().expect("there is an epoch");
    TrainingCurve { newest: MeasuredNetwork { name: name.into(), means, seen, kind: None }, epochs }
}

/// `level` in every epoch, plus and minus `wander` in turns.
fn steady(level: f64, wander: f64) -> Vec<f64> {
    (0..10).map(|epoch| level + if epoch % 2 == 0 { wander } else { -wander }).collect()
}

fn against_shortcuts(first: &TrainingCurve, second: &TrainingCurve) -> Comparison {
    Comparison::of(first, second, Some(FearedKind::Heuristic)).unwrap()
}

#[test]
fn a_measure_prefers_a_network_if_they_differ_by_more_than_it_fluctuates() {
    let base = course("base", &steady(2.0, 0.0), &steady(0.2, 0.0));
    let table = [
        // Changes alternate between -0.02 and 0.02, so that they deviate by 0.02: 0.039 is within twice that, 0.05 is not.
        (steady(2.039, 0.01), steady(0.2, 0.0), Preference::Alike),
        (steady(2.06, 0.01), steady(0.2, 0.0), Preference::Leaning(Side::Second, Epoch(1), Measure::Entropy)),
        (steady(1.94, 0.01), steady(0.2, 0.0), Preference::Leaning(Side::First, Epoch(1), Measure::Entropy)),
        (steady(2.0, 0.0), steady(0.3, 0.0), Preference::Leaning(Side::First, Epoch(1), Measure::MutualInformation)),
        (steady(2.1, 0.0), steady(0.1, 0.0), Preference::Clear(Side::Second, Epoch(1))),
        (steady(2.1, 0.0), steady(0.3, 0.0), Preference::Contradictory),
    ];
    for (entropies, informations, expected) in table {
        let other = course("other", &entropies, &informations);
        assert_eq!(against_shortcuts(&base, &other).preference, expected, "{entropies:?} {informations:?}");
    }
}

#[test]
fn the_better_network_depends_on_the_claim_and_not_on_the_order() {
    let (low, high) = (course("low", &steady(1.0, 0.0), &steady(0.3, 0.0)), course("high", &steady(2.0, 0.0), &steady(0.1, 0.0)));
    for (feared, better) in [(FearedKind::Heuristic, "high"), (FearedKind::ExampleLevel, "low")] {
        for (first, second) in [(&low, &high), (&high, &low)] {
            let comparison = Comparison::of(first, second, Some(feared)).unwrap();
            let (side, since) = comparison.preference.better().unwrap();
            assert_eq!((comparison.name(side), since), (better, Epoch(1)), "{feared:?}");
        }
    }
}

#[test]
fn a_result_counts_from_the_first_epoch_from_which_on_both_measures_agree() {
    let base = course("base", &[2.0; 10], &[0.2; 10]);
    // Apart at epoch 2, together again, and apart for good from epoch 5 by the one and from epoch 7 by the other.
    let entropies = [2.0, 2.5, 2.0, 2.0, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5];
    let informations = [0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1];
    let other = course("other", &entropies, &informations);
    let comparison = against_shortcuts(&base, &other);
    assert_eq!(comparison.partings[0].better, Some((Side::Second, Epoch(5))));
    assert_eq!(comparison.preference, Preference::Clear(Side::Second, Epoch(7)));
    assert_eq!(
        comparison.to_string(),
        "other generalises better than base by both measures since epoch 7; such results were right for 172 of 178 pairs \
         of the paper's sweeps"
    );
    let guessed = Comparison { direction: Direction { by_verdicts: true, ..comparison.direction }, ..comparison };
    assert_eq!(guessed.track_record(), None, "counted only when the kind of memorization was known");
    assert!(guessed.to_string().ends_with("since epoch 7; valid only if the runs' verdicts name the right kind of memorization"));
}

#[test]
fn epochs_that_both_have_are_compared() {
    let long = course("long", &[&[2.0; 7][..], &[9.0; 5]].concat(), &[0.2; 12]);
    let short = course("short", &[2.0; 7], &[0.2; 7]);
    let comparison = against_shortcuts(&long, &short);
    assert_eq!((comparison.epoch, comparison.last_epochs), (Epoch(7), [Epoch(12), Epoch(7)]));
    assert_eq!(comparison.preference, Preference::Alike);
    let begun = course("begun", &[2.0; 5], &[0.2; 5]);
    let early = against_shortcuts(&long, &begun);
    assert_eq!(early.preference, Preference::TooEarly { epochs: 5 });
    assert_eq!((early.partings[0].nats, early.partings[0].fluctuation_nats), ([2.0, 2.0], None));
    let mut untrained = begun;
    untrained.epochs.clear();
    let names = ["long", "begun"].map(str::to_owned);
    assert_eq!(Comparison::of(&long, &untrained, Some(FearedKind::Heuristic)), Err(Incomparable::NoEpoch { names }));
}

/// Changes how a network was measured.
type Change = fn(&mut MeasuredNetwork);

#[test]
fn a_comparison_that_is_refused_says_why() {
    let one = course("one", &[2.0; 7], &[0.2; 7]);
    let other = |change: Change| {
        let mut other = course("other", &[2.0; 7], &[0.2; 7]);
        change(&mut other.newest);
        let refused = Comparison::of(&one, &other, None).unwrap_err();
        refused.to_string()
    };
    let table: [(Change, &str); 5] = [
        (|other| other.name = "one".into(), "one cannot be compared with itself"),
        (
            |other| other.seen.probe = Probe::Unknown,
            "have different probes: layers fc (8), measured on the test set; layers fc (8), measured on",
        ),
        (|other| other.seen.layers[0].0 = "conv".into(), "have different layers"),
        (|other| other.seen.layers[0].1 = Some(9), "have layers of different widths"),
        (|_| (), "no verdict of these runs names"),
    ];
    for (change, expected) in table {
        let refused = other(change);
        assert!(refused.contains(expected), "{refused}");
    }
    let of_kind = |name: &str, kind| {
        let mut course = course(name, &[2.0; 7], &[0.2; 7]);
        course.newest.kind = Some(kind);
        course
    };
    let (shortcut, examples) = (of_kind("a", Kind::Heuristic), of_kind("b", Kind::ExampleLevel));
    let mixed = Comparison::of(&shortcut, &examples, None);
    assert!(matches!(mixed, Err(Incomparable::NoDirection(NoDirection::Mixed { .. }))), "{mixed:?}");
    assert!(Comparison::of(&shortcut, &examples, Some(FearedKind::Heuristic)).is_ok());
}
