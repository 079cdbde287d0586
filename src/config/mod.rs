//! The checked configuration: one YAML file, `config/rotewatch.yaml` being its manual.

pub mod choices;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use choices::{BinEdges, Binning, Kind, LogLevel, Mode, OnFull, Reduce};

/// Everything a user can set, checked: whoever holds one need not ask again.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where HTTP is served; none for not at all.
    pub listen: Option<SocketAddr>,
    /// The folder for the history and the token; none for the user's own, see [`Config::state_dir`].
    pub state: Option<PathBuf>,
    /// Which rows are looked at.
    pub sampling: Sampling,
    /// Which rows an epoch's numbers are computed from.
    pub window: Window,
    /// How the numbers are computed.
    pub measures: Measures,
    /// When a run counts as memorizing.
    pub detect: Detect,
    /// What the daemon may cost.
    pub limits: Limits,
    /// Who may talk to it.
    pub web: Web,
    /// What it says on stderr.
    pub log: Log,
}

/// Which rows and neurons are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Where the rows come from.
    pub mode: Mode,
    /// Rows an epoch: the size of the probe set, or the most a stream samples.
    pub rows: usize,
    /// A stream samples every so many training steps.
    pub every_steps: u64,
    /// Neurons measured in a layer; a wider one is sampled by seed.
    pub neurons_per_layer: usize,
    /// How maps and sequences become one number a row.
    pub reduce: Reduce,
    /// What happens when the channel is full; none lets [`Sampling::on_full_for`] choose.
    pub on_full: Option<OnFull>,
    /// The seed of every choice of rows, neurons and pairs.
    pub seed: u64,
}

/// Which rows an epoch's numbers are computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Epochs in the window; none for 1 with probes and 3 with streams, see [`Config::window_epochs`].
    pub epochs: Option<u32>,
    /// The most rows in the window.
    pub rows: usize,
    /// Reports that a rolling mean is taken over.
    pub rolling: usize,
}

/// How the numbers are computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Bins of a neuron's own range.
    pub bins: usize,
    /// Bins of the range that all tapped layers share.
    pub network_bins: usize,
    /// Where the maximum goes.
    pub bin_edges: BinEdges,
    /// How the edges are laid.
    pub binning: Binning,
    /// Pairs of neurons a layer that the shuffle null is estimated from; 0 for none.
    pub shuffle_pairs: usize,
    /// Threads that compute.
    pub threads: usize,
}

/// When a run counts as memorizing, and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// Reports that a detector's trailing mean is taken over.
    pub smooth: usize,
    /// Quiet epochs in a row that end a memorizing verdict.
    pub quiet_epochs: u32,
    /// The rule for single examples learnt by rote.
    pub example_level: ExampleLevel,
    /// The kinds that ask the trainer to stop.
    pub stop_on: Vec<Kind>,
}

/// The rule for single examples learnt by rote: both signals must have fallen from their maxima.
#[derive(Clone, Debug, PartialEq)]
pub struct ExampleLevel {
    /// The share of its maximum that class information must have lost.
    pub class_information_decline: f64,
    /// The share of its maximum that mutual information must have lost.
    pub mutual_information_decline: f64,
    /// The first epoch that may raise an alarm.
    pub from_epoch: u32,
}

/// What the daemon may cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Frames waiting for the monitor.
    pub channel_frames: usize,
    /// Bytes waiting for the monitor.
    pub channel_bytes: u64,
    /// Layers a run.
    pub layers: usize,
    /// Runs at a time.
    pub runs: usize,
    /// Seconds that closing may take.
    pub shutdown_seconds: u64,
}

/// Who may talk to the daemon.
#[derive(Clone, Debug, PartialEq)]
pub struct Web {
    /// Host names that requests may carry besides IP literals, localhost and the machine's own.
    pub hosts: Vec<String>,
    /// Whether `POST /-/reload` is answered.
    pub allow_reload: bool,
}

/// What goes to stderr.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// The least important line that is still written.
    pub level: LogLevel,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 19787))),
            state: None,
            sampling: Sampling {
                mode: Mode::Probe,
                rows: 1000,
                every_steps: 10,
                neurons_per_layer: 512,
                reduce: Reduce::Mean,
                on_full: None,
                seed: 0,
            },
            window: Window {
                epochs: None,
                rows: 2048,
                rolling: 5,
            },
            measures: Measures {
                bins: 10,
                network_bins: 100,
                bin_edges: BinEdges::Closed,
                binning: Binning::EqualWidth,
                shuffle_pairs: 1000,
                threads: 1,
            },
            detect: Detect {
                smooth: 2,
                quiet_epochs: 3,
                example_level: ExampleLevel {
                    class_information_decline: 0.05,
                    mutual_information_decline: 0.10,
                    from_epoch: 2,
                },
                stop_on: vec![Kind::ExampleLevel],
            },
            limits: Limits {
                channel_frames: 8,
                channel_bytes: 256 << 20,
                layers: 256,
                runs: 64,
                shutdown_seconds: 10,
            },
            web: Web {
                hosts: Vec::new(),
                allow_reload: false,
            },
            log: Log {
                level: LogLevel::Info,
            },
        }
    }
}

impl Config {
    /// The state folder: the configured one, else `$XDG_STATE_HOME/rotewatch`, else `~/.local/state/rotewatch`;
    /// none where the environment names neither, in which case the user has to.
    ///
    /// The environment comes in as a function, so that a test need not change its own process's.
    #[must_use]
    pub fn state_dir(&self, environment: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        // The XDG specification: a relative path is to be ignored.
        let absolute = |name| environment(name).filter(|path| path.is_absolute());
        self.state.clone().or_else(|| {
            absolute("XDG_STATE_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
                .map(|folder| folder.join("rotewatch"))
        })
    }

    /// Epochs in the window: as configured, else 1 with probes (the rows are the same ones each time) and 3 with streams.
    #[must_use]
    pub fn window_epochs(&self, mode: Mode) -> u32 {
        self.window.epochs.unwrap_or(match mode {
            Mode::Probe => 1,
            Mode::Stream => 3,
        })
    }
}

impl Sampling {
    /// What happens when the channel is full: as configured, else as the kind of trainer needs it. The built-in trainer
    /// waits, since the same seed must give the same verdict; other people's training is never held up unasked.
    #[must_use]
    pub fn on_full_for(&self, built_in_trainer: bool) -> OnFull {
        self.on_full.unwrap_or(if built_in_trainer {
            OnFull::Wait
        } else {
            OnFull::Drop
        })
    }
}
