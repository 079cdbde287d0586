//! A run that a client recorded as files, judged where it lies: its files are read in the order in which the inbox takes them, and stay
//! where they are.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::folder::{self, FileFault};
use super::names::{Entry, Part};
use crate::activations::without_tensors;
use crate::ingest::bodies::{self, DeclaredRun, DocumentError};
use crate::ingest::session::Session;
use crate::ingest::{DOCUMENT_BYTES_MAX, FrameKey, Origin, Refusal};
use rotewatch_core::intake::gate::Capacity;
use rotewatch_core::intake::open_runs::DeclareError;
use rotewatch_core::intake::run::{Declaration, NewestVerdict};
use rotewatch_core::intake::tap::{SamplingParams, Tap};
use rotewatch_core::vocabulary::choices::Ending;
use rotewatch_core::vocabulary::identity::{NameError, RunName};
use rotewatch_core::vocabulary::rows::RowSet;

/// The file that makes a folder a recorded run.
pub const DECLARATION: &str = "run.json";

/// The numbers of rows that need labels.
const FROM_LABELS: [&str; 2] = ["row:losses", "row:errors"];

/// Whether a recorded run is judged by the labels of its unseen rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelsOfUnseen {
    /// If it has them.
    Known,
    /// As if it had none.
    Hidden,
}

/// Why a recorded run cannot be judged.
#[derive(Debug, Error)]
pub enum RecordedError {
    /// The folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The folder has no declaration.
    #[error("{} has no {DECLARATION}: it is not the folder of a recorded run", path.display())]
    NoDeclaration {
        /// The folder.
        path: PathBuf,
    },
    /// The folder's name is no name of a run.
    #[error("{}: {source}", path.display())]
    Name {
        /// The folder.
        path: PathBuf,
        /// The error.
        source: NameError,
    },
    /// A file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The run cannot be opened.
    #[error(transparent)]
    Declare(#[from] DeclareError),
}

/// A recorded run.
#[derive(Debug)]
pub struct RecordedRun {
    folder: PathBuf,
    name: RunName,
    declared: DeclaredRun,
    files: Vec<(Entry, PathBuf)>,
}

impl RecordedRun {
    /// Lists the files of a run's folder and reads its declaration.
    ///
    /// # Errors
    /// See [`RecordedError`].
    pub fn open(folder: &Path) -> Result<Self, RecordedError> {
        let listing = folder::listing(folder).map_err(|source| RecordedError::Folder { path: folder.to_owned(), source })?;
        let files: Vec<(Entry, PathBuf)> = listing.into_iter().map(|(entry, name)| (entry, folder.join(name))).collect();
        let Some((Entry::Declaration, declaration)) = files.first() else {
            return Err(RecordedError::NoDeclaration { path: folder.to_owned() });
        };
        let bytes = bytes(declaration, DOCUMENT_BYTES_MAX)?;
        let declared = DeclaredRun::read(&bytes).map_err(|error| wrong(declaration, &error))?;
        let text = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = text.parse().map_err(|source| RecordedError::Name { path: folder.to_owned(), source })?;
        Ok(RecordedRun { folder: folder.to_owned(), name, declared, files })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of the run, which is that of its folder.
    #[must_use]
    pub fn name(&self) -> &RunName {
        &self.name
    }

    /// Passes the files to the tap that `declare` opens, and calls `judged` with the verdict after each epoch. The tap must wait for
    /// room: what it drops is missing from the verdicts. A frame has at most `body_bytes`.
    ///
    /// # Errors
    /// The first file that is refused.
    pub fn replay(
        &self,
        declare: impl FnOnce(Declaration) -> Result<Tap, DeclareError>,
        (sampling, capacity, body_bytes): (&SamplingParams, Capacity, u64),
        labels: LabelsOfUnseen,
        mut judged: impl FnMut(&NewestVerdict),
    ) -> Result<(), RecordedError> {
        let tap = declare(self.declared.declaration(self.name.clone()))?;
        let session = Session::new(tap, None, self.declared.clone(), Origin::Inbox);
        for (entry, path) in &self.files {
            let refused = |refusal: Refusal| wrong(path, &refusal);
            match *entry {
                Entry::Declaration => {}
                Entry::OfEpoch(epoch, Part::Frame(set, seq)) => {
                    let mut bytes = bytes(path, body_bytes)?;
                    if (labels, set) == (LabelsOfUnseen::Hidden, RowSet::Unseen) {
                        bytes = without_tensors(&bytes, &FROM_LABELS).map_err(|error| wrong(path, &error))?;
                    }
                    session.frame(FrameKey { epoch, set, seq }, &bytes, sampling, capacity).map_err(refused)?;
                }
                Entry::OfEpoch(epoch, Part::End) => {
                    let bytes = bytes(path, DOCUMENT_BYTES_MAX)?;
                    let metrics = bodies::epoch_metrics(&bytes).map_err(|error: DocumentError| wrong(path, &error))?;
                    let verdict: Arc<NewestVerdict> = session.end_epoch_and_await(epoch, metrics).map_err(refused)?;
                    judged(&verdict);
                }
                Entry::Finish => {
                    let bytes = bytes(path, DOCUMENT_BYTES_MAX)?;
                    session.finish(bodies::ending(&bytes).map_err(|error: DocumentError| wrong(path, &error))?);
                }
            }
        }
        // A recording that was interrupted has no ending.
        session.finish(Ending::Failed);
        Ok(())
    }
}

fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, RecordedError> {
    folder::bytes(path, limit).map_err(|fault: FileFault| wrong(path, &fault))
}

fn wrong(path: &Path, reason: &impl ToString) -> RecordedError {
    RecordedError::File { path: path.to_owned(), reason: reason.to_string() }
}
