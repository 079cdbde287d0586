//! Finished networks along one option: do information measures rank them as their test accuracy does? This is the paper's question.

use std::collections::BTreeMap;

use super::capture::Capture;
use super::truth::Truth;
use rotewatch::page::charts::BoxOf;
use rotewatch_core::compare::{Comparison, FearedKind, LayerMeans, Preference, Side, TrainingCurve};
use rotewatch_core::record::training::FinalLayer;
use rotewatch_info::statistics::{CountedShare, Interval, tau_b, tau_interval};

/// The networks of one cell that differ only in the option and the seed.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The cell, with its other options.
    pub name: String,
    /// One entry per network, sorted by value and seed.
    pub networks: Vec<Network>,
    /// How each of them was trained, in the same order.
    pub courses: Vec<TrainingCurve>,
    /// The layers in forward order, over all seeds.
    pub layers: Vec<LayerAlong>,
}

/// A finished network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// The value of the option.
    pub value: f64,
    /// The seed.
    pub seed: u64,
    /// Mean over layers of the mean entropy of their neurons, in nats, with one set of bin edges for all layers.
    pub entropy: f64,
    /// Mean over layers of the mean mutual information of their pairs, in nats.
    pub mutual_information: f64,
    /// Accuracy on clean test labels over the last three epochs.
    pub test_accuracy: f64,
}

/// A layer along the option.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerAlong {
    /// Its name.
    pub name: String,
    /// The entropies of its neurons.
    pub entropy: Vec<(f64, BoxOf)>,
    /// The density of its pairs' mutual information: points of nats and density.
    pub mutual_information: Vec<(f64, Vec<(f64, f64)>)>,
}

/// How well a measure ranks networks, compared with their test accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// Tau-b within a seed, averaged over the seeds.
    pub within_seeds: Option<Interval>,
    /// Tau-b of the means over seeds.
    pub of_means: Option<f64>,
}

/// How often `rotewatch runs compare` names the more accurate of two networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Results by both measures.
    pub clear: CountedShare,
    /// Results by one measure.
    pub leaning: CountedShare,
    /// Pairs for which no network was named.
    pub undecided: u32,
}

/// The sweeps among these captures, in the order of the grid. Runs without the option, without truth or without measures are left
/// out.
#[must_use]
pub fn sweeps(captures: &[Capture], over: &str) -> Vec<Sweep> {
    let mut names: Vec<String> = Vec::new();
    let mut groups: BTreeMap<String, Vec<&Capture>> = BTreeMap::new();
    for capture in captures {
        let run = &capture.run;
        let others = run.options.iter().filter(|(option, _)| option != over).map(|(option, value)| format!("{option}={value}"));
        let name = format!("{}: {}", run.cell, others.collect::<Vec<_>>().join(" "));
        if !names.contains(&name) {
            names.push(name.clone());
        }
        groups.entry(name).or_default().push(capture);
    }
    names.into_iter().filter_map(|name| Sweep::of(&name, groups.get(&name)?, over)).collect()
}

impl Sweep {
    fn of(name: &str, captures: &[&Capture], over: &str) -> Option<Self> {
        let mut with_network: Vec<(Network, &Capture)> =
            captures.iter().filter_map(|capture| Some((network(capture, over)?, *capture))).collect();
        with_network.sort_by(|(one, _), (other, _)| one.value.total_cmp(&other.value).then(one.seed.cmp(&other.seed)));
        let mut layer_names: Vec<&str> = Vec::new();
        for layer in with_network.iter().flat_map(|(_, capture)| capture.history.final_layers.iter().flatten()) {
            if !layer_names.contains(&layer.layer.as_str()) {
                layer_names.push(layer.layer.as_str());
            }
        }
        let layers = layer_names.iter().map(|layer| LayerAlong::of(layer, &with_network)).collect();
        let course =
            |(_, capture): &(Network, &Capture)| TrainingCurve::of_document(capture.run.name.to_string(), &capture.history);
        let courses = with_network.iter().map(course).collect::<Option<_>>()?;
        let networks: Vec<Network> = with_network.into_iter().map(|(network, _)| network).collect();
        (!networks.is_empty()).then(|| Sweep { name: name.to_owned(), networks, courses, layers })
    }

