//! Receives runs that are trained in other processes. Checks what their clients send, and passes it to the monitor through the same
//! tap that a trainer in this process uses.
//!
//! ```text
//! declare     -> a session: the run's tap, its name in the state folder
//! activations -> bytes -> digest -> seen before? -> header and sizes -> room? -> frame
//! end         -> the end of an epoch, once
//! finish      -> the session's tap is dropped, which ends the run
//! ```
//!
//! HTTP and the inbox both use this module. Its calls may block (hashing, copying, a lock in the state folder), so neither calls it
//! from a thread that other work waits for.

pub mod bodies;
pub mod frame;
pub mod inbox;
mod keys;
mod recall;
mod refusal;
mod session;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use bodies::{DOCUMENT_BYTES_MAX, DeclaredRun, DocumentError};
pub use frame::{FrameError, is_reserved};
pub use keys::FrameKey;
pub use recall::Recall;
pub use refusal::{Refusal, RefusalKind};
pub use session::{Origin, Rejected, Taken};

use crate::state::OwnedName;
use rotewatch_core::intake::open_runs::OpenRuns;
use rotewatch_core::intake::run::Run;
use rotewatch_core::intake::tap::SamplingParams;
use rotewatch_core::record::PastEpoch;
use rotewatch_core::vocabulary::choices::{Ending, OnFull};
use rotewatch_core::vocabulary::identity::{Attempt, RunName};
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::units::Epoch;
use session::Session;

/// Settings and limits for runs of other processes.
#[derive(Clone, Debug)]
pub struct IngestParams {
    /// Which neurons are measured.
    pub sampling: SamplingParams,
    /// What happens to a frame over HTTP when the channel is full.
    pub on_full: OnFull,
    /// Seconds that an attempt must be silent before another attempt may replace it.
    pub idle_seconds: u64,
    /// Number of ended sessions that are kept, so that a repeated request is recognised.
    pub ended_sessions: usize,
    /// The folder with the locks of the runs' names.
    pub state: PathBuf,
    /// Restores runs over HTTP after a restart. Runs from files are read again instead.
    pub recall: Option<Recall>,
}

/// All runs of other processes.
#[derive(Debug)]
pub struct Ingest {
    open_runs: Arc<OpenRuns>,
    params: IngestParams,
    /// Locked while a run is declared or looked up, never while a frame is copied.
    sessions: Mutex<BTreeMap<RunName, Arc<Session>>>,
}

impl Ingest {
    /// Creates an `Ingest` without runs.
    #[must_use]
    pub fn new(open_runs: Arc<OpenRuns>, params: IngestParams) -> Self {
        Ingest { open_runs, params, sessions: Mutex::default() }
    }

    /// Opens a run, or returns the open run if it was already declared with the same settings.
    ///
    /// # Errors
    /// If another attempt is active, this attempt was declared with other settings or has ended, or the run cannot be opened.
    pub fn declare(&self, name: RunName, declared: DeclaredRun, origin: Origin) -> Result<Arc<Run>, Refusal> {
        let attempt = declared.attempt;
        // Before the lock, since a long history takes time to read.
        let past = self.past(&name, &declared, origin)?;
        let mut sessions = self.sessions();
        if let Some(session) = sessions.get(&name) {
            let standing = session.run();
            if standing.attempt() == attempt && standing.is_open() {
                if *session.declared() != declared {
                    return Err(Refusal::DeclaredOtherwise { run: name, attempt });
                }
                session.note_sign_of_life();
                return Ok(Arc::clone(standing));
            }
            if standing.attempt() == attempt && session.is_over() {
                return Err(Refusal::Over { run: name, attempt });
            }
            let idle_seconds = self.params.idle_seconds;
            // A folder has only one writer, so a new declaration replaces the previous one at once.
            let same_folder = (session.origin(), origin) == (Origin::Inbox, Origin::Inbox);
            if standing.is_open() && !same_folder && session.silence().as_secs_f64() < idle_seconds as f64 {
                return Err(Refusal::Alive { run: name, attempt: standing.attempt(), idle_seconds });
            }
            // The old attempt stopped sending without an ending, so it counts as failed.
            session.finish(Ending::Failed);
        }
        let owned = OwnedName::take(&self.params.state, name.clone())?;
        let on_full = if origin == Origin::Inbox { OnFull::Wait } else { self.params.on_full };
        let tap = self.open_runs.resume(declared.declaration(name.clone()), attempt, past, on_full)?;
        let session = Arc::new(Session::new(tap, Some(owned), declared, origin));
        let run = Arc::clone(session.run());
        sessions.insert(name, session);
        self.forget_surplus(&mut sessions);
        Ok(run)
    }

