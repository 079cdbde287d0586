//! The state of the screen: the known runs, and the selected run and layer.

use super::follow::Update;
use super::terminal::Input;
use rotewatch_core::record::{EpochRecord, LayerRecord, RunRecord, StateRecord};
use rotewatch_core::vocabulary::identity::{LayerName, RunName};

/// The state of the connection to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing was received yet.
    Waiting,
    /// The data is current.
    Following,
    /// The data is old, since the connection was lost for this reason.
    Lost(String),
}

/// A run and its known epochs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ShownRun {
    pub(super) record: RunRecord,
    pub(super) epochs: Vec<EpochRecord>,
}

/// Everything that is needed to draw the screen.
#[derive(Clone, Debug)]
pub struct View {
    pub(super) url: String,
    pub(super) link: Link,
    pub(super) runs: Vec<ShownRun>,
    /// The name of the selected run, so that it stays selected when other runs come and go.
    run: Option<RunName>,
    /// The selected layer; by default the last one, where memorization shows first.
    layer: Option<LayerName>,
}

impl View {
    /// Creates an empty view of the daemon at `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        View { url: url.to_owned(), link: Link::Waiting, runs: Vec::new(), run: None, layer: None }
    }

    /// Applies an update.
    pub fn learn(&mut self, update: Update) {
        let (records, new) = match update {
            Update::Lost(reason) => {
                self.link = Link::Lost(reason);
                return;
            }
            Update::Runs(records, new) => (records, new),
        };
        self.link = Link::Following;
        let mut before = std::mem::take(&mut self.runs);
        for record in records {
            let known = |shown: &ShownRun| shown.state().run == record.state.run && shown.state().attempt == record.state.attempt;
            let epochs = before.iter().position(known).map(|at| before.swap_remove(at).epochs).unwrap_or_default();
            self.runs.push(ShownRun { record, epochs });
        }
        for told in new {
            let Some(shown) = self.runs.iter_mut().find(|shown| shown.state().run == told.run) else { continue };
            if told.anew {
                shown.epochs.clear();
            }
            shown.epochs.extend(told.epochs);
        }
    }

    /// Applies an input. Returns whether to continue.
    pub fn heed(&mut self, input: Input) -> bool {
        match input {
            Input::Quit => return false,
            Input::Resized => {}
            Input::RunBefore => self.run = self.moved_run(-1),
            Input::RunAfter => self.run = self.moved_run(1),
            Input::LayerBefore => self.layer = self.moved_layer(-1),
            Input::LayerAfter => self.layer = self.moved_layer(1),
        }
        true
    }

    /// Returns the index of the selected run; the first one by default.
    pub(super) fn selected(&self) -> usize {
        self.run.as_ref().and_then(|name| self.runs.iter().position(|shown| shown.state().run == *name)).unwrap_or(0)
    }

    /// Returns the selected run.
    pub(super) fn shown_run(&self) -> Option<&ShownRun> {
        self.runs.get(self.selected())
    }

    /// Returns the index of the selected layer, and the number of layers.
    pub(super) fn shown_layer(&self) -> Option<(usize, usize)> {
        let layers = self.shown_run()?.layers();
        let chosen = self.layer.as_ref().and_then(|name| layers.iter().position(|layer| layer.layer == *name));
        Some((chosen.or(layers.len().checked_sub(1))?, layers.len()))
    }

    fn moved_run(&self, by: isize) -> Option<RunName> {
        let place = self.selected().saturating_add_signed(by).min(self.runs.len().checked_sub(1)?);
        self.runs.get(place).map(|shown| shown.state().run.clone())
    }

    fn moved_layer(&self, by: isize) -> Option<LayerName> {
        let (place, count) = self.shown_layer()?;
        let place = place.saturating_add_signed(by).min(count - 1);
        self.shown_run()?.layers().get(place).map(|record| record.layer.clone())
    }
}

impl ShownRun {
    /// Returns the run's state.
    pub(super) fn state(&self) -> &StateRecord {
        &self.record.state
    }

    /// Returns the layers of the newest epoch, in forward order.
    pub(super) fn layers(&self) -> &[LayerRecord] {
        self.epochs.last().map_or(&[], |epoch| &epoch.layers)
    }

    /// Returns a number of a layer for each epoch.
    pub(super) fn along(&self, layer: &LayerName, number: impl Fn(&LayerRecord) -> Option<f64>) -> Vec<Option<f64>> {
        let of = |epoch: &EpochRecord| number(epoch.layer(layer)?);
        self.epochs.iter().map(of).collect()
    }

    /// Returns one of the trainer's own numbers for each epoch.
    pub(super) fn metric(&self, name: &str) -> Vec<Option<f64>> {
        self.epochs.iter().map(|epoch| epoch.metrics.get(name).filter(|value| value.is_finite())).collect()
    }