    /// The values of the option, ascending.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.networks.iter().map(|network| network.value).collect();
        values.dedup();
        values
    }

    /// The mean over seeds of a number at each value.
    pub fn means(&self, number: impl Fn(&Network) -> f64) -> Vec<(f64, f64)> {
        let mean = |value: f64| {
            let at: Vec<f64> = self.networks.iter().filter(|network| network.value == value).map(&number).collect();
            (value, at.iter().sum::<f64>() / at.len() as f64)
        };
        self.values().into_iter().map(mean).collect()
    }

    /// Counts how often comparisons of two of these networks are right.
    #[must_use]
    pub fn verdicts(&self, feared: FearedKind) -> Verdicts {
        Verdicts::of(self, feared)
    }

    /// Tau between a measure and test accuracy, multiplied by `sign`.
    pub fn ranking(&self, measure: impl Fn(&Network) -> f64, sign: f64) -> Ranking {
        let mut seeds: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
        for network in &self.networks {
            seeds.entry(network.seed).or_default().push((sign * measure(network), network.test_accuracy));
        }
        let measures = self.means(|network| sign * measure(network));
        let accuracies = self.means(|network| network.test_accuracy);
        let means: Vec<(f64, f64)> =
            measures.iter().zip(&accuracies).map(|(measure, accuracy)| (measure.1, accuracy.1)).collect();
        Ranking { within_seeds: tau_interval(&seeds.into_values().collect::<Vec<_>>()), of_means: tau_b(&means) }
    }
}

impl Verdicts {
    /// Counts the results for all pairs of networks with the same seed that are not equally accurate.
    fn of(sweep: &Sweep, feared: FearedKind) -> Self {
        let mut verdicts = Verdicts::default();
        let networks: Vec<(&Network, &TrainingCurve)> = sweep.networks.iter().zip(&sweep.courses).collect();
        for (place, (network, course)) in networks.iter().enumerate() {
            let others = networks.iter().skip(place + 1).filter(|(other, _)| other.seed == network.seed);
            for (other, other_course) in others.filter(|(other, _)| other.test_accuracy != network.test_accuracy) {
                let Ok(comparison) = Comparison::of(course, other_course, Some(feared)) else { continue };
                let truth = if network.test_accuracy > other.test_accuracy { Side::First } else { Side::Second };
                verdicts.count(comparison.preference, truth);
            }
        }
        verdicts
    }

    fn count(&mut self, preference: Preference, truth: Side) {
        let named = preference.better().is_some_and(|(side, _)| side == truth);
        let counted = match preference {
            Preference::Clear(..) => &mut self.clear,
            Preference::Leaning(..) => &mut self.leaning,
            Preference::Contradictory | Preference::Alike | Preference::TooEarly { .. } => {
                self.undecided += 1;
                return;
            }
        };
        counted.of += 1;
        counted.hits += u32::from(named);
    }
}

fn network(capture: &Capture, over: &str) -> Option<Network> {
    let means = LayerMeans::of_epoch(capture.history.epochs.last()?)?;
    Some(Network {
        value: capture.run.option(over)?.parse().ok()?,
        seed: capture.run.seed,
        entropy: means.entropy_nats,
        mutual_information: means.mutual_information_nats,
        test_accuracy: Truth::of(&capture.history)?.end,
    })
}

impl LayerAlong {
    fn of(name: &str, networks: &[(Network, &Capture)]) -> Self {
        let mut along = LayerAlong { name: name.to_owned(), entropy: Vec::new(), mutual_information: Vec::new() };
        for same_value in networks.chunk_by(|(one, _), (other, _)| one.value == other.value) {
            let [(Network { value, .. }, _), ..] = *same_value else { continue };
            let layers: Vec<&FinalLayer> = same_value
                .iter()
                .flat_map(|(_, capture)| capture.history.final_layers.iter().flatten())
                .filter(|layer| layer.layer.as_str() == name)
                .collect();
            let entropies: Vec<f64> = layers.iter().flat_map(|layer| layer.entropy_network_nats.iter().copied()).collect();
            along.entropy.extend(BoxOf::of(&entropies).map(|of| (value, of)));
            along.mutual_information.push((value, density(&layers)));
        }
        along
    }
}

