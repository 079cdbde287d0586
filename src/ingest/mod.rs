//! Runs that are trained elsewhere: what their clients send, checked, and handed to the monitor through the same tap that a
//! trainer of this process uses.
//!
//! ```text
//! declare     -> a session: the run's tap, its name in the state folder
//! activations -> bytes -> digest -> seen before? -> header and sizes -> room? -> frame
//! end         -> the end of an epoch, once
//! finish      -> the session's tap is dropped, which ends the run
//! ```
//!
//! HTTP and the inbox are two ways in here. Everything may take a moment (hashing, copying, a lock on a state folder), so
//! neither calls it from a thread that others wait for.

pub mod document;
pub mod frame;
pub mod inbox;
mod keys;
mod recall;
mod refusal;
mod session;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use document::{DOCUMENT_BYTES_MAX, DeclaredRun, DocumentError};
pub use frame::{FrameError, PREDICTIONS};
pub use recall::Recall;
pub use refusal::{Refusal, RefusalKind};

use crate::state::OwnedName;
use rotewatch_core::intake::event::EpochMetrics;
use rotewatch_core::intake::open_runs::Roster;
use rotewatch_core::intake::run::{Attempt, Run};
use rotewatch_core::intake::tap::SamplingParams;
use rotewatch_core::monitor::PastEpoch;
use rotewatch_core::vocabulary::choices::{Ending, OnFull};
use rotewatch_core::vocabulary::identity::{LayerName, RunName};
use rotewatch_core::vocabulary::units::Epoch;
use session::Session;

/// Why layers of a frame were left out of it.
pub type Rejected = BTreeMap<LayerName, String>;

/// What became of activations that were not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They are queued.
    Queued {
        /// But for these layers, whose width changed.
        rejected: Rejected,
    },
    /// They were queued before.
    Duplicate,
}

/// The way by which a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client that is told what to do when there is no room.
    Http,
    /// A folder of files, which can wait.
    Inbox,
}

/// What a run that comes from elsewhere is held to.
#[derive(Clone, Debug)]
pub struct IngestParams {
    /// Which neurons are measured.
    pub sampling: SamplingParams,
    /// What a frame over HTTP does when the channel is full.
    pub on_full: OnFull,
    /// Seconds since it was last heard from, within which an attempt is not replaced.
    pub idle_seconds: u64,
    /// Sessions of runs that are over and still known, so that a repetition is recognised as one.
    pub ended_sessions: usize,
    /// The folder in which runs' names are owned.
    pub state: PathBuf,
    /// How what came over HTTP before a restart is found again; files are taken again themselves.
    pub recall: Option<Recall>,
}

/// All runs that are trained elsewhere.
#[derive(Debug)]
pub struct Ingest {
    roster: Arc<Roster>,
    params: IngestParams,
    /// Held while a run is declared or looked up, never while a frame is copied.
    sessions: Mutex<BTreeMap<RunName, Arc<Session>>>,
}

impl Ingest {
    /// Nobody has declared anything yet.
    #[must_use]
    pub fn new(roster: Arc<Roster>, params: IngestParams) -> Self {
        Ingest { roster, params, sessions: Mutex::default() }
    }

    /// Opens a run, or finds it as it was declared before.
    ///
    /// # Errors
    /// If another attempt is alive, this one was declared otherwise or is over, or the run cannot be opened.
    pub fn declare(&self, name: RunName, declared: DeclaredRun, origin: Origin) -> Result<Arc<Run>, Refusal> {
        let attempt = declared.attempt;
        // Before the lock: a long past takes a while to read.
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
            // A folder has one writer: what it declares anew has taken the place of what it declared before.
            let same_folder = (session.origin(), origin) == (Origin::Inbox, Origin::Inbox);
            if standing.is_open() && !same_folder && session.silence().as_secs_f64() < idle_seconds as f64 {
                return Err(Refusal::Alive { run: name, attempt: standing.attempt(), idle_seconds });
            }
            // An attempt that was given up without a word: nobody knows how it ended.
            session.finish(Ending::Failed);
        }
        let owned = OwnedName::take(&self.params.state, name.clone())?;
        let on_full = if origin == Origin::Inbox { OnFull::Wait } else { self.params.on_full };
        if let Some(recall) = &self.params.recall {
            recall.leave(&name, attempt, past);
        }
        let opened = self.roster.open(declared.declaration(name.clone()), attempt, on_full);
        if let (Some(recall), Err(_)) = (&self.params.recall, &opened) {
            recall.take_back(&name, attempt);
        }
        let tap = opened?;
        let session = Arc::new(Session::new(tap, Some(owned), declared, origin));
        let run = Arc::clone(session.run());
        sessions.insert(name, session);
        self.forget_surplus(&mut sessions);
        Ok(run)
    }

    /// Takes the activations of some rows, as safetensors.
    ///
    /// # Errors
    /// If the run was not declared, the bytes are wrong or contradict earlier ones, or there is no room.
    pub fn activations(&self, name: &RunName, attempt: Attempt, epoch: Epoch, seq: u64, bytes: &[u8]) -> Result<Taken, Refusal> {
        let session = self.session(name, attempt)?;
        let gate = self.roster.intake().gate();
        match session.frame((epoch, seq), bytes, &self.params.sampling, gate.capacity()) {
            Err(Refusal::Behind) if gate.is_closed() => Err(Refusal::Closing),
            taken => taken,
        }
    }

    /// Ends an epoch; doing so again changes nothing. The run tells the verdict.
    ///
    /// # Errors
    /// If the run was not declared, or the monitor is too far behind.
    pub fn end_epoch(&self, name: &RunName, attempt: Attempt, epoch: Epoch, metrics: EpochMetrics) -> Result<Arc<Run>, Refusal> {
        let session = self.session(name, attempt)?;
        session.end_epoch(epoch, metrics)?;
        Ok(Arc::clone(session.run()))
    }

    /// Ends a run; doing so again changes nothing.
    ///
    /// # Errors
    /// If the run was not declared.
    pub fn finish(&self, name: &RunName, attempt: Attempt, ending: Ending) -> Result<Arc<Run>, Refusal> {
        let session = self.session(name, attempt)?;
        session.finish(ending);
        Ok(Arc::clone(session.run()))
    }

    /// What the history knows of an attempt that is not open here; nothing of what comes as files.
    fn past(&self, name: &RunName, declared: &DeclaredRun, origin: Origin) -> Result<Vec<PastEpoch>, Refusal> {
        let is_open = |session: &Arc<Session>| session.run().attempt() == declared.attempt && session.run().is_open();
        match &self.params.recall {
            Some(recall) if origin == Origin::Http && !self.sessions().get(name).is_some_and(is_open) => {
                recall.past(name, declared)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The attempt of a run, which has just given a sign of life.
    fn session(&self, name: &RunName, attempt: Attempt) -> Result<Arc<Session>, Refusal> {
        let sessions = self.sessions();
        let found = sessions.get(name).filter(|session| session.run().attempt() == attempt);
        let session = found.ok_or_else(|| Refusal::NotDeclared { run: name.clone(), attempt })?;
        session.note_sign_of_life();
        Ok(Arc::clone(session))
    }

    /// Forgets the sessions that ended and were silent for longest, where there are too many.
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
        // A panic while the lock is held leaves whole sessions.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
