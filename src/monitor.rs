//! The monitoring thread: events in, reports and verdicts out.
//!
//! ```text
//! frame     -> its run's window (a frame of a later epoch ends the open one)
//! epoch end -> the window's rows -> measures -> detectors -> verdict
//!              -> the run (the trainer reads it), the board (pages and scrapes), subscribers, hooks, the history
//! tick      -> runs that ended or fell silent long ago leave the board
//! closing   -> what is queued is still measured, then the gate is shut
//! ```
//!
//! One plain loop over one closed enum; nothing here waits for anybody downstream.

mod pasts;
mod run_state;

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, select, tick};

use crate::board::Board;
use crate::clock::{Stopwatch, unix_seconds};
use crate::detect::{DetectParams, Reference};
use crate::event::{EpochEnd, EpochMetrics, Event, Frame};
use crate::gate::{DropReason, Gate};
use crate::hooks::HookFeed;
use crate::identity::{LayerName, RunName};
use crate::info::class::ClassGroups;
use crate::info::{LayerMeasures, LayerSamples, MeasureParams, measure_layers};
use crate::report::{EpochReport, LayerReport, observation};
use crate::retirement::RetirementParams;
use crate::run::{Attempt, Run, Standing};
use crate::stop::StopReason;
use crate::store::StoreFeed;
use crate::units::Epoch;
use crate::verdict::Verdict;
use crate::window::WindowParams;
use run_state::RunState;

pub use pasts::Pasts;
pub use run_state::EPOCHS_KEPT;

/// After how many failed computations in a row the monitor counts as failing.
const FAILURES_IN_A_ROW: u32 = 3;

/// How often it is looked for runs that are to leave the board.
const LOOK_FOR_RETIREMENT: Duration = Duration::from_millis(500);

/// What the monitor needs to know and does not change while it runs.
#[derive(Clone, Debug)]
pub struct MonitorParams {
    /// The rows that an epoch's numbers are computed from.
    pub window: WindowParams,
    /// How the numbers are computed.
    pub measures: MeasureParams,
    /// Reports in a rolling mean.
    pub rolling: usize,
    /// The run that every run is compared with, if any.
    pub reference: Option<Arc<Reference>>,
    /// When a run leaves the board.
    pub retirement: RetirementParams,
}

/// Who is told of what was found; nobody of them is waited for.
pub struct Downstream {
    /// Who gets every report. A subscriber that is full misses reports; one that is gone is forgotten.
    pub subscribers: Vec<Sender<Arc<EpochReport>>>,
    /// The hooks.
    pub hooks: HookFeed,
    /// The history, if one is kept.
    pub history: Option<StoreFeed>,
}

/// The state of the monitoring thread.
pub struct MonitorThread {
    params: MonitorParams,
    detect: Arc<ArcSwap<DetectParams>>,
    pool: rayon::ThreadPool,
    gate: Arc<Gate>,
    board: Arc<Board>,
    downstream: Downstream,
    pasts: Arc<Pasts>,
    runs: HashMap<RunKey, RunState>,
    /// The runs that ended and are still on the board, in the order of their ends.
    finished: VecDeque<(Arc<Run>, Stopwatch)>,
    /// The runs that fell silent. They leave the board a moment after the history was told, so that who reads on there finds them over.
    given_up: Vec<Arc<Run>>,
    failures_in_a_row: u32,
}

/// What tells runs apart. Clients draw their attempts themselves, and two may have drawn the same.
type RunKey = (RunName, Attempt);

fn key(run: &Run) -> RunKey {
    (run.name().clone(), run.attempt())
}

/// How an epoch came to its end.
struct EndOfEpoch {
    epoch: Epoch,
    inferred: bool,
    metrics: EpochMetrics,
    /// Rows offered by the run so far, where the trainer said so.
    rows_offered: Option<u64>,
}

impl MonitorThread {
    /// A monitor that has heard nothing yet. Attempts of which `pasts` knows something go on from there.
    #[must_use]
    pub fn new(
        params: MonitorParams,
        detect: Arc<ArcSwap<DetectParams>>,
        pool: rayon::ThreadPool,
        gate: Arc<Gate>,
        board: Arc<Board>,
        downstream: Downstream,
        pasts: Arc<Pasts>,
    ) -> Self {
        MonitorThread {
            params,
            detect,
            pool,
            gate,
            board,
            downstream,
            pasts,
            runs: HashMap::new(),
            finished: VecDeque::new(),
            given_up: Vec::new(),
            failures_in_a_row: 0,
        }
    }