/// The density of mutual information over layers of the same name, at the middle of each bin.
fn density(layers: &[&FinalLayer]) -> Vec<(f64, f64)> {
    let Some(first) = layers.first().map(|layer| &layer.mutual_information) else { return Vec::new() };
    let alike = layers
        .iter()
        .map(|layer| &layer.mutual_information)
        .filter(|histogram| histogram.upper == first.upper && histogram.counts.len() == first.counts.len());
    let mut counts = vec![0_u64; first.counts.len()];
    for histogram in alike {
        for (sum, count) in counts.iter_mut().zip(&histogram.counts) {
            *sum += count;
        }
    }
    let total: u64 = counts.iter().sum();
    let width = first.upper / counts.len() as f64;
    // Beyond the last pair there would only be a line at zero.
    let end = counts.iter().rposition(|count| *count > 0).map_or(0, |last| (last + 2).min(counts.len()));
    let point = |(bin, count): (usize, &u64)| ((bin as f64 + 0.5) * width, *count as f64 / (total as f64 * width));
    counts.iter().take(end).enumerate().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rotewatch_core::compare::{EPOCHS_MIN, MeasuredNetwork, MeasurementSetup, Probe, groups};
    use rotewatch_core::record::training::Histogram;
    use rotewatch_core::vocabulary::units::Epoch;

    fn sweep(entropy_of: impl Fn(f64) -> f64) -> Sweep {
        let network = |(seed, value): (u64, f64)| Network {
            value,
            seed,
            entropy: entropy_of(value),
            mutual_information: value,
            test_accuracy: 1.0 - value,
        };
        let mut networks: Vec<Network> =
            [0.0, 0.5, 1.0].into_iter().flat_map(|value| [(1, value), (2, value)]).map(network).collect();
        networks.sort_by(|one, other| one.value.total_cmp(&other.value));
        let courses = networks.iter().map(steady).collect();
        Sweep { name: "mlp".into(), networks, courses, layers: Vec::new() }
    }

    fn candidate(network: &Network) -> MeasuredNetwork {
        MeasuredNetwork {
            name: format!("{} of seed {}", network.value, network.seed),
            means: LayerMeans { entropy_nats: network.entropy, mutual_information_nats: network.mutual_information },
            seen: MeasurementSetup { layers: Vec::new(), probe: Probe::Unknown },
            kind: None,
        }
    }

    /// A training in which nothing changes.
    fn steady(network: &Network) -> TrainingCurve {
        let newest = candidate(network);
        let epochs = (1..).map(Epoch).take(EPOCHS_MIN).map(|epoch| (epoch, newest.means)).collect();
        TrainingCurve { newest, epochs }
    }

    #[test]
    fn verdicts_on_pairs_are_counted_within_seeds() {
        let all = |hits| CountedShare { hits, of: 6 };
        let none = CountedShare::default();
        let falling = sweep(|value| 3.0 - value);
        assert_eq!(falling.verdicts(FearedKind::Heuristic), Verdicts { clear: all(6), leaning: none, undecided: 0 });
        assert_eq!(falling.verdicts(FearedKind::ExampleLevel), Verdicts { clear: all(0), leaning: none, undecided: 0 });
        assert_eq!(sweep(|_| 1.0).verdicts(FearedKind::Heuristic), Verdicts { clear: none, leaning: all(6), undecided: 0 });
        assert_eq!(sweep(|value| value).verdicts(FearedKind::Heuristic), Verdicts { clear: none, leaning: none, undecided: 6 });
    }

    #[test]
    fn tau_is_counted_within_seeds() {
        let falling = sweep(|value| 3.0 - value);
        let ranking = falling.ranking(|network| network.entropy, 1.0);
        assert_eq!(ranking.of_means, Some(1.0));
        assert_eq!(ranking.within_seeds.map(|tau| (tau.value, tau.lower, tau.upper)), Some((1.0, 1.0, 1.0)));
        assert_eq!(falling.ranking(|network| network.mutual_information, 1.0).of_means, Some(-1.0));
        assert_eq!(sweep(|_| 1.0).ranking(|network| network.entropy, 1.0).of_means, None);
        assert_eq!(falling.values(), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn a_ranking_of_the_same_networks_has_the_same_tau() {
        let sweep = sweep(|value| (7.0 * value) % 3.0);
        let seed: Vec<&Network> = sweep.networks.iter().filter(|network| network.seed == 1).collect();
        let scores = seed.iter().map(|network| (candidate(network).name, network.test_accuracy)).collect();
        for feared in [FearedKind::Heuristic, FearedKind::ExampleLevel] {
            let group = &groups(seed.iter().map(|network| candidate(network)).collect(), feared, &scores)[0];
            let sign = feared.entropy_sign();
            let entropy = sweep.ranking(|network| network.entropy, sign).within_seeds;
            let mutual = sweep.ranking(|network| network.mutual_information, -sign).within_seeds;
            let ranked = [group.by_entropy, group.by_mutual_information].map(|agreement| agreement.map(|of| of.tau.value));
            assert_eq!(ranked, [entropy, mutual].map(|of| of.map(|tau| tau.value)), "{feared:?}");
            assert!(ranked[0].is_some() && ranked[1].is_some());
        }
    }

    #[test]
    fn a_density_has_an_area_of_one() {
        let histogram = Histogram { upper: 2.0, counts: vec![2, 4, 2, 0] };
        let layer = FinalLayer {
            layer: "fc".parse().expect("a good name"),
            entropy_network_nats: vec![1.0],
            mutual_information: histogram,
        };
        let points = density(&[&layer, &layer]);
        assert_eq!(points, [(0.25, 0.5), (0.75, 1.0), (1.25, 0.5), (1.75, 0.0)]);
        assert_eq!(density(&[]), []);
    }
}
