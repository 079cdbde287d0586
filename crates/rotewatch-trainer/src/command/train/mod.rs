//! The work of `rotewatch-trainer`: trains, offers the network's activations to the monitor, and prints the results.

mod display;
mod final_layers;
mod line;
mod summary;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, bounded};
use tch::Tensor;

use super::args::{Monitoring, TrainArgs};
use crate::training::checkpoints::Checkpoints;
use crate::training::trainer::{Pass, StepObserver, Trainer, Unobserved};
use display::Display;
use rotewatch::app::logging::LogLevelSwitch;
use rotewatch::app::signals::Interrupt;
use rotewatch::app::{ConfigFile, Monitor, Setup, state_folder};
use rotewatch::cli::exit::{Exit, Failure};
use rotewatch::config::{Config, LogLevel};
use rotewatch::state::{OwnedName, StateError};
use rotewatch_core::intake::run::Declaration;
use rotewatch_core::intake::stop::StopReason;
use rotewatch_core::monitor::MeasuredEpoch;
use rotewatch_core::record::EpochRecord;
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_tch::tap::{StreamStep, TensorTap};
use summary::{Restored, Summary};

/// How many reports may wait to be shown; the trainer shows them after every epoch.
const REPORTS_KEPT: usize = 64;
/// How many names are tried for a run without `--run`.
const NAMES_TRIED: u32 = 100;

/// Trains according to the flags, and returns once everything is closed.
///
/// # Errors
/// Wrong usage, configuration or input as [`Exit::Usage`], before anything is started.
pub(super) fn run(args: &TrainArgs) -> Result<Exit, Failure> {
    args.check_together()?;
    let config = configuration(args)?;
    let options = args.options(config.sampling.rows);
    options.check().map_err(Failure::usage)?;
    let display = Display::new(args.json, options.epochs);
    let log_level = rotewatch::app::logging::start(config.log.level, display.log_writer())?;
    let trainer = Trainer::new(options).map_err(Failure::usage)?;
    let watched = match args.monitor {
        Monitoring::On => Some(Watched::start(args, &config, log_level, &trainer)?),
        Monitoring::Off => None,
    };
    let reload = watched.as_ref().and_then(|watched| watched.monitor.reload());
    let on_hangup = reload.map(|reload| Box::new(reload) as Box<dyn Fn() + Send>);
    let interrupt = Interrupt::install(on_hangup).context("cannot install the signal handlers")?;
    let rollback = watched.as_ref().filter(|_| args.stop_on_onset).map(|watched| watched.checkpoints(&config)).transpose()?;
    let mut training = Training { trainer, display, interrupt, rollback, summary: Summary::default() };
    training.display.begin(args, watched.as_ref().map(|watched| (watched.name.run(), watched.monitor.address())));
    training.train(watched.as_ref())?;
    training.roll_back()?;
    training.end(args, watched)
}

fn configuration(args: &TrainArgs) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(file) => Config::read(file).map_err(Failure::usage)?,
        // The terminal belongs to the progress bar, so only warnings are logged.
        None => Config { log: rotewatch::config::Log { level: LogLevel::Warn }, ..Config::default() },
    };
    args.overlay()(&mut config);
    config.checked("the command line").map_err(Failure::usage)
}

/// A training that is monitored.
struct Watched {
    name: OwnedName,
    monitor: Monitor,
    tap: TensorTap,
    mode: Mode,
    reports: Receiver<MeasuredEpoch>,
}

impl Watched {
    fn start(args: &TrainArgs, config: &Config, log_level: LogLevelSwitch, trainer: &Trainer) -> Result<Self, Failure> {
        let name = owned_name(args, config).map_err(Failure::usage)?;
        let (subscriber, reports) = bounded(REPORTS_KEPT);
        let overlay = args.overlay();
        let file = args.config.clone().map(|path| ConfigFile { path, overlay: Box::new(overlay), log_level });
        let setup = Setup {
            config: config.clone(),
            file,
            any_port_will_do: args.listen.is_none(),
            subscribers: vec![subscriber],
            history: true,
            discoverable: true,
            ..Setup::default()
        };
        let monitor = Monitor::set_up(setup).map_err(Failure::usage)?;
        let layers = trainer.layers().iter().map(|layer| layer.name.parse()).collect::<Result<_, _>>()?;
        let mode = config.sampling.mode;
        let task = &trainer.options().task;
        let probe = match mode {
            Mode::Stream => format!("training batches of {}", task.task),
            Mode::Probe => task.probe_in_words(),
        };
        let declaration = Declaration { probe: Some(probe), ..Declaration::new(name.run().clone(), layers, mode, "tch") };
        let tap = TensorTap::new(monitor.declare(declaration)?, monitor.sampling());
        Ok(Watched { name, monitor, tap, mode, reports })
    }
}

