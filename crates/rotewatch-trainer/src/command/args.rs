//! `rotewatch train`: its flags, and the start of the trainer, which is a separate binary because it links libtorch.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::anyhow;
use clap::{Args, Parser, ValueEnum};

use crate::options::{LrStep, Model, Optimizer, ProbeFrom, Task, TaskOptions, TrainOptions};
use rotewatch::cli::choice::choice;
use rotewatch::cli::exit::Failure;
use rotewatch::config::Config;
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_core::vocabulary::identity::RunName;

/// The most that `limits.retire_finished_seconds` takes.
const YEAR_SECONDS: u64 = 31_536_000;

/// The built-in trainer of rotewatch; start it as `rotewatch train`.
#[derive(Debug, Parser)]
#[command(name = "rotewatch train", bin_name = "rotewatch train", version, max_term_width = 100)]
pub(super) struct TrainerCli {
    /// What to train, and how.
    #[command(flatten)]
    pub train: TrainArgs,
}

/// Where to serve HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listen {
    /// Nowhere.
    Off,
    /// At this address.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Listen::Off);
        }
        let address = text.parse().map_err(|_| "use an address and a port, such as 127.0.0.1:19787, or off".to_owned())?;
        Ok(Listen::At(address))
    }
}

/// Whether the training is monitored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Monitoring {
    /// Measure and judge the network in every epoch.
    On,
    /// Train only: no measurements, threads or port.
    Off,
}

/// The flags of `rotewatch train`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct TrainArgs {
    /// Configuration file [default: the built-in settings]
    #[arg(long, value_name = "FILE", env = "ROTEWATCH_CONFIG", help_heading = "Monitoring")]
    pub config: Option<PathBuf>,
    /// Name of the run: letters, digits, '.', '_' and '-' [default: task, model and seed]
    #[arg(long, value_name = "NAME", help_heading = "Monitoring")]
    pub run: Option<RunName>,
    /// Address to serve the live page and metrics at; without this flag, another port is used if the configured one is taken
    #[arg(long, value_name = "ADDR|off", env = "ROTEWATCH_LISTEN", help_heading = "Monitoring")]
    pub listen: Option<Listen>,
    /// State folder [default: the user's state folder, by the XDG rules]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_STATE", help_heading = "Monitoring")]
    pub state: Option<PathBuf>,
    /// Keep serving after the training, until Ctrl-C
    #[arg(long, help_heading = "Monitoring")]
    pub keep_serving: bool,
    /// Print only one JSON document on stdout, at the end
    #[arg(long, help_heading = "Monitoring")]
    pub json: bool,
    /// Whether to monitor the training
    #[arg(long, value_name = "WHETHER", default_value = "on", help_heading = "Monitoring")]
    pub monitor: Monitoring,
    /// Stop at the first alarm of a kind in `detect.stop_on` and restore the weights of its onset; every epoch then waits for its verdict
    #[arg(long, help_heading = "Monitoring")]
    pub stop_on_onset: bool,
    /// Source of the measured rows [default: `sampling.mode` of the configuration]
    #[arg(long, value_parser = choice::<Mode>(), value_name = "MODE", help_heading = "Monitoring")]
    pub sampling: Option<Mode>,
    /// Number of examples in the probe [default: `sampling.rows` of the configuration]
    #[arg(long, value_name = "N", help_heading = "Monitoring")]
    pub probe_rows: Option<usize>,
    /// Hold this many of the training examples out of training and use them as the probe, with labels as noisy as those of the others
    #[arg(long, value_name = "N", conflicts_with_all = ["probe_rows", "probe_from"], help_heading = "Monitoring")]
    pub hold_out: Option<NonZeroUsize>,
    /// Whether probe examples are like the training examples or come from the test set
    #[arg(long, value_parser = choice::<ProbeFrom>(), value_name = "SET", default_value_t, help_heading = "Monitoring")]
    pub probe_from: ProbeFrom,

    /// Task to learn
    #[arg(long, value_parser = choice::<Task>(), default_value_t, help_heading = "Task")]
    pub task: Task,
    /// Folder with the four MNIST files, gzipped or not
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_DATA", help_heading = "Task")]
    pub data: Option<PathBuf>,
    /// Number of training examples
    #[arg(long, value_name = "N", default_value_t = TaskOptions::default().examples, help_heading = "Task")]
    pub examples: usize,
    /// Share of training labels to redraw at random over all classes, including the true one
    #[arg(long, value_name = "SHARE", default_value_t = TaskOptions::default().label_noise, help_heading = "Task")]
    pub label_noise: f64,
    /// Probability that the shortcut agrees with the label, noise included; with `digits`, the shortcut is a colour
    #[arg(long, value_name = "SHARE", help_heading = "Task")]
    pub spurious: Option<f64>,
    /// Shift the training images at random in every epoch
    #[arg(long, help_heading = "Task")]
    pub augment: bool,

    /// Network to train
    #[arg(long, value_parser = choice::<Model>(), default_value_t, help_heading = "Network")]
    pub model: Model,
    /// Add batch normalisation to the hidden layers
    #[arg(long, help_heading = "Network")]
    pub batch_norm: bool,
    /// Share of hidden activations to drop while training
    #[arg(long, value_name = "SHARE", default_value_t = TrainOptions::default().dropout, help_heading = "Network")]
    pub dropout: f64,

    /// Optimizer
    #[arg(long, value_parser = choice::<Optimizer>(), default_value_t, help_heading = "Training")]
    pub optimizer: Optimizer,
    /// Learning rate
    #[arg(long, value_name = "RATE", default_value_t = TrainOptions::default().learning_rate, help_heading = "Training")]
    pub lr: f64,
    /// Multiply the learning rate by FACTOR from EPOCH on, such as 20:0.1
    #[arg(long, value_name = "EPOCH:FACTOR", help_heading = "Training")]
    pub lr_step: Option<LrStep>,
    /// Weight decay
    #[arg(long, value_name = "RATE", default_value_t = TrainOptions::default().weight_decay, help_heading = "Training")]
    pub weight_decay: f64,
    /// Number of examples per step
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().batch_size, help_heading = "Training")]
    pub batch_size: usize,
    /// Number of passes over the training examples
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().epochs, help_heading = "Training")]
    pub epochs: u32,
    /// Random seed of the data, the network and the batches
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().seed, help_heading = "Training")]
    pub seed: u64,
    /// Number of training threads
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().threads, help_heading = "Training")]
    pub threads: NonZeroUsize,
}

