//! The inbox: a folder into which any program puts runs as files. They are processed like runs that come over HTTP.
//!
//! ```text
//! INBOX/RUN/run.json                    the declaration
//! INBOX/RUN/EPOCH.SEQ.safetensors       activations and numbers of rows
//! INBOX/RUN/EPOCH.SEQ.seen.safetensors  the same of rows of the training set
//! INBOX/RUN/EPOCH.json                  the end of an epoch
//! INBOX/RUN/finish.json                 the end of the run
//! INBOX/RUN/done/...                    accepted files
//! INBOX/RUN/quarantine/NAME             refused files, with the reason in NAME.reason.txt
//! ```
//!
//! A writer creates each file elsewhere and renames it into the folder, in this order. So a file in the folder is complete, and so are
//! all files before it. No client waits for an answer, so a frame waits until there is room. So a recorded run gives the same
//! verdicts as it gave live. A daemon that was restarted during a run first processes the files in `done/` again.

mod folder;
mod names;
pub mod recorded;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select};
use thiserror::Error;

use crate::config::file_watcher::FolderWatch;
use crate::ingest::bodies::{self, DeclaredRun};
use crate::ingest::{DOCUMENT_BYTES_MAX, FrameKey, Ingest, Origin, Refusal, RefusalKind};
use folder::{DONE, FileFault};
use names::{Entry, Part};
use rotewatch_core::intake::stop::ServiceThread;
use rotewatch_core::vocabulary::identity::{Attempt, RunName};

/// How often the folders are checked without a change notice, since some file systems send none.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);
/// The same while files wait, or if change notices do not work.
const LOOK_SOON: Duration = Duration::from_secs(1);
/// How often the end of an epoch retries when there is no room.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// An error that makes the inbox unusable.
#[derive(Debug, Error)]
#[error("cannot use the inbox {path}: {reason}; name another folder with --inbox DIR")]
pub struct InboxError {
    path: PathBuf,
    reason: io::Error,
}

/// The thread that processes the files of the inbox.
#[derive(Debug)]
pub struct Inbox {
    /// Dropped to end the thread.
    closing: Sender<()>,
    thread: ServiceThread,
}

impl Inbox {
    /// Starts the thread. Creates the folder if it is missing. Refuses frames of more than `body_bytes`.
    ///
    /// # Errors
    /// If the folder cannot be created or read, or the thread cannot be started.
    pub fn start(inbox: &Path, ingest: Arc<Ingest>, body_bytes: u64) -> Result<Self, InboxError> {
        let failed = |reason| InboxError { path: inbox.to_owned(), reason };
        fs::create_dir_all(inbox).and_then(|()| fs::read_dir(inbox).map(drop)).map_err(failed)?;
        let (closing, closed) = bounded(0);
        let reader =
            Reader { inbox: inbox.to_owned(), ingest, body_bytes, closed, attempts: BTreeMap::new(), told: BTreeSet::new() };
        let thread = ServiceThread::spawn("inbox", move || reader.run()).map_err(failed)?;
        Ok(Inbox { closing, thread })
    }

    /// Stops after the current file. Returns the thread, so that the caller can wait for it.
    #[must_use]
    pub fn close(self) -> ServiceThread {
        drop(self.closing);
        self.thread
    }
}

/// The state of the thread.
struct Reader {
    inbox: PathBuf,
    ingest: Arc<Ingest>,
    body_bytes: u64,
    closed: Receiver<()>,
    /// The attempt that each folder has declared.
    attempts: BTreeMap<RunName, Attempt>,
    /// Messages that were already logged, to log each only once.
    told: BTreeSet<String>,
}

/// Returns whether the inbox processes files of this name. Only for `fuzz/`.
#[cfg(fuzzing)]
#[must_use]
pub fn takes(name: &str) -> bool {
    Entry::of(name).is_some()
}

/// Why the rest of a folder is left for later.
enum Pause {
    /// Try again soon.
    Soon,
    /// Try again when the folder changes.
    UntilNotice,
    /// The daemon is closing.
    Closed,
}

