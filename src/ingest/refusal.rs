//! Why something that a client sent was not taken.

use thiserror::Error;

use super::document::DocumentError;
use super::frame::FrameError;
use crate::state::StateError;
use rotewatch_core::intake::open_runs::DeclareError;
use rotewatch_core::intake::run::Attempt;
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::units::Epoch;

/// Why something was not taken; [`Refusal::kind`] says what to do about it.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The run was never declared here, or has retired, or is another attempt's.
    #[error("run {run} has no attempt {attempt} here: declare it first, with PUT /api/v1/runs/{run}")]
    NotDeclared {
        /// The run.
        run: RunName,
        /// The attempt.
        attempt: Attempt,
    },
    /// Another attempt of the run is alive.
    #[error(
        "run {run} is being trained by attempt {attempt}, heard from within limits.idle_seconds ({idle_seconds}): finish that one, \
         wait, or choose another name"
    )]
    Alive {
        /// The run.
        run: RunName,
        /// The attempt that is alive.
        attempt: Attempt,
        /// The limit.
        idle_seconds: u64,
    },
    /// The attempt said something else before.
    #[error("attempt {attempt} of run {run} was declared otherwise before: a training that differs is an attempt of its own")]
    DeclaredOtherwise {
        /// The run.
        run: RunName,
        /// The attempt.
        attempt: Attempt,
    },
    /// The attempt has said that it was over.
    #[error("attempt {attempt} of run {run} is over: training again is a new attempt")]
    Over {
        /// The run.
        run: RunName,
        /// The attempt.
        attempt: Attempt,
    },
    /// The frame's key was used for other bytes.
    #[error("frame {seq} of epoch {epoch} was received before, with other bytes: every frame of an epoch needs a seq of its own")]
    OtherBytes {
        /// The epoch.
        epoch: Epoch,
        /// The frame within it.
        seq: u64,
    },
    /// Another process owns the name.
    #[error(transparent)]
    Name(#[from] StateError),
    /// The run cannot be opened.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// A document is wrong.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The activations are wrong.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// More bytes than are ever taken at once.
    #[error("{bytes} bytes are more than the {limit} that {what} may have")]
    TooLarge {
        /// What is too large, with the key that limits it.
        what: &'static str,
        /// Its bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The monitor is behind.
    #[error("the monitor is behind, there is no room now: send it again in a moment, or leave it out")]
    Behind,
    /// The daemon is closing.
    #[error("the daemon is closing")]
    Closing,
}

/// What a refusal means to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Declare the run, then send it again.
    NotDeclared,
    /// It contradicts what is there.
    Conflict,
    /// It is too large.
    TooLarge,
    /// It is wrong in itself.
    Wrong,
    /// Not now.
    Later,
    /// Not any more.
    Closing,
    /// The daemon's own fault.
    Failed,
}

impl Refusal {
    /// What it means to the client.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        match self {
            Refusal::NotDeclared { .. } => RefusalKind::NotDeclared,
            Refusal::Alive { .. }
            | Refusal::DeclaredOtherwise { .. }
            | Refusal::Over { .. }
            | Refusal::OtherBytes { .. }
            | Refusal::Name(StateError::NameOwned { .. })
            | Refusal::Declare(DeclareError::NameTaken { .. }) => RefusalKind::Conflict,
            Refusal::TooLarge { .. } => RefusalKind::TooLarge,
            Refusal::Document(_)
            | Refusal::Frame(_)
            | Refusal::Declare(DeclareError::Layers { .. } | DeclareError::LayerTwice { .. }) => RefusalKind::Wrong,
            Refusal::Behind | Refusal::Declare(DeclareError::TooManyRuns { .. }) => RefusalKind::Later,
            Refusal::Closing => RefusalKind::Closing,
            Refusal::Name(_) => RefusalKind::Failed,
        }
    }
}
