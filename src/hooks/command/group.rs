//! A child's process group with its stdin and output, handled without blocking on any of them.
//!
//! By hand: the standard library ends a child, but not what the child has started.

use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// The most of the output that is kept.
const KEPT_BYTES: usize = 64 << 10;
/// How often the child is polled while it writes nothing.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// A child and everything that it starts in its group. Dropping it kills the whole group and reaps the child.
///
/// The child is reaped last: until then no other process can get its id, which is also that of the group, so no signal can reach
/// the wrong process.
pub(super) struct Group {
    child: Child,
    id: Pid,
    reaped: bool,
}

impl Group {
    /// Starts a command as the leader of a new group.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let id = Pid::from_child(&child);
        Ok(Group { child, id, reaped: false })
    }

    /// The text for the child's stdin.
    pub(super) fn input(&mut self, text: String) -> io::Result<Input> {
        let pipe = self.child.stdin.take();
        if let Some(pipe) = &pipe {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(Input { pipe, text: text.into_bytes(), written: 0 })
    }

    /// Whether the child has ended. Does not reap it.
    pub(super) fn has_ended(&self) -> io::Result<bool> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.id), look) {
            Ok(ended) => Ok(ended.is_some()),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends SIGTERM to every process of the group.
    pub(super) fn ask_to_end(&self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends SIGKILL to every process of the group.
    pub(super) fn end(&self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match kill_process_group(self.id, signal) {
            // The group is gone, as wanted. Some systems refuse signals to a group that only waits to be reaped.
            Ok(()) | Err(Errno::SRCH | Errno::PERM) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reaps the child; `None` if it has not ended.
    pub(super) fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.reaped = status.is_some();
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.end();
            // Does not wait after SIGKILL: a child that hangs in a system call would block this thread forever.
            let _ = self.child.try_wait();
        }
    }
}

/// Text that is written to the child's stdin, which is closed afterwards.
pub(super) struct Input {
    pipe: Option<ChildStdin>,
    text: Vec<u8>,
    written: usize,
}

impl Input {
    /// Writes as much as the pipe takes. A child that does not read its stdin is not an error.
    #[expect(
        clippy::indexing_slicing,
        reason = "a pipe takes no more than it was given, so `written` is at most the text's length"
    )]
    fn go_on(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        match pipe.write(&self.text[self.written..]) {
            Ok(written) => self.written += written,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => self.written = self.text.len(),
        }
        if self.written == self.text.len() {
            self.pipe = None;
        }
    }
}

/// The output of a group on stdout and stderr. All of it is read; the beginning is kept.
pub(super) struct Output {
    pipe: Option<PipeReader>,
    kept: Vec<u8>,
    bytes: u64,
}

impl Output {
    /// Reads from this pipe.
    pub(super) fn new(pipe: PipeReader) -> io::Result<Self> {
        ioctl_fionbio(&pipe, true)?;
        Ok(Output { pipe: Some(pipe), kept: Vec::new(), bytes: 0 })
    }

    /// Whether every writer has closed the pipe.
    pub(super) fn has_ended(&self) -> bool {
        self.pipe.is_none()
    }

    /// The beginning of the output.
    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// The number of bytes that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads once what is available.
    fn go_on(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut buffer = [0; 16 << 10];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(read) => {
                self.bytes += read as u64;
                let room = KEPT_BYTES - self.kept.len();
                self.kept.extend(buffer.iter().take(read.min(room)));
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.pipe = None,
        }
    }
}

/// Reads and writes once what is possible. Waits a moment if nothing is.
pub(super) fn attend(output: &mut Output, mut input: Option<&mut Input>) -> io::Result<()> {
    let mut waited_for = Vec::with_capacity(2);
    if let Some(pipe) = &output.pipe {
        waited_for.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
    }
    if let Some(pipe) = input.as_ref().and_then(|input| input.pipe.as_ref()) {
        waited_for.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT));
    }
    match poll(&mut waited_for, Some(&LOOK_AGAIN)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    output.go_on();
    if let Some(input) = &mut input {
        input.go_on();
    }
    Ok(())
}
