//! What the monitor keeps about a run between two events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::params::MonitorParams;
use crate::detect::{DetectParams, HintTracker, Judge, Judgement, Observation, Received};
use crate::intake::run::{NewestVerdict, Run};
use crate::monitor::live_runs::{LayerHistograms, RunView};
use crate::monitor::report::{EpochReport, LayerReport, Rolling};
use crate::monitor::rows::RowsReceived;
use crate::monitor::window::Window;
use crate::record::{EpochRecord, LayerFigures, PastEpoch};
use crate::vocabulary::clock::Stopwatch;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use rotewatch_info::measures::LayerMeasures;

/// Number of epochs per run whose summaries are kept.
pub const EPOCHS_KEPT: usize = 256;

/// What the monitor keeps about one attempt of one run.
pub(super) struct RunState {
    pub(super) run: Arc<Run>,
    pub(super) active: bool,
    /// Since the last event of the trainer.
    pub(super) heard: Stopwatch,
    pub(super) window: Window,
    pub(super) rows: RowsReceived,
    pub(super) judge: Judge,
    pub(super) hints: HintTracker,
    rolling: Vec<Rolling>,
    histograms: BTreeMap<LayerName, LayerHistograms>,
    /// The epoch that has frames and has not ended.
    pub(super) open_epoch: Option<Epoch>,
    pub(super) last_reported: Option<Epoch>,
    pub(super) since_last_report: Option<Stopwatch>,
    pub(super) newest: Option<Arc<EpochReport>>,
    history: VecDeque<Arc<EpochRecord>>,
    /// Rows measured since the last epoch end that reported how many were offered.
    pub(super) rows_taken: u64,
    rows_offered_before: u64,
}

impl RunState {
    /// Creates the state of an attempt that has only been declared.
    pub(super) fn new(run: &Arc<Run>, params: &MonitorParams) -> Self {
        let layers = run.declaration().layers.len();
        RunState {
            run: Arc::clone(run),
            active: true,
            heard: Stopwatch::start(),
            window: Window::new(params.window, layers),
            rows: RowsReceived::default(),
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

    /// Adds a layer's name to its measures, summarizes them and adds them to the values kept over epochs.
    pub(super) fn layer_report(&mut self, place: usize, measures: LayerMeasures) -> Option<LayerReport> {
        let layer = self.run.declaration().layers.get(place)?.clone();
        let neurons_offered = self.window.widths().get(place).copied().flatten()?.offered;
        let figures = LayerFigures::of(&measures);
        let rolling = self.rolling.get_mut(place)?;
        let rolling = match &figures {
            Some(figures) => rolling.push(figures.clone()),
            None => rolling.means(),
        };
        if figures.is_some() {
            self.histograms.entry(layer.clone()).or_default().observe(&measures);
        }
        Some(LayerReport { layer, neurons_offered, measures, figures, rolling })
    }

    /// Returns rows measured / offered. If the trainer's count was lost, its rows count towards the next epoch.
    pub(super) fn coverage(&mut self, rows_offered: Option<u64>) -> Option<f64> {
        let rows_offered = rows_offered?;
        let offered = rows_offered.saturating_sub(self.rows_offered_before);
        let taken = std::mem::take(&mut self.rows_taken);
        self.rows_offered_before = rows_offered;
        (offered > 0).then(|| taken as f64 / offered as f64)
    }

    /// Continues from earlier epochs that already have a verdict: detectors, hints and rolling means are as if they had seen them.
    /// Alarms that were raised then are not raised again.
    pub(super) fn resume(&mut self, past: Vec<PastEpoch>, detect: &DetectParams) {
        let (source, task) = (self.run.declaration().source, self.run.declaration().task);
        let mut standing = None;
        for PastEpoch { record, rows } in past {
            let predicted = (record.prediction_entropy_nats, record.neighbour_agreement);
            let received = Received { rows: record.rows, digest: None, missing: Vec::new() };
            let observation = Observation {
                received: Some(received),
                ..Observation::of(record.epoch, (source, task), predicted, &record.layers, rows)
            };
            let Judgement { verdict, possible_onsets, memorized_share, .. } = self.judge.judge(&observation, detect);
            self.hints.take_in(record.epoch, &record.metrics);
            for layer in record.layers.iter().filter(|layer| !layer.figures.is_empty()) {
                let rolling = self.run.declaration().layers.iter().zip(&mut self.rolling).find(|(name, _)| **name == layer.layer);
                if let Some((_, rolling)) = rolling {
                    rolling.push(layer.figures.clone());
                }
            }
            self.last_reported = Some(record.epoch);
            standing = Some(NewestVerdict { epoch: Some(record.epoch), verdict, possible_onsets, memorized_share });
            self.keep(Arc::new(record));
        }
        if let Some(standing) = standing {
            self.run.set_newest_verdict(standing);
        }
    }

    /// Closes the report's epoch and keeps what later epochs and readers need. Returns the summary.
    pub(super) fn remember(&mut self, report: &Arc<EpochReport>, record: &Arc<EpochRecord>) {
        self.open_epoch = self.open_epoch.filter(|open| *open > report.epoch);
        self.last_reported = Some(report.epoch);
        self.since_last_report = Some(Stopwatch::start());
        self.newest = Some(Arc::clone(report));
        self.keep(Arc::clone(record));
    }

    fn keep(&mut self, record: Arc<EpochRecord>) {
        if self.history.len() == EPOCHS_KEPT {
            self.history.pop_front();
        }
        self.history.push_back(record);
    }

    /// Returns the run as readers see it.
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
