//! Stop requests for a run or the whole program, with their reason.
//!
//! A token is raised once and keeps the first reason. It does not interrupt anything: the holder of a token checks it where
//! stopping is safe (the trainer does so at the end of an epoch).

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::vocabulary::clock::Stopwatch;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::Kind;

/// Interval between two log lines while waiting for a thread.
const LATE_NOTICE: Duration = Duration::from_secs(1);

/// Why a run was asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A detector found memorization of a kind listed in `detect.stop_on`.
    Onset {
        /// The kind of memorization.
        kind: Kind,
        /// The epoch whose report raised the alarm.
        alarm_epoch: Epoch,
        /// The epoch at which memorization set in.
        onset_epoch: Epoch,
    },
    /// A stop was requested over HTTP.
    Asked {
        /// The reason given in the request.
        reason: String,
    },
    /// A signal ended the program.
    Interrupted {
        /// The signal's name.
        signal: &'static str,
    },
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Onset { kind, alarm_epoch, onset_epoch } => {
                write!(f, "{} since epoch {onset_epoch}, alarm at epoch {alarm_epoch}", kind.in_words())
            }
            StopReason::Asked { reason } => f.write_str(reason),
            StopReason::Interrupted { signal } => write!(f, "{signal} received"),
        }
    }
}

/// A flag that is raised at most once and keeps its reason. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct StopToken(Arc<OnceLock<StopReason>>);

impl StopToken {
    /// Requests the stop. Returns whether this was the first request; later reasons are ignored.
    pub fn request(&self, reason: StopReason) -> bool {
        self.0.set(reason).is_ok()
    }

    /// Returns the reason if a stop was requested.
    #[must_use]
    pub fn reason(&self) -> Option<&StopReason> {
        self.0.get()
    }

    /// Returns whether a stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.get().is_some()
    }
}

/// A named thread that the program waits for, up to a limit, when it stops.
#[derive(Debug)]
pub struct ServiceThread {
    name: &'static str,
    thread: JoinHandle<()>,
    /// Disconnected when the thread ends, also after a panic.
    ended: Receiver<()>,
}

impl ServiceThread {
    /// Starts the thread `rotewatch-NAME`.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn spawn(name: &'static str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (end, ended) = bounded::<()>(0);
        let thread = thread::Builder::new().name(format!("rotewatch-{name}")).spawn(move || {
            let _end = end;
            work();
        })?;
        Ok(ServiceThread { name, thread, ended })
    }

    /// Returns the name as shown to users.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Waits for the thread to end until `patience` has passed since `since`, and logs that it is waiting. Returns whether the
    /// thread ended.
    #[must_use]
    pub fn wait(&self, since: Stopwatch, patience: Duration) -> bool {
        loop {
            let left = since.left_of(patience);
            if let Err(RecvTimeoutError::Disconnected) = self.ended.recv_timeout(left.min(LATE_NOTICE)) {
                return true;
            }
            if left.is_zero() {
                tracing::warn!("the {} did not end in time; exiting without it", self.name);
                return self.thread.is_finished();
            }
            tracing::info!("waiting for the {} to end, up to {} s more", self.name, since.left_of(patience).as_secs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_ends_is_waited_for_and_one_that_does_not_is_named() -> io::Result<()> {
        let quick = ServiceThread::spawn("quick", || ())?;
        assert!(quick.wait(Stopwatch::start(), Duration::from_mins(1)));
        let (release, held) = bounded::<()>(0);
        let slow = ServiceThread::spawn("slow", move || {
            let _ = held.recv();
        })?;
        assert!(!slow.wait(Stopwatch::start(), Duration::ZERO));
        assert_eq!(slow.name(), "slow");
        drop(release);
        assert!(slow.wait(Stopwatch::start(), Duration::from_mins(1)));
        Ok(())
    }

    #[test]
    fn the_first_reason_stays() {
        let token = StopToken::default();
        let seen_by_the_trainer = token.clone();
        assert!(!seen_by_the_trainer.is_requested());
        assert!(token.request(StopReason::Interrupted { signal: "SIGINT" }));
        assert!(!token.request(StopReason::Interrupted { signal: "SIGTERM" }));
        assert_eq!(seen_by_the_trainer.reason(), Some(&StopReason::Interrupted { signal: "SIGINT" }));
    }
}