    /// Works until `closing` is disconnected, or no tap is left; what is queued then is still measured.
    pub fn run(mut self, events: &Receiver<Event>, closing: &Receiver<()>) {
        let _shut = ShutAtEnd { gate: Arc::clone(&self.gate), board: Arc::clone(&self.board) };
        let ticks = tick(LOOK_FOR_RETIREMENT);
        loop {
            select! {
                recv(events) -> event => match event {
                    Ok(event) => self.survive(event),
                    Err(_) => break,
                },
                recv(ticks) -> _ => self.retire(),
                recv(closing) -> _ => break,
            }
        }
        self.gate.close();
        for event in events.try_iter() {
            self.survive(event);
        }
        let unfinished: Vec<Arc<Run>> =
            self.runs.values().filter(|state| state.active).map(|state| Arc::clone(&state.run)).collect();
        for run in unfinished {
            self.finish(&run);
        }
    }

    /// Takes in an event. Where that panics, what is known of its run may be half changed, and the run begins anew; the others go on.
    fn survive(&mut self, event: Event) {
        let run = Arc::clone(event.run());
        if catch_unwind(AssertUnwindSafe(|| self.take_in(event))).is_err() {
            self.count_failure();
            self.runs.insert(key(&run), RunState::new(&run, &self.params));
            tracing::error!(run = %run.name(), "an event of this run could not be taken in; its window and its detectors begin anew");
        }
    }

    fn take_in(&mut self, event: Event) {
        match event {
            Event::Declared(run) => {
                let state = self.state_of(&run);
                let view = state.view();
                let change = self.board.show(view);
                match &self.downstream.history {
                    Some(history) => history.declared(&run),
                    None => run.note_known(),
                }
                self.board.announce(&change);
            }
            Event::Frame(frame) => self.take_in_frame(frame),
            Event::EpochEnd(end) => self.end_epoch(end),
            Event::Finished(run) => self.finish(&run),
        }
    }

    /// Whether the run has left: nothing of it is taken in any more.
    fn has_left(&self, run: &Run) -> bool {
        !run.is_open() && !self.runs.contains_key(&key(run))
    }

    fn take_in_frame(&mut self, frame: Frame) {
        let run = Arc::clone(&frame.run);
        if self.has_left(&run) {
            frame.permit.dropped(DropReason::Late);
            return;
        }
        let state = self.state_of(&run);
        state.heard = Stopwatch::start();
        if state.last_reported.is_some_and(|reported| frame.epoch <= reported)
            || state.open_epoch.is_some_and(|open| frame.epoch < open)
        {
            frame.permit.dropped(DropReason::Late);
            return;
        }
        if let Some(open) = state.open_epoch.filter(|open| *open < frame.epoch) {
            self.report(
                &run,
                EndOfEpoch { epoch: open, inferred: true, metrics: EpochMetrics::default(), rows_offered: None },
                None,
            );
        }
        let gate = Arc::clone(&self.gate);
        let state = self.state_of(&run);
        let taken_in = state.window.take_in(frame.epoch, frame.rows, &frame.layers, frame.predictions.as_deref());
        gate.count_nonfinite(taken_in.nonfinite_values);
        for rejected in &taken_in.rejected {
            let layer = run.declaration().layers.get(rejected.place).map_or("?", LayerName::as_str);
            tracing::warn!(
                run = %run.name(), layer, epoch = %frame.epoch,
                "layer left out of this frame: it has {} neurons and had {}", rejected.neurons_got, rejected.neurons_expected
            );
        }
        let usable = frame.layers.iter().flatten().count() > taken_in.rejected.len();
        state.open_epoch = Some(frame.epoch);
        if usable {
            state.rows_taken += frame.rows as u64;
            frame.permit.measured(frame.rows);
        } else {
            frame.permit.dropped(DropReason::Rejected);
        }
    }