impl Reader {
    fn run(mut self) {
        // A capacity of 1 is enough, since a notice says only that something has changed.
        let (notice, notices) = bounded(1);
        // A channel without a sender is always ready, so this sender keeps it open if the watch could not be created.
        let _open = notice.clone();
        let mut watch = FolderWatch::new(move || {
            // If the channel is full, a notice is waiting already.
            let _ = notice.try_send(());
        });
        if let Err(error) = &watch {
            tracing::warn!("{error}; checking the inbox every {} s instead", LOOK_SOON.as_secs());
        }
        loop {
            let folders = self.run_folders();
            let watched: BTreeSet<PathBuf> = folders.iter().map(|(_, path)| path.clone()).chain([self.inbox.clone()]).collect();
            let armed = watch.as_mut().is_ok_and(|watch| watch.keep(watched).is_ok());
            // The second listing finds folders that were created before the watch was in place.
            let mut wait = if armed && folders == self.run_folders() { LOOK_ANYWAY } else { LOOK_SOON };
            for (run, path) in folders {
                match self.take_folder(&run, &path) {
                    Pause::Soon => wait = LOOK_SOON,
                    Pause::UntilNotice => {}
                    Pause::Closed => return,
                }
            }
            select! {
                recv(self.closed) -> _ => return,
                recv(notices) -> _ => {}
                default(wait) => {}
            }
        }
    }