impl Watched {
    /// A folder for the run's weights, next to its lock.
    fn checkpoints(&self, config: &Config) -> Result<Checkpoints, Failure> {
        let folder = state_folder(config)?.join("runs").join(format!("{}.checkpoints", self.name.run()));
        Ok(Checkpoints::new(folder)?)
    }
}

/// The name from `--run`, or the first free name made of task, model and seed.
#[expect(clippy::expect_used, reason = "tasks and models are spelled in letters and dashes, and short")]
fn owned_name(args: &TrainArgs, config: &Config) -> Result<OwnedName, StateError> {
    let state = state_folder(config)?;
    if let Some(run) = &args.run {
        return OwnedName::take(&state, run.clone());
    }
    let described = format!("{}-{}-seed{}", args.task, args.model, args.seed);
    let mut tried = 1;
    loop {
        let name = if tried == 1 { described.clone() } else { format!("{described}-{tried}") };
        let run: RunName = name.parse().expect("a task, a model and a seed make a good name");
        match OwnedName::take(&state, run) {
            Err(StateError::NameOwned { .. }) if tried < NAMES_TRIED => tried += 1,
            taken => return taken,
        }
    }
}

/// A training from its first epoch to its last.
struct Training {
    trainer: Trainer,
    display: Display,
    interrupt: Interrupt,
    /// The weights that `--stop-on-onset` may restore; `None` without that flag.
    rollback: Option<Checkpoints>,
    summary: Summary,
}

impl Training {
    fn train(&mut self, watched: Option<&Watched>) -> Result<(), Failure> {
        let epochs = self.trainer.options().epochs;
        self.end_epoch(Epoch::UNTRAINED, None, watched)?;
        for epoch in (1..=epochs).map(Epoch) {
            if self.asked_to_stop(watched) {
                break;
            }
            let pass = match watched.filter(|watched| watched.mode == Mode::Stream) {
                Some(watched) => self.trainer.train_epoch(&mut Streaming { tap: &watched.tap, epoch, step: None }),
                None => self.trainer.train_epoch(&mut Unobserved),
            };
            self.end_epoch(epoch, Some(pass), watched)?;
        }
        Ok(())
    }

    /// Restores the weights of the onset epoch if an alarm ended the training.
    fn roll_back(&mut self) -> Result<(), Failure> {
        if let (Some(checkpoints), Some(StopReason::Onset { onset_epoch, .. })) = (&self.rollback, &self.summary.stopped) {
            checkpoints.restore(self.trainer.variables_mut(), *onset_epoch)?;
            let test_accuracy = self.trainer.evaluate().accuracy;
            self.summary.restored = Some(Restored { epoch: *onset_epoch, test_accuracy, path: checkpoints.path(*onset_epoch) });
        }
        Ok(())
    }

    fn asked_to_stop(&mut self, watched: Option<&Watched>) -> bool {
        let of_run = watched.and_then(|watched| watched.tap.run().stop().reason());
        if let Some(reason) = of_run.or_else(|| self.interrupt.token().reason()).cloned() {
            self.summary.stopped = Some(reason);
        }
        self.summary.stopped.is_some()
    }

