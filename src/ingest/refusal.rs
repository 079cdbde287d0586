//! Errors for what clients send.

use thiserror::Error;

use super::bodies::DocumentError;
use super::frame::FrameError;
use super::keys::FrameKey;
use crate::state::StateError;
use rotewatch_core::intake::open_runs::DeclareError;
use rotewatch_core::vocabulary::identity::{Attempt, RunName};

/// Why a request was refused; [`Refusal::kind`] says what the client can do.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The run was not declared, was retired, or belongs to another attempt.
    #[error("run {run} has no attempt {attempt}; declare it first, with PUT /api/v1/runs/{run}")]
    NotDeclared {
        /// The run.
        run: RunName,
        /// The attempt.
        attempt: Attempt,
    },
    /// Another attempt of the run is active.
    #[error(
        "run {run} is in use by attempt {attempt}, which was active within limits.idle_seconds ({idle_seconds}): finish that \
         attempt, wait, or choose another run name"
    )]
    Alive {
        /// The run.
        run: RunName,
        /// The attempt that is active.
        attempt: Attempt,
        /// The limit.
        idle_seconds: u64,
    },
    /// The attempt was declared with other settings.
    #[error("attempt {attempt} of run {run} is already declared with other settings; use a new attempt id")]
    DeclaredOtherwise {
        /// The run.
        run: RunName,
        /// The attempt.
        attempt: Attempt,
    },
    /// The attempt has ended.
    #[error("attempt {attempt} of run {run} has ended; use a new attempt id to train again")]
    Over {
        /// The run.
        run: RunName,
        /// The attempt.
        attempt: Attempt,
    },
    /// A frame with the same key and other bytes was received.
    #[error(
        "frame {} of the {} rows of epoch {} was already received with other bytes; give each frame of an epoch its own seq",
        .frame.seq, .frame.set, .frame.epoch
    )]
    OtherBytes {
        /// The frame.
        frame: FrameKey,
    },
    /// The name of the run cannot be locked.
    #[error(transparent)]
    Name(#[from] StateError),
    /// The run cannot be opened.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// A document is not valid.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The activations are not valid.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The request is larger than can ever be accepted.
    #[error("{bytes} bytes are too many for {what}; the limit is {limit}")]
    TooLarge {
        /// What is too large, with the key that limits it.
        what: &'static str,
        /// Its bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The queue is full, since the monitor is behind.
    #[error("the queue is full because the monitor is behind; send it again later, or skip it")]
    Behind,
    /// The daemon is closing.
    #[error("the daemon is shutting down")]
    Closing,
}

/// What a refusal means to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Declare the run, then send it again.
    NotDeclared,
    /// The request conflicts with the current state.
    Conflict,
    /// The request is too large.
    TooLarge,
    /// The request is not valid.
    Wrong,
    /// Send it again later.
    Later,
    /// The daemon is shutting down.
    Closing,
    /// The daemon failed.
    Failed,
}

impl Refusal {
    /// Returns what the refusal means to the client.
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