    fn end_epoch(&mut self, end: EpochEnd) {
        let EpochEnd { run, epoch, metrics, rows_offered, reply } = end;
        run.free_epoch_end_place();
        if self.has_left(&run) {
            return;
        }
        let state = self.state_of(&run);
        state.heard = Stopwatch::start();
        if let Some(reported) = state.last_reported.filter(|reported| epoch <= *reported) {
            tracing::warn!(run = %run.name(), %epoch, "end of an epoch ignored: epoch {reported} was reported already");
            return;
        }
        if let Some(open) = state.open_epoch.filter(|open| *open < epoch) {
            self.report(
                &run,
                EndOfEpoch { epoch: open, inferred: true, metrics: EpochMetrics::default(), rows_offered: None },
                None,
            );
        }
        self.report(&run, EndOfEpoch { epoch, inferred: false, metrics, rows_offered: Some(rows_offered) }, reply);
    }

    fn finish(&mut self, run: &Arc<Run>) {
        if self.has_left(run) {
            return;
        }
        let state = self.state_of(run);
        state.active = false;
        if let Some(open) = state.open_epoch {
            self.report(
                run,
                EndOfEpoch { epoch: open, inferred: true, metrics: EpochMetrics::default(), rows_offered: None },
                None,
            );
        }
        // Its window and its detectors are of no more use; the board goes on showing what they found, unless a newer
        // attempt stands there already.
        let Some(state) = self.runs.remove(&key(run)) else { return };
        if let Some(history) = &self.downstream.history {
            history.ended(run, run.ending());
        }
        if self.runs.values().all(|other| other.run.name() != run.name()) {
            self.board.announce(&self.board.show(state.view()));
            self.finished.retain(|(other, _)| other.name() != run.name());
            self.finished.push_back((Arc::clone(run), Stopwatch::start()));
        }
    }

    /// Takes from the board what has been there long enough.
    fn retire(&mut self) {
        let RetirementParams { finished, finished_runs, .. } = self.params.retirement;
        let surplus = |ended: &VecDeque<_>| ended.len() > finished_runs;
        while self.finished.front().is_some_and(|(_, since)| since.elapsed() >= finished) || surplus(&self.finished) {
            let Some((run, _)) = self.finished.pop_front() else { break };
            self.board.remove(&run);
        }
        for run in std::mem::take(&mut self.given_up) {
            // Unless it has come back meanwhile.
            if self.has_left(&run) {
                self.board.remove(&run);
            }
        }
        let retirement = self.params.retirement;
        let is_silent = |state: &RunState| {
            let interval = state.newest.as_ref().and_then(|report| report.interval);
            retirement.is_silent(state.heard.elapsed(), interval)
        };
        let silent: Vec<Arc<Run>> =
            self.runs.values().filter(|state| is_silent(state)).map(|state| Arc::clone(&state.run)).collect();
        for run in silent {
            tracing::warn!(run = %run.name(), "nothing was heard of this run for so long that it counts as given up");
            run.finish();
            if let Some(history) = &self.downstream.history {
                // Its trainer may come back and go on.
                history.ended(&run, None);
            }
            self.runs.remove(&key(&run));
            self.given_up.push(run);
        }
    }

