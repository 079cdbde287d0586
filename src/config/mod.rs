//! The configuration: one YAML file, read and checked. Keys about verdicts may change while the program runs; keys about
//! its resources (buffers, ports, windows) may not.
//!
//! `config/rotewatch.yaml` is the manual; a test compares it with the declarations below. The commands apply flags and the
//! environment over a [`Config`]; [`Config::checked`] checks the result against the same ranges.

pub mod choices;
mod cross;
mod diff;
pub mod document;
mod fault;
pub mod file_watcher;
mod hooks;
mod lists;
mod live;
mod mistake;
mod reader;
mod reload;
mod rules;
pub mod section;
mod size;
#[cfg(test)]
mod tests;
mod watch;
mod web_file;
pub mod yaml;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use crate::hooks::HookParams;
pub use choices::{BinEdges, Binning, Kind, LogLevel, Mode, OnFull, Reduce, UnknownChoice};
pub use cross::{ROWS_PER_BIN, Warning};
pub use diff::{Change, Setting};
pub use fault::Fault;
pub use live::{LastReload, LiveConfig};
pub use mistake::{ConfigError, Mistake};
pub use reader::OldName;
pub use reload::{Reloaded, Reloader, Wiring};
use rotewatch_core::detect::{
    BaselineParams, ConsensusParams, DetectParams, DivergenceParams, GapParams, HeuristicParams, InformationParams,
};
pub use section::Acts;
pub use watch::ConfigWatcher;
pub use web_file::{ExtraHeader, PasswordHash, TlsFile, WebFile};

use hooks::HookList;
use lists::{HostName, ListOf, Or};
use rules::{Address, Bytes, Multiple, NameOfRun, PathOf, Share, Switch, Whole, Word};
use section::section;

section! {
    /// Everything that a user can set. A value of this type has been checked.
    pub Config {
        /// The address of the HTTP server; `None` to serve nothing.
        listen: Option<SocketAddr> = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 19787))), Or("off", Address), AfterRestart;
        /// The folder for the history and the token; `None` for the user's own, see [`Config::state_dir`].
        state: Option<PathBuf> = None, Or("auto", PathOf("folder")), AfterRestart;
        /// The folder into which other programs put runs as files; `None` for no inbox.
        inbox: Option<PathBuf> = None, Or("off", PathOf("folder")), AfterRestart;
        /// The webhooks and commands that run on an alarm.
        hooks: Vec<HookParams> = Vec::new(), HookList, Live;
    }
    sections {
        /// Which rows and neurons are sampled.
        sampling: Sampling;
        /// Which rows an epoch's numbers are computed from.
        window: Window;
        /// How the numbers are computed.
        measures: Measures;
        /// When a run counts as memorizing.
        detect: DetectParams;
        /// Limits on the daemon's use of resources.
        limits: Limits;
        /// What the history keeps.
        history: History;
        /// Which HTTP requests are accepted.
        web: Web;
        /// What is logged to stderr.
        log: Log;
    }
    also {
        /// The sections that the file calls by an old name.
        old_names: Vec<OldName>;
    }
}

section! {
    /// Which rows and neurons are sampled.
    pub Sampling {
        /// Where the rows come from.
        mode: Mode = Mode::Probe, Word, AfterRestart;
        /// Rows per epoch: the size of the probe set, or the most that stream mode samples.
        rows: usize = 1000, Whole(10..=1_000_000), AfterRestart;
        /// Stream mode samples every N-th training step.
        every_steps: u64 = 10, Whole(1..=1_000_000), AfterRestart;
        /// Neurons measured per layer. From a wider layer, this many are chosen by seed.
        neurons_per_layer: usize = 512, Whole(2..=65_536), AfterRestart;
        /// How feature maps and sequences are reduced to one number per row.
        reduce: Reduce = Reduce::Mean, Word, AfterRestart;
        /// What happens when the channel is full; `None` lets [`Sampling::on_full_for`] choose.
        on_full: Option<OnFull> = None, Or("auto", Word), AfterRestart;
        /// The seed for every random choice of rows, neurons and pairs.
        seed: u64 = 0, Whole(0..=u64::MAX), AfterRestart;
    }
}

