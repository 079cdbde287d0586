//! The flags of `rotewatch train`.

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
pub struct TrainerCli {
    /// What to train and how.
    #[command(flatten)]
    pub train: TrainArgs,
}

/// Where HTTP is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
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
        let address = text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:19787, or off".to_owned())?;
        Ok(Listen::At(address))
    }
}

/// Whether the training is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Monitoring {
    /// The network is probed every epoch and judged.
    On,
    /// No tap, no thread, no port.
    Off,
}

/// The flags of `rotewatch train`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct TrainArgs {
    /// Configuration file [default: the built-in settings]
    #[arg(long, value_name = "FILE", env = "ROTEWATCH_CONFIG", help_heading = "Monitoring")]
    pub config: Option<PathBuf>,
    /// Name of the run: letters, digits, '.', '_', '-' [default: task, model and seed]
    #[arg(long, value_name = "NAME", help_heading = "Monitoring")]
    pub run: Option<RunName>,
    /// Where metrics and page are served; without this flag another port is taken if the configured one is in use
    #[arg(long, value_name = "ADDR|off", env = "ROTEWATCH_LISTEN", help_heading = "Monitoring")]
    pub listen: Option<Listen>,
    /// State folder [default: the user's own, by the XDG rules]
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_STATE", help_heading = "Monitoring")]
    pub state: Option<PathBuf>,
    /// Go on serving after the training, until Ctrl-C
    #[arg(long, help_heading = "Monitoring")]
    pub keep_serving: bool,
    /// Print one JSON document at the end, and nothing else on stdout
    #[arg(long, help_heading = "Monitoring")]
    pub json: bool,
    /// Whether the training is watched at all
    #[arg(long, value_name = "WHETHER", default_value = "on", help_heading = "Monitoring")]
    pub monitor: Monitoring,
    /// Stop when the alarm comes, and restore the weights of the onset; each epoch then waits for its verdict
    #[arg(long, help_heading = "Monitoring")]
    pub stop_on_onset: bool,
    /// Where the measured rows come from [default: the configuration's sampling.mode]
    #[arg(long, value_parser = choice::<Mode>(), value_name = "MODE", help_heading = "Monitoring")]
    pub sampling: Option<Mode>,
    /// Examples in the probe set [default: the configuration's sampling.rows]
    #[arg(long, value_name = "N", help_heading = "Monitoring")]
    pub probe_rows: Option<usize>,
    /// Whether the probe is like the training examples or comes from the test set
    #[arg(long, value_parser = choice::<ProbeFrom>(), value_name = "SET", default_value_t, help_heading = "Monitoring")]
    pub probe_from: ProbeFrom,

    /// What is to be learnt
    #[arg(long, value_parser = choice::<Task>(), default_value_t, help_heading = "Task")]
    pub task: Task,
    /// Folder with the four MNIST files, gzipped or not
    #[arg(long, value_name = "DIR", env = "ROTEWATCH_DATA", help_heading = "Task")]
    pub data: Option<PathBuf>,
    /// Training examples
    #[arg(long, value_name = "N", default_value_t = TaskOptions::default().examples, help_heading = "Task")]
    pub examples: usize,
    /// Share of the labels redrawn over all classes, the true one included
    #[arg(long, value_name = "SHARE", default_value_t = TaskOptions::default().label_noise, help_heading = "Task")]
    pub label_noise: f64,
    /// Probability with which a colour agrees with the noisy label; makes `digits` the coloured task
    #[arg(long, value_name = "SHARE", help_heading = "Task")]
    pub spurious: Option<f64>,
    /// Shift the training pictures anew in every epoch
    #[arg(long, help_heading = "Task")]
    pub augment: bool,

    /// The network
    #[arg(long, value_parser = choice::<Model>(), default_value_t, help_heading = "Network")]
    pub model: Model,
    /// Normalise the hidden layers over each batch
    #[arg(long, help_heading = "Network")]
    pub batch_norm: bool,
    /// Share of hidden activations dropped while training
    #[arg(long, value_name = "SHARE", default_value_t = TrainOptions::default().dropout, help_heading = "Network")]
    pub dropout: f64,

    /// The optimizer
    #[arg(long, value_parser = choice::<Optimizer>(), default_value_t, help_heading = "Training")]
    pub optimizer: Optimizer,
    /// Learning rate
    #[arg(long, value_name = "RATE", default_value_t = TrainOptions::default().learning_rate, help_heading = "Training")]
    pub lr: f64,
    /// Multiply the learning rate from an epoch on, such as 20:0.1
    #[arg(long, value_name = "EPOCH:FACTOR", help_heading = "Training")]
    pub lr_step: Option<LrStep>,
    /// Weight decay
    #[arg(long, value_name = "RATE", default_value_t = TrainOptions::default().weight_decay, help_heading = "Training")]
    pub weight_decay: f64,
    /// Examples in a step
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().batch_size, help_heading = "Training")]
    pub batch_size: usize,
    /// Passes over the training examples
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().epochs, help_heading = "Training")]
    pub epochs: u32,
    /// Seed of the data, the network and the batches
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().seed, help_heading = "Training")]
    pub seed: u64,
    /// Threads that train
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().threads, help_heading = "Training")]
    pub threads: NonZeroUsize,
}

impl TrainArgs {
    /// Lays the flags over a configuration, again and again where its file changes. A training waits for its monitor unless
    /// the file says otherwise: the same seed must give the same verdict.
    pub fn overlay(&self) -> impl Fn(&mut Config) + Send + Sync + use<> {
        let (listen, state, sampling, probe_rows) = (self.listen, self.state.clone(), self.sampling, self.probe_rows);
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
            // Nobody is to read of a stop that was not wanted; who asks over HTTP is obeyed all the same.
            if !stop_on_onset {
                config.detect.stop_on.clear();
            }
            // What a training has found is shown as long as it is served.
            config.limits.retire_finished_seconds = YEAR_SECONDS;
        }
    }

    /// Refuses flags that would be ignored beside one another.
    ///
    /// # Errors
    /// Both flags, why they do not go together, and what to do.
    pub fn check_together(&self) -> Result<(), Failure> {
        let unwatched = self.monitor == Monitoring::Off;
        let mistake = if unwatched && self.stop_on_onset {
            "--stop-on-onset with --monitor off: nobody would see the onset; leave one of them away"
        } else if unwatched && self.keep_serving {
            "--keep-serving with --monitor off: nothing is served; leave one of them away"
        } else if self.keep_serving && self.listen == Some(Listen::Off) {
            "--keep-serving with --listen off: nothing is served; leave one of them away"
        } else {
            return Ok(());
        };
        Err(Failure::usage(anyhow!(mistake)))
    }

    /// The training that the flags describe, its probe as large as `probe_rows`.
    #[must_use]
    pub fn options(&self, probe_rows: usize) -> TrainOptions {
        TrainOptions {
            task: TaskOptions {
                task: self.task,
                data: self.data.clone(),
                examples: self.examples,
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