    /// Receives the activations and numbers of some rows, as safetensors.
    ///
    /// # Errors
    /// If the run was not declared, the bytes are not valid or differ from earlier ones of the same frame, or there is no room.
    pub fn activations(&self, name: &RunName, attempt: Attempt, frame: FrameKey, bytes: &[u8]) -> Result<Taken, Refusal> {
        let session = self.session(name, attempt)?;
        let gate = self.open_runs.intake().gate();
        match session.frame(frame, bytes, &self.params.sampling, gate.capacity()) {
            Err(Refusal::Behind) if gate.is_closed() => Err(Refusal::Closing),
            taken => taken,
        }
    }

    /// Ends an epoch. Ending it again has no effect. The returned run has the verdict.
    ///
    /// # Errors
    /// If the run was not declared, or the monitor is too far behind.
    pub fn end_epoch(&self, name: &RunName, attempt: Attempt, epoch: Epoch, metrics: EpochMetrics) -> Result<Arc<Run>, Refusal> {
        let session = self.session(name, attempt)?;
        session.end_epoch(epoch, metrics)?;
        Ok(Arc::clone(session.run()))
    }

    /// Ends a run. Ending it again has no effect.
    ///
    /// # Errors
    /// If the run was not declared.
    pub fn finish(&self, name: &RunName, attempt: Attempt, ending: Ending) -> Result<Arc<Run>, Refusal> {
        let session = self.session(name, attempt)?;
        session.finish(ending);
        Ok(Arc::clone(session.run()))
    }

    /// Reads the earlier epochs of an attempt that is not open from the history. Returns nothing for the inbox.
    fn past(&self, name: &RunName, declared: &DeclaredRun, origin: Origin) -> Result<Vec<PastEpoch>, Refusal> {
        let is_open = |session: &Arc<Session>| session.run().attempt() == declared.attempt && session.run().is_open();
        match &self.params.recall {
            Some(recall) if origin == Origin::Http && !self.sessions().get(name).is_some_and(is_open) => {
                recall.past(name, declared)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Returns the session of an attempt, and notes that its client is active.
    fn session(&self, name: &RunName, attempt: Attempt) -> Result<Arc<Session>, Refusal> {
        let sessions = self.sessions();
        let found = sessions.get(name).filter(|session| session.run().attempt() == attempt);
        let session = found.ok_or_else(|| Refusal::NotDeclared { run: name.clone(), attempt })?;
        session.note_sign_of_life();
        Ok(Arc::clone(session))
    }

    /// Forgets the ended sessions that were silent for longest, if there are too many.
    fn forget_surplus(&self, sessions: &mut BTreeMap<RunName, Arc<Session>>) {
        let mut over: Vec<_> = sessions
            .iter()
            .filter(|(_, session)| !session.run().is_open())
            .map(|(name, session)| (session.silence(), name.clone()))
            .collect();
        over.sort();
        for (_, name) in over.into_iter().skip(self.params.ended_sessions) {
            sessions.remove(&name);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<RunName, Arc<Session>>> {
        // A panic while the lock is held leaves the sessions consistent.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