section! {
    /// Which rows an epoch's numbers are computed from.
    pub Window {
        /// Epochs in the window; `None` for 1 in probe mode and 3 in stream mode, see [`Config::window_epochs`].
        epochs: Option<u32> = None, Or("auto", Whole(1..=1000)), AfterRestart;
        /// The most rows in the window.
        rows: usize = 2048, Whole(10..=1_000_000), AfterRestart;
        /// Reports per rolling mean.
        rolling: usize = 5, Whole(1..=1000), AfterRestart;
    }
}

section! {
    /// How the numbers are computed.
    pub Measures {
        /// Bins over a neuron's own range of values.
        bins: usize = 10, Whole(2..=256), AfterRestart;
        /// Bins over the range of values of all tapped layers.
        network_bins: usize = 100, Whole(2..=4096), AfterRestart;
        /// The bin that counts the maximum.
        bin_edges: BinEdges = BinEdges::Closed, Word, AfterRestart;
        /// How the bin edges are chosen.
        binning: Binning = Binning::EqualWidth, Word, AfterRestart;
        /// Pairs of neurons per layer for the shuffle null; 0 for none.
        shuffle_pairs: usize = 1000, Whole(0..=1_000_000), AfterRestart;
        /// Pairs of neurons per layer whose mutual information is also estimated by nearest neighbours; 0 for none.
        ksg_pairs: usize = 0, Whole(0..=1_000_000), AfterRestart;
        /// Neighbours in that estimate.
        ksg_k: usize = 3, Whole(1..=10), AfterRestart;
        /// Threads that compute the measures.
        threads: usize = 1, Whole(1..=256), AfterRestart;
    }
}

// The thresholds belong to the detectors: `rotewatch_core::detect` has their docs and defaults.
section! {
    for DetectParams {
        smooth: Whole(1..=100), Live;
        quiet_epochs: Whole(1..=1000), Live;
        stop_on: ListOf(Word), Live;
    }
    sections {
        divergence;
        consensus;
        gap;
        information was example_level;
        heuristic;
        baseline;
    }
}

section! {
    for DivergenceParams {
        smooth: Whole(1..=100), Live;
        epochs: Whole(1..=1000), Live;
        seen_z: Multiple, Live;
        errors_z: Multiple, Live;
        losses_z: Multiple, Live;
        errors: Share, Live;
        losses: Share, Live;
    }
}

section! {
    for ConsensusParams {
        z: Multiple, Live;
        agreement: Share, Live;
    }
}

section! {
    for GapParams {
        errors: Share, Live;
        share: Share, Live;
        z: Multiple, Live;
    }
}

section! {
    for InformationParams {
        decline: Share, Live;
        within_epochs: Whole(1..=1_000_000), Live;
        decline_ever: Share, Live;
        from_epoch: Whole(1..=1_000_000), Live;
    }
}

section! {
    for HeuristicParams {
        class_information_share: Share, Live;
        amplification: Multiple, Live;
    }
}

section! {
    for BaselineParams {
        file: Or("none", PathOf("file")), AfterRestart;
        run: Or("none", NameOfRun), AfterRestart;
        below: Share, Live;
        times_above: Multiple, Live;
    }
}

