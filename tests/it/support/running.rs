//! A training or a daemon that runs beside its test: its output, and the signals sent to it. It is killed at the end of the test if it
//! still runs.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::process::{Ended, rotewatch, text};
use super::until::until;

/// A command that runs beside its test.
pub(crate) struct Running {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts the command.
    ///
    /// # Panics
    /// If it cannot be started.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            gather(child.stdout.take().expect("stdout is a pipe"), &stdout),
            gather(child.stderr.take().expect("stderr is a pipe"), &stderr),
        ];
        Running { child, stdout, stderr, readers }
    }

    /// Starts a daemon on a free port, with its own state folder.
    pub(crate) fn serve(state: &Path, flags: &[&str]) -> Self {
        Running::start(rotewatch(["serve", "--listen", "127.0.0.1:0", "--state", text(state)]).args(flags))
    }

    /// Returns everything on stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns everything on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until stdout contains `what`.
    ///
    /// # Panics
    /// If the process ends without it.
    pub(crate) fn says(&mut self, what: &str) {
        self.tells(what, Running::stdout);
    }

    /// Waits until stderr contains `what`.
    ///
    /// # Panics
    /// If the process ends without it.
    pub(crate) fn warns(&mut self, what: &str) {
        self.tells(what, Running::stderr);
    }

    fn tells(&mut self, what: &str, stream: fn(&Running) -> String) {
        until(what, || {
            let ended = self.has_ended();
            if ended {
                self.read_to_the_end();
            }
            let there = stream(self).contains(what);
            assert!(there || !ended, "ended without {what:?}: {}{}", self.stdout(), self.stderr());
            there.then_some(())
        });
    }

    fn read_to_the_end(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().expect("the reader does not panic");
        }
    }

    /// Waits for the address of a training's live page.
    ///
    /// # Panics
    /// If the process ends without telling it.
    pub(crate) fn address(&mut self) -> SocketAddr {
        self.address_after("live page at http://")
    }

    /// Waits for the address of a daemon.
    ///
    /// # Panics
    /// If the process ends without printing it.
    pub(crate) fn served_address(&mut self) -> SocketAddr {
        self.address_after("serving at http://")
    }

    fn address_after(&mut self, words: &str) -> SocketAddr {
        self.says(words);
        until("the whole address", || {
            let said = self.stdout();
            let (_, rest) = said.split_once(words)?;
            let (address, _) = rest.split_once('/')?;
            Some(address.parse().expect("an address stands between http:// and /"))
        })
    }

    /// Returns its peak memory, in bytes.
    ///
    /// # Panics
    /// If the process is gone.
    pub(crate) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes << 10
    }

    /// Returns the names of its threads, which Linux cuts off after 15 bytes.
    ///
    /// # Panics
    /// If the process is gone.
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).expect("the process runs");
        let name = |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("comm")).ok();
        tasks.filter_map(|task| Some(name(task)?.trim().to_owned())).collect()
    }

    /// Waits until it handles its signals itself.
    ///
    /// # Panics
    /// If it never does.
    pub(crate) fn heeds_signals(&self) {
        until("a thread for signals", || self.threads().contains(&"rotewatch-signa".to_owned()).then_some(()));
    }

    /// Returns whether it has ended.
    ///
    /// # Panics
    /// If it is not a child of this process.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child of this process").is_some()
    }

    /// Sends a signal by name, like `kill -INT`.
    ///
    /// # Panics
    /// If the process is already gone.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "the process is there");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub(crate) fn end(mut self) -> Ended {
        let status: ExitStatus = until("the end of the process", || self.child.try_wait().expect("a child of this process"));
        self.read_to_the_end();
        Ended { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // If the test has passed, the process is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gather(from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
