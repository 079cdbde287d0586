//! The command hook: runs a program with the alarm on stdin and in its environment.
//!
//! The program runs in its own process group. At its time limit the group gets SIGTERM and, two seconds later, SIGKILL. The same
//! happens to processes that it leaves behind when it ends by itself; a program that should outlive the hook needs its own session
//! (`setsid`). All output is read, so that the program never blocks on a full pipe; 64 KiB of it are kept for the log.

mod group;

use std::io::{self, PipeReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::outcome::excerpt;
use super::{Attempted, Closing, CommandParams, Hook, HookName, HookResult, Notice};
use group::{Group, Output};
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_core::vocabulary::verdict::Kind;

/// The time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The PATH of commands if the daemon has none.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Runs a program.
pub struct CommandHook {
    name: HookName,
    on: Vec<Kind>,
    params: CommandParams,
    state: Option<PathBuf>,
}

/// How a command ended.
struct Ended {
    /// `None` if even SIGKILL did not end it in time.
    status: Option<ExitStatus>,
    /// Whether it exceeded its time limit.
    overdue: bool,
    output: Output,
}

impl CommandHook {
    /// A command with this name. It runs in `state` if that folder exists, else in `/`.
    #[must_use]
    pub fn new(name: HookName, on: Vec<Kind>, params: CommandParams, state: Option<PathBuf>) -> Self {
        CommandHook { name, on, params, state }
    }

    fn start(&self, notice: &Notice) -> io::Result<(Group, PipeReader)> {
        let (output, writer) = io::pipe()?;
        let folder = self.state.as_deref().filter(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        let mut command = Command::new(self.params.argv.program());
        command
            .args(self.params.argv.arguments())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into()))
            .env("ROTEWATCH_HOOK", self.name.as_str())
            .envs(notice.environment())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        // When `command` is dropped at the end of this function, this process's write ends of the pipe close with it.
        Ok((Group::start(&mut command)?, output))
    }

    fn run(&self, notice: &Notice, closing: &Closing) -> io::Result<Ended> {
        let limit = Duration::from_secs(self.params.timeout_seconds);
        let since = Stopwatch::start();
        let (mut group, output) = self.start(notice)?;
        let mut output = Output::new(output)?;
        let mut input = group.input(notice.to_json() + "\n")?;
        // During shutdown, the grace period after SIGTERM has to fit into the time left.
        let time_is_over = || since.left_of(limit).is_zero() || closing.left().is_some_and(|left| left <= GRACE);
        let mut overdue = false;
        while !group.has_ended()? {
            if time_is_over() {
                overdue = true;
                break;
            }
            group::attend(&mut output, Some(&mut input))?;
        }
        drop(input);
        group.ask_to_end()?;
        // Done even if it ended by itself: other processes of its group may still run and hold the output open.
        let asked = Stopwatch::start();
        while !(asked.left_of(closing.cap(GRACE)).is_zero() || group.has_ended()? && output.has_ended()) {
            group::attend(&mut output, None)?;
        }
        group.end()?;
        let ended = Stopwatch::start();
        while !group.has_ended()? && !ended.left_of(GRACE).is_zero() {
            group::attend(&mut output, None)?;
        }
        Ok(Ended { status: group.status()?, overdue, output })
    }
}

impl Hook for CommandHook {
    fn name(&self) -> &HookName {
        &self.name
    }

    fn listens_to(&self, kind: Kind) -> bool {
        self.on.contains(&kind)
    }

    fn fire(&self, notice: &Notice, closing: &Closing) -> Attempted {
        let Ended { status, overdue, output } = match self.run(notice, closing) {
            Ok(ended) => ended,
            Err(reason) => return Attempted::last(HookResult::Unusable, format!("cannot run the command: {reason}")),
        };
        tracing::debug!(hook = %self.name, bytes = output.bytes(), "command output: {:?}", String::from_utf8_lossy(output.kept()));
        let result = match status {
            _ if overdue => HookResult::Timeout,
            Some(status) if status.success() => HookResult::Ok,
            _ => HookResult::Failed,
        };
        let mut detail = status.map_or_else(|| "did not end after SIGKILL".to_owned(), |status| status.to_string());
        if overdue {
            detail = format!("stopped at its time limit ({detail})");
        }
        if result != HookResult::Ok && !output.kept().is_empty() {
            detail = format!("{detail}; output: {}", excerpt(output.kept()));
        }
        Attempted::last(result, detail)
    }
}

#[cfg(test)]
mod tests;
