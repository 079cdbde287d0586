//! The open runs. Every run is opened here, within the configured limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use thiserror::Error;

use crate::intake::run::{Declaration, Run};
use crate::intake::tap::{Intake, Tap};
use crate::record::PastEpoch;
use crate::vocabulary::choices::OnFull;
use crate::vocabulary::identity::{Attempt, RunName};

/// Why a run was not declared.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DeclareError {
    /// Another run of this name is still open.
    #[error("run {run} is still open: finish it first, or use another name")]
    NameTaken {
        /// The name.
        run: RunName,
    },
    /// Too many runs are open.
    #[error("{limit} runs are open, the maximum: finish one, or raise limits.runs")]
    TooManyRuns {
        /// The limit.
        limit: usize,
    },
    /// The run declares no layer, or more than allowed.
    #[error("run {run} declares {layers} layers: declare 1 to {limit}, or raise limits.layers")]
    Layers {
        /// The name.
        run: RunName,
        /// Number of declared layers.
        layers: usize,
        /// The limit.
        limit: usize,
    },
    /// Two layers share a name.
    #[error("run {run} declares layer {layer:?} twice")]
    LayerTwice {
        /// The run's name.
        run: RunName,
        /// The layer's name.
        layer: String,
    },
}

/// The maximum numbers of open runs and of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRunsLimits {
    /// Open runs.
    pub runs: usize,
    /// Layers of one run.
    pub layers: usize,
}

/// The open runs, and the intake through which they reach the monitor.
#[derive(Debug)]
pub struct OpenRuns {
    intake: Intake,
    limits: OpenRunsLimits,
    open: Mutex<BTreeMap<RunName, Weak<Run>>>,
}

impl OpenRuns {
    /// Creates a roster without runs.
    #[must_use]
    pub fn new(intake: Intake, limits: OpenRunsLimits) -> Self {
        OpenRuns { intake, limits, open: Mutex::default() }
    }

    /// Returns the way into the monitor.
    #[must_use]
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Opens a run and returns its tap.
    ///
    /// # Errors
    /// See [`DeclareError`].
    pub fn open(&self, declaration: Declaration, attempt: Attempt, on_full: OnFull) -> Result<Tap, DeclareError> {
        self.resume(declaration, attempt, Vec::new(), on_full)
    }

    /// The same for an attempt that continues after `past`, the epochs that were judged before.
    ///
    /// # Errors
    /// See [`DeclareError`].
    pub fn resume(
        &self,
        declaration: Declaration,
        attempt: Attempt,
        past: Vec<PastEpoch>,
        on_full: OnFull,
    ) -> Result<Tap, DeclareError> {
        let name = declaration.run.clone();
        let layers = declaration.layers.len();
        if !(1..=self.limits.layers).contains(&layers) {
            return Err(DeclareError::Layers { run: name, layers, limit: self.limits.layers });
        }
        for (place, layer) in declaration.layers.iter().enumerate() {
            if declaration.layers.iter().take(place).any(|earlier| earlier == layer) {
                return Err(DeclareError::LayerTwice { run: name, layer: layer.to_string() });
            }
        }
        // A panic while the lock is held leaves a map of names, which is still usable.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, run| run.upgrade().is_some_and(|run| run.is_open()));
        if open.contains_key(&name) {
            return Err(DeclareError::NameTaken { run: name });
        }
        if open.len() >= self.limits.runs {
            return Err(DeclareError::TooManyRuns { limit: self.limits.runs });
        }
        let run = Run::resumed(declaration, attempt, past);
        open.insert(name, Arc::downgrade(&run));
        Ok(self.intake.open(run, on_full))
    }
}