    fn report(&mut self, run: &Arc<Run>, end: EndOfEpoch, reply: Option<Sender<Arc<Standing>>>) {
        let detect = self.detect.load_full();
        let epoch = end.epoch;
        let watch = Stopwatch::start();
        let samples = self.state_of(run).window.samples(epoch);
        let named: Vec<(usize, LayerSamples<'_>)> = samples
            .layers
            .iter()
            .enumerate()
            .filter_map(|(place, columns)| {
                let name = run.declaration().layers.get(place)?.as_str();
                columns.as_ref().map(|columns| (place, LayerSamples { name, columns }))
            })
            .collect();
        let places: Vec<usize> = named.iter().map(|(place, _)| *place).collect();
        let layers: Vec<LayerSamples<'_>> = named.into_iter().map(|(_, layer)| layer).collect();
        let measured = catch_unwind(AssertUnwindSafe(|| {
            measure_layers(&layers, samples.predictions.as_deref(), &self.params.measures, &self.pool)
        }));
        let compute = watch.elapsed();
        let measured = self.measures_or_none(run, epoch, measured);
        let state = self.state_of(run);
        let layers: Vec<LayerReport> =
            places.into_iter().zip(measured).filter_map(|(place, measures)| state.layer_report(place, measures)).collect();
        let prediction_entropy_nats =
            samples.predictions.as_deref().filter(|all| !all.is_empty()).map(|all| ClassGroups::of(all).entropy_nats());
        let judged = layers.iter().map(|layer| (&layer.layer, layer.statistics.as_ref(), layer.measures.reliable));
        let observation = observation(epoch, run.declaration().source, prediction_entropy_nats, judged);
        let judgement = state.judge.judge(&observation, &detect);
        let hints = state.hints.take_in(epoch, &end.metrics);
        let report = Arc::new(EpochReport {
            run: Arc::clone(run),
            epoch,
            end_inferred: end.inferred,
            metrics: end.metrics,
            rows: samples.rows,
            coverage: state.coverage(end.rows_offered),
            prediction_entropy_nats,
            layers,
            answers: judgement.answers,
            hints,
            verdict: judgement.verdict,
            raised: judgement.raised,
            compute,
            made_at_unix_seconds: unix_seconds(),
            interval: state.since_last_report.map(|since| since.elapsed()),
        });
        let summary = state.remember(&report);
        let view = state.view();
        self.board.count_compute(compute);
        let change = self.board.show(view);
        self.downstream.subscribers.retain(|subscriber| match subscriber.try_send(Arc::clone(&report)) {
            Ok(()) => true,
            Err(refused) => refused.is_full(),
        });
        self.downstream.hooks.offer(&report);
        match &self.downstream.history {
            Some(history) => history.epoch(&report, &summary, &judgement.possible_onsets),
            None => run.note_settled(epoch),
        }
        // Last: a trainer that has its verdict finds the report everywhere else as well.
        publish_verdict(&report, &detect, judgement.possible_onsets, reply);
        self.board.announce(&change);
    }

    /// The measures, or none at all where computing them failed; the run then goes on without this epoch's.
    fn measures_or_none(
        &mut self,
        run: &Run,
        epoch: Epoch,
        measured: std::thread::Result<Vec<LayerMeasures>>,
    ) -> Vec<LayerMeasures> {
        let Ok(measures) = measured else {
            self.count_failure();
            tracing::error!(run = %run.name(), %epoch, "the measures of this epoch failed; its report has none");
            return Vec::new();
        };
        self.failures_in_a_row = 0;
        self.board.set_failing(false);
        measures
    }

    fn count_failure(&mut self) {
        self.failures_in_a_row += 1;
        self.board.set_failing(self.failures_in_a_row >= FAILURES_IN_A_ROW);
    }

    fn state_of(&mut self, run: &Arc<Run>) -> &mut RunState {
        let (params, pasts, detect) = (&self.params, &self.pasts, &self.detect);
        self.runs.entry(key(run)).or_insert_with(|| {
            let mut state = RunState::new(run, params);
            state.resume(pasts.take(run), &detect.load());
            state
        })
    }
}

/// Hands the verdict to the trainer, and asks it to stop where the configuration says so.
fn publish_verdict(
    report: &EpochReport,
    detect: &DetectParams,
    possible_onsets: Vec<Epoch>,
    reply: Option<Sender<Arc<Standing>>>,
) {
    let run = &report.run;
    if let Verdict::Memorizing { alarms } = &report.verdict
        && let Some(alarm) = alarms.iter().find(|alarm| detect.stop_on.contains(&alarm.finding.kind))
    {
        let reason = StopReason::Onset {
            kind: alarm.finding.kind.as_str(),
            alarm_epoch: alarm.alarm_epoch,
            onset_epoch: alarm.finding.onset_epoch,
        };
        run.stop().request(reason);
    }
    for alarm in &report.raised {
        let finding = &alarm.finding;
        tracing::info!(
            run = %run.name(), epoch = %report.epoch, kind = %finding.kind, onset_epoch = %finding.onset_epoch,
            "memorization: {}; {}", finding.why, finding.remedy
        );
    }
    run.set_standing(Standing { epoch: Some(report.epoch), verdict: report.verdict.clone(), possible_onsets });
    if let Some(reply) = reply {
        // A trainer that has lost patience reads the verdict from the run.
        let _ = reply.try_send(run.standing());
    }
}

/// Whatever ends the thread, nobody waits at its gate afterwards, and readiness says so.
struct ShutAtEnd {
    gate: Arc<Gate>,
    board: Arc<Board>,
}

impl Drop for ShutAtEnd {
    fn drop(&mut self) {
        self.gate.close();
        self.board.set_failing(true);
    }
}