impl TrainArgs {
    /// Applies the flags to a configuration. Runs again whenever the configuration file changes. Unless the file says otherwise,
    /// a training waits for its monitor, so that the same seed gives the same verdict.
    pub(super) fn overlay(&self) -> impl Fn(&mut Config) + Send + Sync + use<> {
        let (listen, state, sampling) = (self.listen, self.state.clone(), self.sampling);
        let probe_rows = self.hold_out.map(NonZeroUsize::get).or(self.probe_rows);
        let stop_on_onset = self.stop_on_onset;
        move |config| {
            match listen {
                Some(Listen::Off) => config.listen = None,
                Some(Listen::At(address)) => config.listen = Some(address),
                None => {}
            }
            if let Some(state) = &state {
                config.state = Some(state.clone());
            }
            config.sampling.mode = sampling.unwrap_or(config.sampling.mode);
            config.sampling.rows = probe_rows.unwrap_or(config.sampling.rows);
            config.sampling.on_full = Some(config.sampling.on_full_for(true));
            // Without the flag, alarms do not stop the training. A request to stop over HTTP still does.
            if !stop_on_onset {
                config.detect.stop_on.clear();
            }
            // The results of a training are shown for as long as it is served.
            config.limits.retire_finished_seconds = YEAR_SECONDS;
        }
    }

    /// Refuses combinations of flags in which one would be ignored.
    ///
    /// # Errors
    /// Names both flags, why they do not fit together, and what to do.
    pub(super) fn check_together(&self) -> Result<(), Failure> {
        if let Some(rows) = self.hold_out.filter(|rows| rows.get() >= self.examples) {
            let examples = self.examples;
            return Err(Failure::usage(anyhow!(
                "--hold-out {rows} leaves none of --examples {examples} to train on; hold out fewer"
            )));
        }
        let unwatched = self.monitor == Monitoring::Off;
        let mistake = if unwatched && self.stop_on_onset {
            "--stop-on-onset needs the monitor, which --monitor off disables; remove one of the two flags"
        } else if unwatched && self.keep_serving {
            "--keep-serving has nothing to serve with --monitor off; remove one of the two flags"
        } else if self.keep_serving && self.listen == Some(Listen::Off) {
            "--keep-serving has nothing to serve with --listen off; remove one of the two flags"
        } else {
            return Ok(());
        };
        Err(Failure::usage(anyhow!(mistake)))
    }

    /// The options of the training, with a probe of `probe_rows` examples unless training examples are held out.
    #[must_use]
    pub(super) fn options(&self, probe_rows: usize) -> TrainOptions {
        // The probe comes from the same source as the training examples and gets wrong labels by the same rule, so to hold rows out is
        // to train on fewer.
        let held_out = self.hold_out.map(NonZeroUsize::get);
        let examples = self.examples.saturating_sub(held_out.unwrap_or(0));
        let probe_rows = held_out.unwrap_or(probe_rows);
        TrainOptions {
            task: TaskOptions {
                task: self.task,
                data: self.data.clone(),
                examples,
                label_noise: self.label_noise,
                spurious: self.spurious,
                augment: self.augment,
                probe_rows,
                probe_from: self.probe_from,
            },
            model: self.model,
            batch_norm: self.batch_norm,
            dropout: self.dropout,
            optimizer: self.optimizer,
            learning_rate: self.lr,
            lr_step: self.lr_step,
            weight_decay: self.weight_decay,
            batch_size: self.batch_size,
            epochs: self.epochs,
            seed: self.seed,
            threads: self.threads,
        }
    }
}
