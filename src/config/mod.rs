//! The configuration: one YAML file, read and checked, whose keys may change while the program runs if they are about
//! judging and not about what exists (buffers, ports, windows).
//!
//! `config/rotewatch.yaml` is the manual, and a test holds it to the declarations below. Flags and the environment are
//! laid over a [`Config`] elsewhere, since they belong to the commands; [`Config::checked`] holds them to the same ranges.

mod cross;
mod diff;
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

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use crate::choices::{BinEdges, Binning, Kind, LogLevel, Mode, OnFull, Reduce, UnknownChoice, spellings};
use crate::detect::{BaselineParams, DetectParams, ExampleLevelParams, HeuristicParams};
pub use crate::hooks::HookParams;
pub use cross::{ROWS_PER_BIN, Warning};
pub use diff::{Change, Setting};
pub use live::{LastReload, LiveConfig};
pub use mistake::{ConfigError, Fault, Mistake};
pub use reload::{Reloaded, Reloader, Wiring};
pub use section::Acts;
pub use watch::ConfigWatcher;
pub use web_file::{ExtraHeader, PasswordHash, TlsFile, WebFile};

use hooks::HookList;
use lists::{HostName, ListOf, Or};
use rules::{Address, Bytes, Multiple, NameOfRun, PathOf, Share, Switch, Whole, Word};
use section::section;

section! {
    /// Everything a user can set, checked: whoever holds one need not ask again.
    Config {
        /// Where HTTP is served; none for not at all.
        listen: Option<SocketAddr> = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 19787))), Or("off", Address), AfterRestart;
        /// The folder for the history and the token; none for the user's own, see [`Config::state_dir`].
        state: Option<PathBuf> = None, Or("auto", PathOf("folder")), AfterRestart;
        /// The folder that other programs put runs into as files; none for no such folder.
        inbox: Option<PathBuf> = None, Or("off", PathOf("folder")), AfterRestart;
        /// What is told of alarms.
        hooks: Vec<HookParams> = Vec::new(), HookList, Live;
    }
    sections {
        /// Which rows and neurons are looked at.
        sampling: Sampling;
        /// Which rows an epoch's numbers are computed from.
        window: Window;
        /// How the numbers are computed.
        measures: Measures;
        /// When a run counts as memorizing.
        detect: DetectParams;
        /// What the daemon may cost.
        limits: Limits;
        /// What is kept of what was measured.
        history: History;
        /// Who may talk to it.
        web: Web;
        /// What it says on stderr.
        log: Log;
    }
}

section! {
    /// Which rows and neurons are looked at.
    Sampling {
        /// Where the rows come from.
        mode: Mode = Mode::Probe, Word, AfterRestart;
        /// Rows an epoch: the size of the probe set, or the most a stream samples.
        rows: usize = 1000, Whole(10..=1_000_000), AfterRestart;
        /// A stream samples every so many training steps.
        every_steps: u64 = 10, Whole(1..=1_000_000), AfterRestart;
        /// Neurons measured in a layer; a wider one is sampled by seed.
        neurons_per_layer: usize = 512, Whole(2..=65_536), AfterRestart;
        /// How maps and sequences become one number a row.
        reduce: Reduce = Reduce::Mean, Word, AfterRestart;
        /// What happens when the channel is full; none lets [`Sampling::on_full_for`] choose.
        on_full: Option<OnFull> = None, Or("auto", Word), AfterRestart;
        /// The seed of every choice of rows, neurons and pairs.
        seed: u64 = 0, Whole(0..=u64::MAX), AfterRestart;
    }
}

section! {
    /// Which rows an epoch's numbers are computed from.
    Window {
        /// Epochs in the window; none for 1 with probes and 3 with streams, see [`Config::window_epochs`].
        epochs: Option<u32> = None, Or("auto", Whole(1..=1000)), AfterRestart;
        /// The most rows in the window.
        rows: usize = 2048, Whole(10..=1_000_000), AfterRestart;
        /// Reports that a rolling mean is taken over.
        rolling: usize = 5, Whole(1..=1000), AfterRestart;
    }
}