    /// Returns the names of the trainer's own numbers.
    pub(super) fn metrics(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.epochs.iter().flat_map(|epoch| epoch.metrics.iter().map(|(name, _)| name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::follow::NewEpochs;
    use super::*;
    use rotewatch_core::record::VerdictRecord;
    use rotewatch_core::record::catalogue::Measure;
    use rotewatch_core::vocabulary::identity::Attempt;
    use rotewatch_core::vocabulary::metrics::EpochMetrics;
    use rotewatch_core::vocabulary::units::Epoch;
    use rotewatch_info::measures::Distribution;

    /// A run of which nothing is known but its name and its attempt, a single digit.
    pub(in crate::top) fn run(name: &str, attempt: &str) -> RunRecord {
        let state = StateRecord {
            run: name.parse().expect("a good name"),
            attempt: attempt_of(attempt),
            epoch: None,
            committed_epoch: None,
            verdict: VerdictRecord::default(),
            stop: false,
            reason: None,
        };
        let words = (String::new(), String::new());
        RunRecord { state, status: "training".into(), mode: words.0, framework: words.1, updated_at: None, baseline: None }
    }

    fn attempt_of(digit: &str) -> Attempt {
        format!("{digit:0>16}").parse().expect("a good attempt")
    }

    pub(in crate::top) fn epoch(epoch: u32, layers: &[&str]) -> EpochRecord {
        let all = |value| Some(Distribution { mean: value, p05: value, p50: value, p90: value, p95: value });
        let layer = |name: &&str| {
            let mut record = LayerRecord::unmeasured(name.parse().expect("a good name"));
            record.neurons = Some(12);
            record.figures.set(Measure::EntropyNetworkNats, all(f64::from(epoch)));
            record.figures.set(Measure::MutualInformationNats, all(1.0 / f64::from(epoch + 1)));
            record
        };
        EpochRecord {
            epoch: Epoch(epoch),
            metrics: EpochMetrics::new([("train_loss", 0.5)]).expect("a good name"),
            layers: layers.iter().map(layer).collect(),
            ..EpochRecord::default()
        }
    }

    pub(in crate::top) fn new(run: &str, anew: bool, epochs: Vec<EpochRecord>) -> NewEpochs {
        NewEpochs { run: run.parse().expect("a good name"), anew, epochs }
    }

    fn shown(view: &View) -> (&str, Option<(usize, usize)>) {
        (view.shown_run().map_or("none", |shown| shown.state().run.as_str()), view.shown_layer())
    }

    #[test]
    fn keys_move_between_runs_and_layers_and_stop_at_the_ends() {
        let mut view = View::new("http://here");
        assert!(view.heed(Input::RunAfter) && view.heed(Input::LayerBefore), "nothing to move between");
        assert_eq!(shown(&view), ("none", None));
        let epochs = vec![new("a", true, vec![epoch(0, &["h1", "h2", "h3"])]), new("b", true, vec![epoch(0, &["h1", "h2"])])];
        view.learn(Update::Runs(vec![run("a", "1"), run("b", "1"), run("c", "1")], epochs));
        assert_eq!(shown(&view), ("a", Some((2, 3))), "the first run and its last layer");
        let steps = [
            (Input::RunBefore, ("a", Some((2, 3)))),
            (Input::LayerBefore, ("a", Some((1, 3)))),
            (Input::RunAfter, ("b", Some((1, 2)))),
            (Input::LayerAfter, ("b", Some((1, 2)))),
            (Input::LayerBefore, ("b", Some((0, 2)))),
            (Input::LayerBefore, ("b", Some((0, 2)))),
            (Input::RunAfter, ("c", None)),
            (Input::RunAfter, ("c", None)),
            (Input::Resized, ("c", None)),
        ];
        for (input, expected) in steps {
            assert!(view.heed(input));
            assert_eq!(shown(&view), expected, "{input:?}");
        }
        assert!(!view.heed(Input::Quit));
    }

    #[test]
    fn the_run_that_is_looked_at_stays_while_others_come_and_go() {
        let mut view = View::new("http://here");
        view.learn(Update::Runs(vec![run("b", "1"), run("c", "1")], Vec::new()));
        view.heed(Input::RunAfter);
        view.learn(Update::Runs(vec![run("a", "1"), run("b", "1"), run("c", "1")], Vec::new()));
        assert_eq!((view.selected(), shown(&view).0), (2, "c"));
        view.learn(Update::Runs(vec![run("a", "1")], Vec::new()));
        assert_eq!(shown(&view).0, "a");
    }

    #[test]
    fn epochs_are_added_and_those_of_an_earlier_attempt_forgotten() {
        let mut view = View::new("http://here");
        view.learn(Update::Runs(vec![run("a", "1")], vec![new("a", true, vec![epoch(0, &["h"]), epoch(1, &["h"])])]));
        view.learn(Update::Runs(vec![run("a", "1")], vec![new("a", false, vec![epoch(2, &["h"])])]));
        let told = |view: &View| view.runs[0].epochs.iter().map(|epoch| epoch.epoch.0).collect::<Vec<_>>();
        assert_eq!(told(&view), [0, 1, 2]);
        view.learn(Update::Lost("gone".into()));
        assert_eq!((&view.link, told(&view)), (&Link::Lost("gone".into()), vec![0, 1, 2]));
        view.learn(Update::Runs(vec![run("a", "2")], vec![new("a", true, vec![epoch(0, &["h"])])]));
        assert_eq!((&view.link, told(&view)), (&Link::Following, vec![0]));
    }
}
