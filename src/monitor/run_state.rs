//! What the monitor remembers of a run between two events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::MonitorParams;
use crate::board::{EpochSummary, LayerHistograms, RunView};
use crate::clock::Stopwatch;
use crate::detect::{DetectParams, HintTracker, Judge, Judgement};
use crate::identity::LayerName;
use crate::info::LayerMeasures;
use crate::report::{EpochReport, LayerReport, LayerStatistics, Rolling};
use crate::run::{Run, Standing};
use crate::store::PastEpoch;
use crate::units::Epoch;
use crate::window::Window;

/// Epochs of a run of which the figures in brief are kept.
pub const EPOCHS_KEPT: usize = 256;

/// What the monitor remembers of one attempt of one run.
pub(super) struct RunState {
    pub(super) run: Arc<Run>,
    pub(super) active: bool,
    /// Since the trainer was last heard from.
    pub(super) heard: Stopwatch,
    pub(super) window: Window,
    pub(super) judge: Judge,
    pub(super) hints: HintTracker,
    rolling: Vec<Rolling>,
    histograms: BTreeMap<LayerName, LayerHistograms>,
    /// The epoch that frames have come for and that has not ended.
    pub(super) open_epoch: Option<Epoch>,
    pub(super) last_reported: Option<Epoch>,
    pub(super) since_last_report: Option<Stopwatch>,
    pub(super) newest: Option<Arc<EpochReport>>,
    history: VecDeque<Arc<EpochSummary>>,
    /// Rows measured since an end of an epoch last said how many were offered.
    pub(super) rows_taken: u64,
    rows_offered_before: u64,
}

impl RunState {
    /// An attempt that nothing has been heard of but its declaration.
    pub(super) fn new(run: &Arc<Run>, params: &MonitorParams) -> Self {
        let layers = run.declaration().layers.len();
        RunState {
            run: Arc::clone(run),
            active: true,
            heard: Stopwatch::start(),
            window: Window::new(params.window, layers),
            judge: Judge::new(params.reference.clone()),
            hints: HintTracker::default(),
            rolling: (0..layers).map(|_| Rolling::new(params.rolling)).collect(),
            histograms: BTreeMap::new(),
            open_epoch: None,
            last_reported: None,
            since_last_report: None,
            newest: None,
            history: VecDeque::new(),
            rows_taken: 0,
            rows_offered_before: 0,
        }
    }

    /// Names a layer's measures, sums them up and adds them to what is kept over epochs.
    pub(super) fn layer_report(&mut self, place: usize, measures: LayerMeasures) -> Option<LayerReport> {
        let layer = self.run.declaration().layers.get(place)?.clone();
        let neurons_offered = self.window.widths().get(place).copied().flatten()?.neurons_offered;
        let statistics = LayerStatistics::of(&measures);
        let rolling = self.rolling.get_mut(place)?;
        let rolling = match &statistics {
            Some(statistics) => rolling.push(statistics),
            None => rolling.means(),
        };
        if statistics.is_some() {
            let histograms = self.histograms.entry(layer.clone()).or_default();
            histograms.entropy_network.observe(measures.entropy_network_nats.iter().copied());
            histograms.entropy_neuron.observe(measures.entropy_neuron_nats.iter().copied());
            histograms.mutual_information.observe(measures.mutual_information.condensed().iter().copied());
        }
        Some(LayerReport { layer, neurons_offered, measures, statistics, rolling })
    }

    /// Rows measured / offered. Where the trainer's count was lost, its rows go into the next epoch's share.
    pub(super) fn coverage(&mut self, rows_offered: Option<u64>) -> Option<f64> {
        let rows_offered = rows_offered?;
        let offered = rows_offered.saturating_sub(self.rows_offered_before);
        let taken = std::mem::take(&mut self.rows_taken);
        self.rows_offered_before = rows_offered;
        (offered > 0).then(|| taken as f64 / offered as f64)
    }

    /// Goes on from epochs that were judged before: detectors, hints and rolling means stand as if they had seen them. What was raised
    /// then is not raised again.
    pub(super) fn resume(&mut self, past: Vec<PastEpoch>, detect: &DetectParams) {
        let mut standing = None;
        for PastEpoch { summary, observation } in past {
            let Judgement { verdict, possible_onsets, .. } = self.judge.judge(&observation, detect);
            self.hints.take_in(summary.epoch, &summary.metrics);
            for layer in &summary.layers {
                let rolling = self.run.declaration().layers.iter().zip(&mut self.rolling).find(|(name, _)| **name == layer.layer);
                if let (Some((_, rolling)), Some(statistics)) = (rolling, &layer.statistics) {
                    rolling.push(statistics);
                }
            }
            self.last_reported = Some(summary.epoch);
            standing = Some(Standing { epoch: Some(summary.epoch), verdict, possible_onsets });
            self.keep(summary);
        }
        if let Some(standing) = standing {
            self.run.set_standing(standing);
        }
    }

    /// Closes the report's epoch and keeps what later ones and readers need of it; the same in brief.
    pub(super) fn remember(&mut self, report: &Arc<EpochReport>) -> Arc<EpochSummary> {
        self.open_epoch = self.open_epoch.filter(|open| *open > report.epoch);
        self.last_reported = Some(report.epoch);
        self.since_last_report = Some(Stopwatch::start());
        self.newest = Some(Arc::clone(report));
        let summary = Arc::new(EpochSummary::of(report));
        self.keep(Arc::clone(&summary));
        summary
    }

    fn keep(&mut self, summary: Arc<EpochSummary>) {
        if self.history.len() == EPOCHS_KEPT {
            self.history.pop_front();
        }
        self.history.push_back(summary);
    }

    /// The run as readers shall see it.
    pub(super) fn view(&self) -> RunView {
        RunView {
            run: Arc::clone(&self.run),
            active: self.active,
            report: self.newest.clone(),
            history: Arc::new(self.history.clone()),
            histograms: Arc::new(self.histograms.clone()),
        }
    }
}