    /// Measures the network on the probe, evaluates it, and ends the epoch.
    #[expect(clippy::expect_used, reason = "eight metrics at most, with the names that are spelt out here")]
    fn end_epoch(&mut self, epoch: Epoch, pass: Option<Pass>, watched: Option<&Watched>) -> Result<(), Failure> {
        let trainer = &self.trainer;
        if let Some(watched) = watched
            && (watched.mode == Mode::Probe || epoch == Epoch::UNTRAINED)
        {
            watched.tap.probe(epoch, trainer.probe(), |inputs, record| trainer.observe(inputs, record));
            watched.tap.seen(epoch, trainer.seen(), |inputs| trainer.observe(inputs, &mut |_, _| ()));
        }
        let (test, held_out) = (trainer.evaluate(), trainer.evaluate_hold_out());
        let mut metrics = Vec::new();
        if let Some(Pass { losses, prediction_changes }) = pass {
            metrics.extend([("train_loss", losses.loss), ("train_accuracy", losses.accuracy)]);
            metrics.extend(prediction_changes.map(|share| ("prediction_changes", share)));
        }
        metrics.extend([("val_loss", held_out.loss), ("val_accuracy", held_out.accuracy)]);
        metrics.extend([("test_loss", test.loss), ("test_accuracy", test.accuracy)]);
        metrics.extend(trainer.wrong_labels_fitted().map(|share| ("wrong_labels_fitted", share)));
        let metrics = EpochMetrics::new(metrics).expect("a few well-formed names");
        let Some(watched) = watched else {
            self.show(EpochRecord { epoch, metrics, ..EpochRecord::default() });
            return Ok(());
        };
        let is_last = epoch.0 == trainer.options().epochs || self.interrupt.token().is_requested();
        if self.rollback.is_some() || is_last {
            watched.tap.end_epoch_and_await(epoch, metrics, Duration::MAX);
        } else {
            watched.tap.end_epoch(epoch, metrics);
        }
        if let Some(checkpoints) = &mut self.rollback {
            checkpoints.keep(self.trainer.variables(), epoch, &watched.tap.run().newest_verdict())?;
        }
        self.show_reports(watched);
        Ok(())
    }

    fn show_reports(&mut self, watched: &Watched) {
        for measured in watched.reports.try_iter() {
            self.show(EpochRecord::clone(&measured.record));
            for alarm in &measured.report.raised {
                self.display.alarm(alarm);
            }
            self.summary.last_report = Some(measured.report);
        }
    }

    fn show(&mut self, epoch: EpochRecord) {
        self.display.epoch(&epoch);
        self.summary.add(epoch);
    }

    /// Closes everything and prints the summary.
    fn end(mut self, args: &TrainArgs, watched: Option<Watched>) -> Result<Exit, Failure> {
        let interrupted = self.interrupt.token().is_requested();
        let mut late = Vec::new();
        if let Some(Watched { name, monitor, tap, reports, .. }) = watched {
            let run = Arc::clone(tap.run());
            self.summary.probe.clone_from(&run.declaration().probe);
            // The run ends for the monitor, which keeps serving its last report.
            drop(tap);
            for measured in reports.try_iter() {
                self.show(EpochRecord::clone(&measured.record));
                self.summary.last_report = Some(measured.report);
            }
            let newest = run.newest_verdict();
            self.summary.verdict = Some(newest.verdict.clone());
            self.summary.memorized_share = newest.memorized_share;
            self.summary.run = Some(name.run().clone());
            self.summary.flow = Some(monitor.flow());
            self.display.end(&self.summary);
            if args.keep_serving
                && !interrupted
                && let Some(address) = monitor.address()
            {
                self.display.keeps_serving(address);
                self.interrupt.wait();
            }
            late = monitor.close();
        } else {
            self.display.end(&self.summary);
        }
        if !late.is_empty() {
            return Err(anyhow!("these threads did not end in time: {}", late.join(", ")).into());
        }
        Ok(if interrupted { Exit::Interrupted } else { Exit::Done })
    }
}

/// Passes the activations of training steps to the tap.
struct Streaming<'tap> {
    tap: &'tap TensorTap,
    epoch: Epoch,
    step: Option<StreamStep<'tap>>,
}

impl StepObserver for Streaming<'_> {
    fn wants(&mut self, step: u64, rows: usize) -> bool {
        self.step = self.tap.stream_step(self.epoch, step, rows);
        self.step.is_some()
    }

    fn layer(&mut self, layer: usize, values: &Tensor) {
        if let Some(step) = &mut self.step {
            step.layer(layer, values);
        }
    }

    fn logits(&mut self, logits: &Tensor) {
        if let Some(step) = self.step.take() {
            step.finish(logits);
        }
    }
}