section! {
    /// Limits on the daemon's use of resources.
    pub Limits {
        /// Frames queued for the monitor.
        channel_frames: usize = 8, Whole(1..=65_536), AfterRestart;
        /// Bytes queued for the monitor.
        channel_bytes: u64 = 256 << 20, Bytes(1 << 20..=1 << 40), AfterRestart;
        /// Layers per run.
        layers: usize = 256, Whole(1..=4096), AfterRestart;
        /// Live runs.
        runs: usize = 64, Whole(1..=10_000), AfterRestart;
        /// Series per scrape, not counting those of the daemon and of whole runs.
        series: usize = 50_000, Whole(0..=10_000_000), AfterRestart;
        /// Bytes per request body, and per file in the inbox.
        body: u64 = 256 << 20, Bytes(1 << 20..=1 << 40), AfterRestart;
        /// Concurrent connections.
        connections: usize = 512, Whole(1..=65_536), AfterRestart;
        /// Concurrent requests below `/api/v1/`.
        requests: usize = 256, Whole(1..=65_536), AfterRestart;
        /// Concurrent subscribers.
        event_readers: usize = 64, Whole(1..=65_536), AfterRestart;
        /// Seconds after the last message of an attempt during which a new attempt of the run is refused.
        idle_seconds: u64 = 60, Whole(0..=31_536_000), AfterRestart;
        /// Seconds that a run is still shown after its end.
        retire_finished_seconds: u64 = 3600, Whole(0..=31_536_000), AfterRestart;
        /// Seconds of silence after which an unfinished run counts as abandoned; never less than twenty of its epochs.
        retire_silent_seconds: u64 = 86_400, Whole(1..=31_536_000), AfterRestart;
        /// The most seconds that shutdown may take.
        shutdown_seconds: u64 = 10, Whole(1..=3600), AfterRestart;
    }
}

section! {
    /// What the history in the state folder keeps.
    pub History {
        /// The newest epochs per attempt that keep their pair matrices, besides those of onsets and alarms.
        matrix_epochs: u32 = 8, Whole(0..=1_000_000), AfterRestart;
        /// The most attempts that are kept.
        runs: u32 = 10_000, Whole(1..=1_000_000), AfterRestart;
        /// The largest size of the file in bytes.
        bytes: u64 = 16 << 30, Bytes(1 << 20..=1 << 40), AfterRestart;
    }
}

section! {
    /// Which HTTP requests the daemon accepts.
    pub Web {
        /// Host names that requests may use besides IP addresses, localhost and the machine's own name; in lower case.
        hosts: Vec<String> = Vec::new(), ListOf(HostName), AfterRestart;
        /// Whether `POST /-/reload` reloads the configuration.
        allow_reload: bool = false, Switch, AfterRestart;
    }
}

section! {
    /// What is logged to stderr.
    pub Log {
        /// The least severe level that is logged.
        level: LogLevel = LogLevel::Info, Word, Live;
    }
}

impl Config {
    /// The state folder: the configured one, else `$XDG_STATE_HOME/rotewatch`, else `~/.local/state/rotewatch`. `None` if the
    /// environment defines neither; then the user has to set one.
    ///
    /// The environment is passed as a function, so that a test need not change that of its process.
    #[must_use]
    pub fn state_dir(&self, environment: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        // The XDG specification says that relative paths must be ignored.
        let absolute = |name| environment(name).filter(|path| path.is_absolute());
        self.state.clone().or_else(|| {
            absolute("XDG_STATE_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
                .map(|folder| folder.join("rotewatch"))
        })
    }

    /// Epochs in the window: as configured, else 1 in probe mode (the same rows each time) and 3 in stream mode.
    #[must_use]
    pub fn window_epochs(&self, mode: Mode) -> u32 {
        self.window.epochs.unwrap_or(match mode {
            Mode::Probe => 1,
            Mode::Stream => 3,
        })
    }
}

impl Sampling {
    /// What happens when the channel is full: as configured, else as suits the trainer. The built-in trainer waits, so that
    /// the same seed gives the same verdict; other trainers are never delayed unless the user asks for it.
    #[must_use]
    pub fn on_full_for(&self, built_in_trainer: bool) -> OnFull {
        self.on_full.unwrap_or(if built_in_trainer { OnFull::Wait } else { OnFull::Drop })
    }
}
