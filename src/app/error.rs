//! Why a monitor does not start.

use std::path::PathBuf;

use thiserror::Error;

use crate::ingest::inbox::InboxError;
use crate::serve::{ServeError, WebConfigError};
use crate::state::StateError;
use crate::state::token::TokenError;
use rotewatch_core::record::training::DocumentError;
use rotewatch_info::kernels::KernelError;
use rotewatch_info::measures::ParamsError;

/// Why a monitor did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The measures cannot be computed as asked.
    #[error(transparent)]
    Measures(#[from] ParamsError),
    /// The kernel that the environment names is not available.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// HTTP cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The web configuration (TLS, passwords) cannot be used.
    #[error(transparent)]
    WebConfig(#[from] WebConfigError),
    /// The token cannot be read or created.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The file of the baseline run cannot be read.
    #[error("detect.baseline.file: {0}")]
    Reference(#[from] DocumentError),
    /// The baseline run was not measured, so there is nothing to compare with.
    #[error("detect.baseline.file: {} has no measured epoch; use the output of a run that was measured", path.display())]
    EmptyReference {
        /// The file.
        path: PathBuf,
    },
    /// The baseline run is not in the history.
    #[error("detect.baseline.run: {reason}")]
    ReferenceRun {
        /// Why it cannot be read.
        reason: String,
    },
    /// The history's folder or thread cannot be created.
    #[error("cannot start the history: {0}")]
    History(#[source] std::io::Error),
    /// There is no state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The inbox cannot be used.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A thread cannot be started.
    #[error("cannot start the {part}: {reason}")]
    Thread {
        /// Which one.
        part: &'static str,
        /// What the system said.
        reason: String,
    },
}
