//! Checks of keys that are valid alone but not together.

use std::borrow::Cow;
use std::fmt;

use super::fault::Fault;
use super::mistake::Mistake;
use super::{Config, size};
use crate::hooks::Action;
use rotewatch_core::vocabulary::choices::StopOn;

/// Rows per bin. Below this, a measure is marked unreliable and not used for verdicts.
pub const ROWS_PER_BIN: usize = 5;
const BYTES_PER_ACTIVATION: u64 = 4;

/// A setting that is allowed but probably not intended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key, such as `measures.network_bins`.
    pub key: Cow<'static, str>,
    /// The consequence.
    pub says: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.key, self.says)
    }
}

/// Combinations that can never work, whatever the training does.
pub(super) fn mistakes(config: &Config) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut add = |path: &str, fault| mistakes.push(Mistake { path: path.to_owned(), at: None, fault });

    let rows = config.most_window_rows();
    let bins = config.measures.bins;
    let needed = ROWS_PER_BIN * bins;
    if rows < needed {
        let path = if config.window.rows < needed { "window.rows" } else { "sampling.rows" };
        add(path, Fault::TooFewRows { rows, bins, needed });
    }

    let activations = config.sampling.rows.saturating_mul(config.sampling.neurons_per_layer);
    let frame_bytes = u64::try_from(activations).unwrap_or(u64::MAX).saturating_mul(BYTES_PER_ACTIVATION);
    if config.limits.channel_bytes < frame_bytes {
        let needed = size::show(frame_bytes);
        add("limits.channel_bytes", Fault::FrameTooLarge { needed });
    }
    mistakes
}

impl Config {
    /// Settings that are allowed but probably not intended; for the log at startup and for `check-config`.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let rows = self.most_window_rows();
        let needed = ROWS_PER_BIN * self.measures.network_bins;
        if rows < needed {
            let says = format!(
                "a window of {rows} rows is too small for these bins (they need {needed}); the network entropy is marked unreliable"
            );
            warnings.push(Warning { key: "measures.network_bins".into(), says });
        }
        if self.window.rows < self.sampling.rows {
            let says =
                format!("smaller than sampling.rows; {} sampled rows are discarded", self.sampling.rows - self.window.rows);
            warnings.push(Warning { key: "window.rows".into(), says });
        }
        if self.detect.stop_on.contains(&StopOn::ExampleLevel) {
            let says = "`example_level` is now called `shown`; the old name goes with the next release".to_owned();
            warnings.push(Warning { key: "detect.stop_on".into(), says });
        }
        for name in &self.old_names {
            let says = format!("is now called {}; the old name goes with the next release", name.new);
            warnings.push(Warning { key: name.old.clone().into(), says });
        }
        for hook in &self.hooks {
            if let Action::Webhook(webhook) = &hook.action
                && webhook.token_file.is_some()
                && !(webhook.url.is_encrypted() || webhook.url.is_loopback())
            {
                let says = format!("hook {} sends its token over the network unencrypted; use an https URL", hook.name);
                warnings.push(Warning { key: "hooks".into(), says });
            }
        }
        warnings
    }

    /// The most rows that a window can hold.
    fn most_window_rows(&self) -> usize {
        let epochs = usize::try_from(self.window_epochs(self.sampling.mode)).unwrap_or(usize::MAX);
        self.sampling.rows.saturating_mul(epochs).min(self.window.rows)
    }
}
