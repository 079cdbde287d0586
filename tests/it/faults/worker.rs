//! A monitor that panics.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Sender, bounded};
use rotewatch::config::Config;
use rotewatch::hooks::Hooks;
use rotewatch::metrics::Metrics;
use rotewatch_core::intake::event::{EpochEnd, Event, Frame, LayerActivations};
use rotewatch_core::intake::gate::{Capacity, Gate};
use rotewatch_core::intake::run::Run;
use rotewatch_core::monitor::live_runs::LiveRuns;
use rotewatch_core::monitor::retirement::RetirementParams;
use rotewatch_core::monitor::window::WindowParams;
use rotewatch_core::monitor::{MonitorParams, MonitorThread, Sink, Unkept};
use rotewatch_core::vocabulary::choices::OnFull;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::rows::{RowNumbers, RowSet};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_info::measures::MeasureParams;

use crate::support::activations::{declaration, layer};
use crate::support::until::{DEADLINE, until};

const ROWS: usize = 600;

/// The monitor's thread without a tap, which would reject the frames of this test.
struct Bare {
    events: Sender<Event>,
    gate: Arc<Gate>,
    live_runs: Arc<LiveRuns>,
    metrics: Metrics,
}

impl Bare {
    fn started() -> Self {
        let config = Config::default();
        let params = MonitorParams {
            window: WindowParams { epochs: 1, rows: ROWS, seed: 0 },
            measures: MeasureParams::default(),
            rolling: 1,
            reference: None,
            retirement: RetirementParams { finished: Duration::MAX, silent: Duration::MAX, finished_runs: 9 },
        };
        let (hooks, feed) = Hooks::start(&[], None, Vec::new(), None).expect("a thread");
        let gate = Gate::new(Capacity { frames: 9, bytes: 1 << 30 });
        let live_runs = Arc::<LiveRuns>::default();
        let detect = Arc::new(ArcSwap::from_pointee(config.detect.clone()));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(feed), Box::new(Unkept)];
        let thread = MonitorThread::new(params, detect, pool, Arc::clone(&gate), Arc::clone(&live_runs), sinks);
        let (events, receiver) = bounded(9);
        let (closing, closed) = bounded(0);
        std::thread::spawn(move || {
            let _alive = (hooks, closing);
            thread.run(&receiver, &closed);
        });
        let metrics = Metrics::new(Arc::clone(&live_runs), Arc::clone(&gate), Arc::default(), None, None, 50_000);
        Bare { events, gate, live_runs, metrics }
    }

    /// A frame with this many values, which may not match its rows.
    fn frame(&self, run: &Arc<Run>, epoch: u32, activations: LayerActivations) {
        let permit = self.gate.admit(OnFull::Drop).expect("there is room");
        let layers = vec![Some(activations)];
        let numbers = RowNumbers::default();
        let (epoch, set) = (Epoch(epoch), RowSet::Unseen);
        let frame = Frame { run: Arc::clone(run), epoch, set, rows: ROWS, layers, numbers, permit };
        self.events.send(Event::Frame(frame)).expect("the monitor lives");
    }

    /// Ends an epoch, and returns the newest epoch with a verdict.
    fn end(&self, run: &Arc<Run>, epoch: u32) -> Option<Epoch> {
        let (reply, replied) = bounded(1);
        let (run, metrics) = (Arc::clone(run), EpochMetrics::default());
        let end = EpochEnd { run, epoch: Epoch(epoch), metrics, rows_offered: ROWS as u64, reply: Some(reply) };
        self.events.send(Event::EpochEnd(end)).expect("the monitor lives");
        replied.recv_timeout(DEADLINE).ok().and_then(|standing| standing.epoch)
    }
}

#[test]
fn case_10_a_panic_costs_its_run_an_epoch_and_when_repeated_the_daemon_its_readiness() {
    let monitor = Bare::started();
    let [poisonous, sound] = ["poisonous", "sound"].map(|name| Run::new(declaration(name, &["a"])));
    let go_on = |epoch| {
        monitor.frame(&sound, epoch, layer(ROWS, 8, 2.0));
        assert_eq!(monitor.end(&sound, epoch), Some(Epoch(epoch)));
    };
    go_on(0);
    for epoch in [0, 1, 9] {
        assert!(!monitor.live_runs.is_failing(), "before the failure in epoch {epoch}");
        // A tap would reject such a frame.
        monitor.frame(&poisonous, epoch, LayerActivations { neurons: 8, neurons_offered: 8, values: vec![1.0; 7] });
        until("the frame", || (monitor.gate.counts().queued == 0).then_some(()));
    }
    until("it to be noticed", || monitor.live_runs.is_failing().then_some(()));
    assert!(monitor.metrics.expose().is_ok_and(|exposition| !exposition.body.is_empty()));
    assert!(!monitor.gate.is_closed(), "the thread continues");
    go_on(1);
    assert!(!monitor.live_runs.is_failing(), "the next sound epoch is measured");
    monitor.frame(&poisonous, 9, layer(ROWS, 8, 2.0));
    assert_eq!(monitor.end(&poisonous, 9), Some(Epoch(9)), "the run continues as well");
    let runs = monitor.live_runs.runs();
    let report = runs.get(poisonous.name()).and_then(|view| view.report.clone()).expect("it was reported");
    assert_eq!(report.layers[0].measures.nonfinite, 0, "nothing is left of the frame whose processing panicked");
    let counts = monitor.gate.counts();
    assert_eq!((counts.offered, counts.measured, counts.dropped.iter().sum::<u64>()), (6, 3, 3));
}
