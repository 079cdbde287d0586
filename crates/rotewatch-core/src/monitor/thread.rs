//! The monitoring thread: events in, reports and verdicts out.
//!
//! ```text
//! frame     -> its run's window (a frame of a later epoch ends the open one)
//! epoch end -> the window's rows -> measures -> detectors -> verdict
//!              -> the run (the trainer reads it), the live runs (live page and scrapes), subscribers, hooks, the history
//! tick      -> runs that ended or fell silent long ago are removed from the live runs
//! closing   -> queued events are still measured, then the gate is closed
//! ```
//!
//! The monitor is one loop over one enum; nothing here waits for a consumer.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, select, tick};

use super::params::MonitorParams;
use super::run_state::RunState;
use super::sink::{MeasuredEpoch, Sink};
use crate::detect::{DetectParams, Judgement, Observation, Received};
use crate::intake::event::{EpochEnd, Event, Frame};
use crate::intake::gate::{DropReason, Gate};
use crate::intake::run::{NewestVerdict, Run};
use crate::intake::stop::StopReason;
use crate::monitor::live_runs::LiveRuns;
use crate::monitor::report::{EpochReport, LayerReport};
use crate::monitor::retirement::RetirementParams;
use crate::record::LayerRecord;
use crate::vocabulary::choices::Mode;
use crate::vocabulary::clock::{Stopwatch, unix_seconds};
use crate::vocabulary::identity::{Attempt, LayerName, RunName};
use crate::vocabulary::metrics::EpochMetrics;
use crate::vocabulary::rows::RowSet;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Verdict, VerdictWord};
use rotewatch_info::measures::agreement::neighbour_agreement;
use rotewatch_info::measures::class::ClassGroups;
use rotewatch_info::measures::{LayerMeasures, LayerSamples, measure_layers};

/// Number of failed computations in a row after which the monitor counts as failing.
const FAILURES_IN_A_ROW: u32 = 3;

/// Interval between two searches for runs to remove from the live runs.
const LOOK_FOR_RETIREMENT: Duration = Duration::from_millis(500);

/// State of the monitoring thread.
pub struct MonitorThread {
    params: MonitorParams,
    detect: Arc<ArcSwap<DetectParams>>,
    pool: rayon::ThreadPool,
    gate: Arc<Gate>,
    live_runs: Arc<LiveRuns>,
    sinks: Vec<Box<dyn Sink>>,
    runs: HashMap<RunKey, RunState>,
    /// The ended runs that are still on the live runs, in the order in which they ended.
    finished: VecDeque<(Arc<Run>, Stopwatch)>,
    /// The silent runs. They are removed from the live runs shortly after the history was told, so that its readers find them ended.
    given_up: Vec<Arc<Run>>,
    failures_in_a_row: u32,
}

/// Identifies a run. The attempt alone is not enough: clients draw attempt ids themselves, and two may draw the same one.
type RunKey = (RunName, Attempt);

fn key(run: &Run) -> RunKey {
    (run.name().clone(), run.attempt())
}

/// The measures of an epoch, and what they were computed from.
struct Measured {
    rows: usize,
    prediction_entropy_nats: Option<f64>,
    neighbour_agreement: Option<f64>,
    /// Each measured layer with its index in the declaration.
    layers: Vec<(usize, LayerMeasures)>,
    compute: Duration,
}

/// How an epoch ended.
struct EndOfEpoch {
    epoch: Epoch,
    inferred: bool,
    metrics: EpochMetrics,
    /// Rows offered by the run so far, if the trainer reported them.
    rows_offered: Option<u64>,
}

