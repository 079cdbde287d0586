//! Trains the runs that are not recorded yet: one trainer process per run, several in parallel.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use serde_json::Value;

use super::capture::{FailedRun, Record};
use super::folder::{FolderError, OutFolder};
use super::grid::PlannedRun;
use rotewatch_core::intake::stop::StopToken;
use rotewatch_core::vocabulary::clock::Stopwatch;

/// How often to check whether a trainer has ended.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// The exit code of a trainer that was ended by a signal.
const INTERRUPTED: i32 = 130;
/// How many bytes of stderr are kept for a run that failed.
const STDERR_KEPT: usize = 4096;

/// Trains runs in parallel.
#[derive(Clone, Copy, Debug)]
pub struct Runner<'a> {
    /// The trainer's binary.
    pub trainer: &'a Path,
    /// The folder of MNIST, if there is one.
    pub data: Option<&'a Path>,
    /// Where records go.
    pub folder: &'a OutFolder,
    /// How many trainers run in parallel.
    pub jobs: usize,
    /// Ends all trainers when raised.
    pub stop: &'a StopToken,
}

/// A run that ended and is recorded.
#[derive(Debug)]
pub struct Ended<'a> {
    /// The run.
    pub run: &'a PlannedRun,
    /// Its record.
    pub record: Record,
}

/// Why an experiment cannot continue. A run that fails is no such reason.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The trainer cannot be started at all.
    #[error("cannot start {}: {source}", trainer.display())]
    Start {
        /// The binary.
        trainer: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A record cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl Runner<'_> {
    /// Trains the runs in order, and calls `tell` for each as it ends. Returns early, with all trainers ended, when a stop is
    /// requested.
    ///
    /// # Errors
    /// The first error that affects all further runs.
    pub fn train<'a>(&self, runs: &'a [PlannedRun], mut tell: impl FnMut(Ended<'a>)) -> Result<(), RunnerError> {
        let next = AtomicUsize::new(0);
        let broken = AtomicUsize::new(0);
        let (ended, all_ended) = bounded(self.jobs);
        let mut outcome = Ok(());
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                let ended: Sender<Result<Ended<'a>, RunnerError>> = ended.clone();
                let (next, broken) = (&next, &broken);
                scope.spawn(move || {
                    while !self.stop.is_requested() && broken.load(Ordering::Relaxed) == 0 {
                        let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                        let Some(told) = self.one(run).transpose() else { return };
                        if told.is_err() {
                            broken.store(1, Ordering::Relaxed);
                        }
                        if ended.send(told).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(ended);
            for told in all_ended {
                match told {
                    Ok(ended) => tell(ended),
                    Err(error) => outcome = Err(error),
                }
            }
        });
        outcome
    }

    /// Trains one run and records it; `None` if a stop was requested meanwhile.
    fn one<'a>(&self, run: &'a PlannedRun) -> Result<Option<Ended<'a>>, RunnerError> {
        let watch = Stopwatch::start();
        let starting = self.command(run).spawn();
        let mut child = starting.map_err(|source| RunnerError::Start { trainer: self.trainer.to_owned(), source })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (status, stdout, stderr) = thread::scope(|scope| {
            let stdout = scope.spawn(|| text_of(stdout));
            let stderr = scope.spawn(|| text_of(stderr));
            let status = self.wait(&mut child);
            (status, stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default())
        });
        if self.stop.is_requested() {
            return Ok(None);
        }
        let mut record = Record::of(run);
        record.seconds = watch.elapsed().as_secs_f64();
        match document(status, &stdout, stderr) {
            Ok(document) => record.document = Some(document),
            Err(failure) => record.failure = Some(failure),
        }
        record.write(self.folder, run)?;
        Ok(Some(Ended { run, record }))
    }

    fn command(&self, run: &PlannedRun) -> Command {
        let mut command = Command::new(self.trainer);
        // A configuration in the environment would change the run, but the record does not show it.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROTEWATCH_")) {
            command.env_remove(name);
        }
        if let Some(data) = self.data {
            command.env("ROTEWATCH_DATA", data);
        }
        command.args(["train", "--json", "--listen", "off", "--run", run.name.as_str(), "--state"]).arg(self.folder.state());
        command.args(&run.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Waits for the trainer to end, and kills it when a stop is requested.
    fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                // A signal to the process group may reach the trainer before this process has handled it.
                if status.code() == Some(INTERRUPTED) {
                    thread::sleep(4 * LOOK_EVERY);
                }
                return Ok(status);
            }
            if self.stop.is_requested() {
                child.kill()?;
                return child.wait();
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn text_of(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // Output that was read before an error is still useful.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The document of a trainer that succeeded, or its failure.
#[expect(clippy::string_slice, reason = "the tail begins where `char_indices` says that a character does")]
fn document(status: io::Result<ExitStatus>, stdout: &str, stderr: String) -> Result<Value, FailedRun> {
    let failed = |exit_code, said: String| {
        let tail = said.char_indices().rev().nth(STDERR_KEPT).map_or(0, |(start, _)| start);
        FailedRun { exit_code, stderr: said[tail..].trim().to_owned() }
    };
    let status = status.map_err(|error| failed(None, error.to_string()))?;
    if !status.success() {
        return Err(failed(status.code(), if stderr.trim().is_empty() { status.to_string() } else { stderr }));
    }
    serde_json::from_str(stdout).map_err(|error| failed(status.code(), format!("no JSON document on stdout: {error}\n{stderr}")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_failure_keeps_its_code_and_the_end_of_what_it_said() {
        let exit = |code: i32| Ok(ExitStatus::from_raw(code << 8));
        assert!(document(exit(0), "{\"history\": []}\n", String::new()).is_ok());
        let long = format!("{}the end\n", "x".repeat(10_000));
        let failure = document(exit(2), "", long).unwrap_err();
        assert_eq!(failure.exit_code, Some(2));
        assert!(failure.stderr.ends_with("the end") && failure.stderr.len() <= STDERR_KEPT, "{}", failure.stderr.len());
        let silent = document(exit(3), "", String::new()).unwrap_err();
        assert!(silent.stderr.contains('3'), "{}", silent.stderr);
        let garbled = document(exit(0), "no document", "why".into()).unwrap_err();
        assert!(garbled.stderr.contains("no JSON document") && garbled.stderr.contains("why"), "{}", garbled.stderr);
    }
}