section! {
    /// How the numbers are computed.
    Measures {
        /// Bins of a neuron's own range.
        bins: usize = 10, Whole(2..=256), AfterRestart;
        /// Bins of the range that all tapped layers share.
        network_bins: usize = 100, Whole(2..=4096), AfterRestart;
        /// Where the maximum goes.
        bin_edges: BinEdges = BinEdges::Closed, Word, AfterRestart;
        /// How the edges are laid.
        binning: Binning = Binning::EqualWidth, Word, AfterRestart;
        /// Pairs of neurons a layer that the shuffle null is estimated from; 0 for none.
        shuffle_pairs: usize = 1000, Whole(0..=1_000_000), AfterRestart;
        /// Pairs of neurons a layer whose mutual information is also estimated by nearest neighbours; 0 for none.
        ksg_pairs: usize = 0, Whole(0..=1_000_000), AfterRestart;
        /// Neighbours of that estimate.
        ksg_k: usize = 3, Whole(1..=10), AfterRestart;
        /// Threads that compute.
        threads: usize = 1, Whole(1..=256), AfterRestart;
    }
}

// The thresholds belong to the detectors: `detect` says what they mean and which are the defaults.
section! {
    for DetectParams {
        smooth: Whole(1..=100), Live;
        quiet_epochs: Whole(1..=1000), Live;
        stop_on: ListOf(Word), Live;
    }
    sections {
        example_level;
        heuristic;
        baseline;
    }
}

section! {
    for ExampleLevelParams {
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
    /// What the daemon may cost.
    Limits {
        /// Frames waiting for the monitor.
        channel_frames: usize = 8, Whole(1..=65_536), AfterRestart;
        /// Bytes waiting for the monitor.
        channel_bytes: u64 = 256 << 20, Bytes(1 << 20..=1 << 40), AfterRestart;
        /// Layers a run.
        layers: usize = 256, Whole(1..=4096), AfterRestart;
        /// Runs at a time.
        runs: usize = 64, Whole(1..=10_000), AfterRestart;
        /// Series that a scrape has, but for those of the daemon and of whole runs.
        series: usize = 50_000, Whole(0..=10_000_000), AfterRestart;
        /// Bytes of one request's body, and of one file in the inbox.
        body: u64 = 256 << 20, Bytes(1 << 20..=1 << 40), AfterRestart;
        /// Connections at a time.
        connections: usize = 512, Whole(1..=65_536), AfterRestart;
        /// Requests below `/api/v1/` at a time.
        requests: usize = 256, Whole(1..=65_536), AfterRestart;
        /// Readers of events at a time.
        event_readers: usize = 64, Whole(1..=65_536), AfterRestart;
        /// Seconds since an attempt was last heard from, within which a new attempt of the run is refused.
        idle_seconds: u64 = 60, Whole(0..=31_536_000), AfterRestart;
        /// Seconds after its end that a run is still shown.
        retire_finished_seconds: u64 = 3600, Whole(0..=31_536_000), AfterRestart;
        /// Seconds of silence after which a run that did not end counts as given up, at least twenty of its epochs.
        retire_silent_seconds: u64 = 86_400, Whole(1..=31_536_000), AfterRestart;
        /// Seconds that closing may take.
        shutdown_seconds: u64 = 10, Whole(1..=3600), AfterRestart;
    }
}

section! {
    /// What is kept of what was measured, in the state folder.
    History {
        /// Of each attempt, the newest so many epochs keep their pair matrices, besides those of onsets and alarms.
        matrix_epochs: u32 = 8, Whole(0..=1_000_000), AfterRestart;
        /// Attempts that are kept.
        runs: u32 = 10_000, Whole(1..=1_000_000), AfterRestart;
        /// Bytes that the file may have.
        bytes: u64 = 16 << 30, Bytes(1 << 20..=1 << 40), AfterRestart;
    }
}

section! {
    /// Who may talk to the daemon.
    Web {
        /// Host names that requests may carry besides IP literals, localhost and the machine's own; in lower case.
        hosts: Vec<String> = Vec::new(), ListOf(HostName), AfterRestart;
        /// Whether `POST /-/reload` is answered.
        allow_reload: bool = false, Switch, AfterRestart;
    }
}

section! {
    /// What goes to stderr.
    Log {
        /// The least important line that is still written.
        level: LogLevel = LogLevel::Info, Word, Live;
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

    /// Epochs in the window: as configured, else 1 with probes (the same rows each time) and 3 with streams.
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
        self.on_full.unwrap_or(if built_in_trainer { OnFull::Wait } else { OnFull::Drop })
    }
}