    /// Returns the folders that may contain a run, by name.
    fn run_folders(&mut self) -> Vec<(RunName, PathBuf)> {
        let entries = match fs::read_dir(&self.inbox) {
            Ok(entries) => entries,
            Err(error) => {
                self.tell(&format!("cannot read the inbox {}: {error}", self.inbox.display()));
                return Vec::new();
            }
        };
        let run = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.ok()?;
            let run: RunName = entry.file_name().to_str()?.parse().ok()?;
            folder::is_folder(&entry.path()).then_some((run, entry.path()))
        };
        let mut folders: Vec<(RunName, PathBuf)> = entries.filter_map(run).collect();
        folders.sort();
        folders
    }

    /// Processes the files of a folder, in order, as far as possible.
    fn take_folder(&mut self, run: &RunName, path: &Path) -> Pause {
        let listing = match folder::listing(path) {
            Ok(listing) => listing,
            Err(error) => {
                self.tell(&format!("cannot read {}: {error}", path.display()));
                return Pause::Soon;
            }
        };
        let declares = listing.first().is_some_and(|(entry, _)| *entry == Entry::Declaration);
        if !listing.is_empty() && !declares && !self.attempts.contains_key(run) {
            match self.resume(run, path) {
                Ok(true) => {}
                Ok(false) => {
                    self.tell(&format!("{} has no run.json yet, so its files wait", path.display()));
                    return Pause::UntilNotice;
                }
                Err(pause) => return pause,
            }
        }
        for (entry, name) in listing {
            let file = path.join(&name);
            match self.take_file(run, &file, entry) {
                Ok(()) => {
                    if let Err(error) = folder::done(path, &name) {
                        self.tell(&format!("cannot move {} to {DONE}: {error}", file.display()));
                        return Pause::Soon;
                    }
                }
                Err(Fault::File(FileFault::Gone)) => {}
                Err(Fault::Pause(pause)) => return pause,
                Err(fault) => {
                    let reason = fault.to_string();
                    tracing::warn!("refused {}: {reason}", file.display());
                    if let Err(error) = folder::quarantine(path, &name, &reason) {
                        self.tell(&format!("cannot move {} to quarantine: {error}", file.display()));
                        return Pause::Soon;
                    }
                }
            }
        }
        Pause::UntilNotice
    }

    /// Processes the files again that an earlier process accepted, so that the run continues where it was. Returns whether there was
    /// an unfinished run.
    fn resume(&mut self, run: &RunName, path: &Path) -> Result<bool, Pause> {
        let done = path.join(DONE);
        let listing = if folder::is_folder(&done) { folder::listing(&done).unwrap_or_default() } else { BTreeSet::new() };
        let has = |wanted| listing.iter().any(|(entry, _)| *entry == wanted);
        if !has(Entry::Declaration) || has(Entry::Finish) {
            return Ok(false);
        }
        tracing::info!(%run, "resuming the run from the files in {DONE}");
        for (entry, name) in listing {
            match self.take_file(run, &done.join(&name), entry) {
                Err(Fault::Pause(pause)) => {
                    self.attempts.remove(run);
                    return Err(pause);
                }
                Err(fault) => tracing::warn!("cannot process {} again: {fault}", done.join(&name).display()),
                Ok(()) => {}
            }
        }
        Ok(self.attempts.contains_key(run))
    }

    fn take_file(&mut self, run: &RunName, file: &Path, entry: Entry) -> Result<(), Fault> {
        let limit = if matches!(entry, Entry::OfEpoch(_, Part::Frame(..))) { self.body_bytes } else { DOCUMENT_BYTES_MAX };
        if !matches!(self.closed.try_recv(), Err(TryRecvError::Empty)) {
            return Err(Fault::Pause(Pause::Closed));
        }
        let bytes = folder::bytes(file, limit)?;
        let taken = match entry {
            Entry::Declaration => self.declare(run, file, &bytes),
            Entry::OfEpoch(epoch, Part::Frame(set, seq)) => {
                self.ingest.activations(run, self.attempt(run)?, FrameKey { epoch, set, seq }, &bytes).map(drop)
            }
            Entry::OfEpoch(epoch, Part::End) => {
                let metrics = bodies::epoch_metrics(&bytes).map_err(Refusal::from)?;
                let attempt = self.attempt(run)?;
                loop {
                    match self.ingest.end_epoch(run, attempt, epoch, metrics.clone()) {
                        Err(Refusal::Behind) => self.pause_for_place()?,
                        ended => break ended.map(drop),
                    }
                }
            }
            Entry::Finish => {
                let ending = bodies::ending(&bytes).map_err(Refusal::from)?;
                self.ingest.finish(run, self.attempt(run)?, ending).map(drop)
            }
        };
        taken.map_err(|refused| self.fault_of(run, refused))
    }

    fn declare(&mut self, run: &RunName, file: &Path, bytes: &[u8]) -> Result<(), Refusal> {
        let declared = DeclaredRun::read(bytes)?;
        let attempt = declared.attempt;
        self.ingest.declare(run.clone(), declared, Origin::Inbox)?;
        let before = self.attempts.insert(run.clone(), attempt);
        // Files of an earlier attempt are set aside. A run that is resumed is read from `done` itself.
        let folder = file.parent().filter(|folder| !folder.ends_with(DONE) && before != Some(attempt));
        if let Some(Err(error)) = folder.map(folder::set_done_aside) {
            self.tell(&format!("cannot set aside the files of the previous attempt of {run}: {error}"));
        }
        Ok(())
    }

    fn attempt(&self, run: &RunName) -> Result<Attempt, Fault> {
        // The declaration was refused, so the files wait for a valid one.
        self.attempts.get(run).copied().ok_or(Fault::Pause(Pause::UntilNotice))
    }

    fn pause_for_place(&self) -> Result<(), Fault> {
        select! {
            recv(self.closed) -> _ => Err(Fault::Pause(Pause::Closed)),
            default(ASK_AGAIN) => Ok(()),
        }
    }

    /// Decides what a refusal means for a file.
    fn fault_of(&mut self, run: &RunName, refused: Refusal) -> Fault {
        match refused.kind() {
            RefusalKind::Closing => Fault::Pause(Pause::Closed),
            // The run was retired because it was silent. The next check resumes it from `done`.
            RefusalKind::NotDeclared => {
                self.attempts.remove(run);
                Fault::Pause(Pause::Soon)
            }
            RefusalKind::Later | RefusalKind::Failed => {
                self.tell(&format!("the inbox waits: {refused}"));
                Fault::Pause(Pause::Soon)
            }
            RefusalKind::Conflict if matches!(refused, Refusal::Alive { .. } | Refusal::Name(_)) => {
                self.tell(&format!("the inbox waits: {refused}"));
                Fault::Pause(Pause::Soon)
            }
            RefusalKind::Conflict | RefusalKind::TooLarge | RefusalKind::Wrong => Fault::Refused(refused),
        }
    }

    /// Logs a message once.
    fn tell(&mut self, what: &str) {
        if self.told.insert(what.to_owned()) {
            tracing::warn!("{what}");
        }
    }
}

/// Why a file was not processed.
#[derive(Debug, Error)]
enum Fault {
    #[error(transparent)]
    File(#[from] FileFault),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("not now")]
    Pause(Pause),
}

impl std::fmt::Debug for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pause")
    }
}
