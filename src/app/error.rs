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
    /// The kernel that the environment names cannot be had.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// HTTP cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// TLS and passwords cannot be as the web configuration says.
    #[error(transparent)]
    WebConfig(#[from] WebConfigError),
    /// The token cannot be read or made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The run that others are compared with cannot be read.
    #[error("detect.baseline.file: {0}")]
    Reference(#[from] DocumentError),
    /// It was not watched, so there is nothing to compare with.
    #[error("detect.baseline.file: no epoch of {} was measured; name a training that was watched", path.display())]
    EmptyReference {
        /// The file.
        path: PathBuf,
    },
    /// The run that others are compared with is not in the history.
    #[error("detect.baseline.run: {reason}")]
    ReferenceRun {
        /// Why it cannot be had.
        reason: String,
    },
    /// The history's folder or thread cannot be made.
    #[error("the history cannot be kept: {0}")]
    History(#[source] std::io::Error),
    /// There is no state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The inbox cannot be used.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A thread cannot be made.
    #[error("cannot start the {part}: {reason}")]
    Thread {
        /// Which one.
        part: &'static str,
        /// What the system said.
        reason: String,
    },
}