impl MonitorThread {
    /// Creates a monitor without runs.
    #[must_use]
    pub fn new(
        params: MonitorParams,
        detect: Arc<ArcSwap<DetectParams>>,
        pool: rayon::ThreadPool,
        gate: Arc<Gate>,
        live_runs: Arc<LiveRuns>,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Self {
        MonitorThread {
            params,
            detect,
            pool,
            gate,
            live_runs,
            sinks,
            runs: HashMap::new(),
            finished: VecDeque::new(),
            given_up: Vec::new(),
            failures_in_a_row: 0,
        }
    }

    /// Runs until `closing` is disconnected or no tap is left; events queued by then are still processed.
    pub fn run(mut self, events: &Receiver<Event>, closing: &Receiver<()>) {
        let _shut = ShutAtEnd { gate: Arc::clone(&self.gate), live_runs: Arc::clone(&self.live_runs) };
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

    /// Processes an event. If that panics, the state of its run may be half changed, so the run starts anew; other runs go on.
    fn survive(&mut self, event: Event) {
        let run = Arc::clone(event.run());
        if catch_unwind(AssertUnwindSafe(|| self.take_in(event))).is_err() {
            self.count_failure();
            self.runs.insert(key(&run), RunState::new(&run, &self.params));
            tracing::error!(run = %run.name(), "internal error while processing an event of this run; its window and detectors were reset");
        }
    }

    fn take_in(&mut self, event: Event) {
        match event {
            Event::Declared(run) => {
                let state = self.state_of(&run);
                let view = state.view();
                let change = self.live_runs.show(view);
                for sink in &mut self.sinks {
                    sink.declared(&run);
                }
                self.live_runs.announce(&change);
            }
            Event::Frame(frame) => self.take_in_frame(frame),
            Event::EpochEnd(end) => self.end_epoch(end),
            Event::Finished(run) => self.finish(&run),
        }
    }

    /// Returns whether the run has been removed; its events are then ignored.
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
        let usable = match frame.set {
            RowSet::Unseen => frame.layers.iter().any(Option::is_some),
            // Their activations would mix two kinds of rows in one window.
            RowSet::Seen => frame.numbers.rows().is_some(),
        };
        if usable && frame.set == RowSet::Unseen {
            let predictions = frame.numbers.predictions.as_deref();
            gate.count_nonfinite(state.window.take_in(frame.epoch, frame.rows, &frame.layers, predictions));
        }
        if usable {
            state.rows.take_in(frame.set, frame.numbers);
        }
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
            tracing::warn!(run = %run.name(), %epoch, "epoch end ignored: epoch {reported} was already reported");
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
        // The window and detectors are no longer needed. The live runs keeps showing the results, unless it already shows a newer
        // attempt.
        let Some(state) = self.runs.remove(&key(run)) else { return };
        for sink in &mut self.sinks {
            sink.ended(run, run.ending());
        }
        if self.runs.values().all(|other| other.run.name() != run.name()) {
            self.live_runs.announce(&self.live_runs.show(state.view()));
            self.finished.retain(|(other, _)| other.name() != run.name());
            self.finished.push_back((Arc::clone(run), Stopwatch::start()));
        }
    }

    /// Removes runs from the live runs that have been shown long enough.
    fn retire(&mut self) {
        let RetirementParams { finished, finished_runs, .. } = self.params.retirement;
        let surplus = |ended: &VecDeque<_>| ended.len() > finished_runs;
        while self.finished.front().is_some_and(|(_, since)| since.elapsed() >= finished) || surplus(&self.finished) {
            let Some((run, _)) = self.finished.pop_front() else { break };
            self.live_runs.remove(&run);
        }
        for run in std::mem::take(&mut self.given_up) {
            // Unless the run has come back in the meantime.
            if self.has_left(&run) {
                self.live_runs.remove(&run);
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
            tracing::warn!(run = %run.name(), "no data received from this run for too long; it counts as given up");
            run.finish();
            for sink in &mut self.sinks {
                // The trainer may still come back and continue.
                sink.ended(&run, None);
            }
            self.runs.remove(&key(&run));
            self.given_up.push(run);
        }
    }

    /// Measures an epoch, judges it, and publishes both.
    fn report(&mut self, run: &Arc<Run>, end: EndOfEpoch, reply: Option<Sender<Arc<NewestVerdict>>>) {
        let detect = self.detect.load_full();
        let measured = self.measure(run, end.epoch);
        let epoch = self.judge(run, end, measured, &detect);
        self.publish(&epoch, &detect, reply);
    }

    /// Computes the measures of a run's window. If that panics, the epoch has none and the run continues.
    fn measure(&mut self, run: &Arc<Run>, epoch: Epoch) -> Measured {
        let watch = Stopwatch::start();
        let samples = self.state_of(run).window.samples(epoch);
        let names = run.declaration().layers.iter().map(LayerName::as_str);
        let (indices, layers): (Vec<usize>, Vec<LayerSamples<'_>>) = names
            .zip(&samples.layers)
            .enumerate()
            .filter_map(|(index, (name, columns))| Some((index, LayerSamples { name, columns: columns.as_ref()? })))
            .unzip();
        let predictions = samples.predictions.as_deref();
        // In training batches the rows differ from epoch to epoch, so that their agreement says nothing.
        let placed = predictions
            .filter(|_| run.declaration().source == Mode::Probe && epoch != Epoch::UNTRAINED)
            .zip(layers.last().map(|last| last.columns));
        let computed = catch_unwind(AssertUnwindSafe(|| {
            let measures = measure_layers(&layers, predictions, &self.params.measures, &self.pool);
            let agreement = placed.and_then(|(classes, last)| self.pool.install(|| neighbour_agreement(last, classes)));
            (measures, agreement)
        }));
        let compute = watch.elapsed();
        self.live_runs.count_compute(compute);
        let (measures, neighbour_agreement) = if let Ok(measures) = computed {
            self.failures_in_a_row = 0;
            self.live_runs.set_failing(false);
            measures
        } else {
            self.count_failure();
            tracing::error!(run = %run.name(), %epoch, "the measures of this epoch failed; its report has none");
            (Vec::new(), None)
        };
        Measured {
            neighbour_agreement,
            rows: samples.rows,
            prediction_entropy_nats: predictions.filter(|all| !all.is_empty()).map(|all| ClassGroups::of(all).entropy_nats()),
            layers: indices.into_iter().zip(measures).collect(),
            compute,
        }
    }

    /// Passes the measures to the run's detectors, and makes the report and the record.
    fn judge(&mut self, run: &Arc<Run>, end: EndOfEpoch, measured: Measured, detect: &DetectParams) -> MeasuredEpoch {
        let state = self.state_of(run);
        let layers: Vec<LayerReport> =
            measured.layers.into_iter().filter_map(|(index, measures)| state.layer_report(index, measures)).collect();
        let records: Vec<LayerRecord> = layers.iter().map(LayerReport::record).collect();
        let row_numbers = state.rows.end();
        let (source, task) = (run.declaration().source, run.declaration().task);
        let predicted = (measured.prediction_entropy_nats, measured.neighbour_agreement);
        let (digest, received) = state.window.received(end.epoch);
        let missing = run.declaration().layers.iter().zip(received).filter(|(_, received)| !received);
        let missing = missing.map(|(layer, _)| layer.clone()).collect();
        let observation = Observation {
            received: Some(Received { rows: measured.rows, digest: Some(digest), missing }),
            ..Observation::of(end.epoch, (source, task), predicted, &records, row_numbers.clone())
        };
        let Judgement { answers, verdict, raised, possible_onsets, memorized_share } = state.judge.judge(&observation, detect);
        let could_judge = state.newest.as_ref().is_none_or(|newest| newest.verdict.word() != VerdictWord::CannotJudge);
        if let Verdict::CannotJudge { reason, remedy, .. } = &verdict
            && could_judge
        {
            tracing::warn!(run = %run.name(), epoch = %end.epoch, "cannot judge: {reason}. {remedy}");
        }
        let report = Arc::new(EpochReport {
            run: Arc::clone(run),
            epoch: end.epoch,
            end_inferred: end.inferred,
            hints: state.hints.take_in(end.epoch, &end.metrics),
            metrics: end.metrics,
            rows: measured.rows,
            coverage: state.coverage(end.rows_offered),
            prediction_entropy_nats: measured.prediction_entropy_nats,
            neighbour_agreement: measured.neighbour_agreement,
            row_numbers,
            memorized_share,
            layers,
            answers,
            verdict,
            raised,
            compute: measured.compute,
            made_at_unix_seconds: unix_seconds(),
            interval: state.since_last_report.map(|since| since.elapsed()),
        });
        let record = Arc::new(report.record_with(records));
        state.remember(&report, &record);
        MeasuredEpoch { report, record, possible_onsets }
    }

    /// Publishes an epoch: first to readers, then to the sinks, then to the trainer, so that a trainer that has its verdict finds the
    /// report everywhere else as well. Followers are notified last.
    fn publish(&mut self, epoch: &MeasuredEpoch, detect: &DetectParams, reply: Option<Sender<Arc<NewestVerdict>>>) {
        let view = self.state_of(&epoch.report.run).view();
        let change = self.live_runs.show(view);
        for sink in &mut self.sinks {
            sink.epoch(epoch);
        }
        publish_verdict(epoch, detect, reply);
        self.live_runs.announce(&change);
    }

    fn count_failure(&mut self) {
        self.failures_in_a_row += 1;
        self.live_runs.set_failing(self.failures_in_a_row >= FAILURES_IN_A_ROW);
    }

    fn state_of(&mut self, run: &Arc<Run>) -> &mut RunState {
        let (params, detect) = (&self.params, &self.detect);
        self.runs.entry(key(run)).or_insert_with(|| {
            let mut state = RunState::new(run, params);
            state.resume(run.take_past(), &detect.load());
            state
        })
    }
}

/// Publishes the verdict to the trainer, and requests a stop if the configuration says so.
fn publish_verdict(measured: &MeasuredEpoch, detect: &DetectParams, reply: Option<Sender<Arc<NewestVerdict>>>) {
    let report = &measured.report;
    let possible_onsets = measured.possible_onsets.clone();
    let run = &report.run;
    if let Some(alarm) = report.verdict.alarms().iter().find(|alarm| detect.stops_on(&alarm.finding)) {
        let reason = StopReason::Onset {
            kind: alarm.finding.kind,
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
    let (verdict, memorized_share) = (report.verdict.clone(), report.memorized_share);
    run.set_newest_verdict(NewestVerdict { epoch: Some(report.epoch), verdict, possible_onsets, memorized_share });
    if let Some(reply) = reply {
        // A trainer that no longer waits reads the verdict from the run.
        let _ = reply.try_send(run.newest_verdict());
    }
}

/// However the thread ends, the gate is closed so that no tap keeps waiting, and readiness reports the failure.
struct ShutAtEnd {
    gate: Arc<Gate>,
    live_runs: Arc<LiveRuns>,
}

impl Drop for ShutAtEnd {
    fn drop(&mut self) {
        self.gate.close();
        self.live_runs.set_failing(true);
    }
}
