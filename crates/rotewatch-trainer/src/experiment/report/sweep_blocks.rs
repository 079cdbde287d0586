//! Tables and charts of a sweep.

use super::super::sweep::{LayerAlong, Network, Ranking, Sweep};
use super::blocks::{Block, Table};
use rotewatch::page::charts::{Axes, Figure, Series};
use rotewatch_core::compare::FearedKind;
use rotewatch_info::statistics::Interval;

/// All sweeps over one option.
pub(super) fn blocks(sweeps: &[Sweep], over: &str) -> Vec<Block> {
    let mut blocks = vec![Block::Text(legend(over))];
    blocks.push(Block::Table(rankings(sweeps, over)));
    if let Some(feared) = FearedKind::of(over) {
        blocks.push(Block::Text(COMPARED.to_owned()));
        blocks.push(Block::Table(compared(sweeps, feared)));
    }
    for sweep in sweeps {
        blocks.push(Block::Heading(sweep.name.clone()));
        blocks.push(Block::Table(along(sweep)));
        blocks.extend(figures(sweep, over).into_iter().map(|figure| Block::Figure(Box::new(figure))));
    }
    blocks
}

const COMPARED: &str = "Pairs of networks with the same seed, compared over their epochs as by `rotewatch runs compare`. Clear: both measures prefer the \
                        same network. Leaning: only one measure prefers a network. The columns count how often that network is more accurate.";

fn compared(sweeps: &[Sweep], feared: FearedKind) -> Table {
    let row = |sweep: &Sweep| {
        let verdicts = sweep.verdicts(feared);
        let [clear, leaning] = [verdicts.clear, verdicts.leaning].map(|share| format!("{} of {}", share.hits, share.of));
        vec![sweep.name.clone(), clear, leaning, verdicts.undecided.to_string()]
    };
    Table { head: vec!["networks", "clear, right", "leaning, right", "undecided"], rows: sweeps.iter().map(row).collect() }
}

fn legend(over: &str) -> String {
    let measures = "Finished networks are ranked within each seed by the mean entropy of their neurons (100 bins over all layers), by the mean \
                    mutual information of the pairs of a layer (10 bins a neuron), and by their accuracy on clean test labels over the last three \
                    epochs. Kendall's tau-b says how well two rankings agree; its 95 % interval resamples the seeds.";
    let feared = match FearedKind::of(over) {
        Some(FearedKind::Heuristic) => {
            " The feared is that a shortcut lowers entropy and raises mutual information; 1 means complete agreement with it."
        }
        Some(FearedKind::ExampleLevel) => {
            " The feared is that memorizing wrong labels raises entropy and lowers mutual information; 1 means complete agreement with \
             it."
        }
        None => " It is positive if more of the measure goes with more accuracy.",
    };
    format!("{measures}{feared}")
}

fn rankings(sweeps: &[Sweep], over: &str) -> Table {
    let feared = FearedKind::of(over);
    let sign = feared.map_or(1.0, FearedKind::entropy_sign);
    let other_sign = feared.map_or(1.0, |feared| -feared.entropy_sign());
    let paper = feared.map(FearedKind::of_the_paper);
    let mut rows = Vec::new();
    for sweep in sweeps {
        let by = [
            ("mean entropy", sweep.ranking(|network| network.entropy, sign), paper.map(|(entropy, _)| entropy)),
            (
                "mean mutual information",
                sweep.ranking(|network| network.mutual_information, other_sign),
                paper.map(|(_, mutual)| mutual),
            ),
        ];
        for (measure, Ranking { within_seeds, of_means }, paper) in by {
            rows.push(vec![
                sweep.name.clone(),
                measure.to_owned(),
                within_seeds
                    .map_or(String::new(), |Interval { value, lower, upper }| format!("{value:.2} ({lower:.2} to {upper:.2})")),
                of_means.map_or(String::new(), |tau| format!("{tau:.2}")),
                paper.map_or(String::new(), |tau| format!("{tau:.2}")),
            ]);
        }
    }
    Table { head: vec!["networks", "ranked by", "tau within seeds", "tau of the means", "in the paper"], rows }
}

fn along(sweep: &Sweep) -> Table {
    let columns: [fn(&Network) -> f64; 3] =
        [|network| network.entropy, |network| network.mutual_information, |network| 100.0 * network.test_accuracy];
    let [entropy, mutual, accuracy] = columns.map(|column| sweep.means(column));
    let row = |value: f64, [entropy, mutual, accuracy]: [f64; 3]| {
        let seeds = sweep.networks.iter().filter(|network| network.value == value).count();
        let means = [format!("{entropy:.3}"), format!("{mutual:.4}"), format!("{accuracy:.2}")];
        [value.to_string(), seeds.to_string()].into_iter().chain(means).collect()
    };
    let means = entropy.into_iter().zip(mutual).zip(accuracy);
    let rows = means.map(|(((value, entropy), (_, mutual)), (_, accuracy))| row(value, [entropy, mutual, accuracy])).collect();
    Table { head: vec!["value", "seeds", "mean entropy, nats", "mean mutual information, nats", "test accuracy, %"], rows }
}

fn figures(sweep: &Sweep, over: &str) -> Vec<Figure> {
    let mut figures = Vec::new();
    let accuracy: Vec<(String, f64)> =
        sweep.means(|network| 100.0 * network.test_accuracy).into_iter().map(|(value, mean)| (value.to_string(), mean)).collect();
    let group = |layer: &LayerAlong| {
        let boxes = layer.entropy.iter().map(|(value, of)| (value.to_string(), *of)).collect();
        (layer.name.clone(), boxes)
    };
    let groups: Vec<_> = sweep.layers.iter().map(group).collect();
    if !groups.is_empty() {
        let axes = Axes { x: over, y: "entropy of a neuron, nats" };
        let boxes = Figure::boxes("Entropy by layer, and test accuracy", axes, &groups);
        figures.push(boxes.with_line("test accuracy", "test accuracy, %", &accuracy));
    }
    for layer in &sweep.layers {
        let curve = |(value, points): &(f64, Vec<(f64, f64)>)| Series {
            name: format!("{over} {value}"),
            points: points.clone(),
            told: Vec::new(),
        };
        let series: Vec<Series> = layer.mutual_information.iter().map(curve).collect();
        let axes = Axes { x: "mutual information of a pair, nats", y: "density" };
        figures.push(Figure::ordered_lines(&format!("Mutual information of the pairs of {}", layer.name), axes, &series));
    }
    figures
}
