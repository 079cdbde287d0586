//! A real terminal: a pane of a tmux server that belongs to one test and ends with it.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use super::need::or_skip;
use super::until::until;

/// Number of servers that this process has started.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// A pane in which a command runs.
pub(crate) struct Pane {
    socket: String,
}

impl Pane {
    /// Runs a shell command in a terminal of this size. The terminal stays open after the command and reports whether its settings are
    /// restored. Skips with a message if tmux is missing.
    ///
    /// # Panics
    /// If tmux does not start.
    pub(crate) fn run(columns: u16, rows: u16, command: &str) -> Option<Self> {
        let there = Command::new("tmux").arg("-V").output().ok().filter(|version| version.status.success());
        or_skip(there, "tmux is not in PATH (Debian: apt-get install tmux)")?;
        let socket = format!("rotewatch-test-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let pane = Pane { socket };
        let script = format!(
            "before=$(stty -g); {command}; code=$?; after=$(stty -g); \
             if [ \"$before\" = \"$after\" ]; then echo \"ended with $code, terminal as before\"; else echo \"ended with $code, changed\"; fi; \
             exec cat"
        );
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let arguments = ["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, &script];
        assert!(pane.tmux(&arguments).status.success(), "tmux starts");
        Some(pane)
    }

    /// Returns the text on the screen.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).expect("a screen is text")
    }

    /// Waits until the screen contains `part`, and returns it.
    ///
    /// # Panics
    /// If it never does.
    pub(crate) fn shows(&self, what: &str) -> String {
        until(&format!("{what:?} on the screen, which is\n{}", self.screen()), || {
            Some(self.screen()).filter(|screen| screen.contains(what))
        })
    }

    /// Presses keys, given by their tmux names.
    pub(crate) fn types(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).status.success(), "the pane is there");
    }

    /// Resizes the window.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        assert!(self.tmux(&["resize-window", "-x", &columns, "-y", &rows]).status.success(), "the window is there");
    }

    /// Returns whether a program uses the alternate screen, and whether the cursor is shown.
    pub(crate) fn alternate_screen_and_cursor(&self) -> (bool, bool) {
        let told = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).stdout;
        let told = String::from_utf8(told).expect("text");
        let (alternate, cursor) = told.trim().split_once(' ').expect("two flags");
        (alternate == "1", cursor == "1")
    }

    /// Returns the process id of the command that the shell has started.
    pub(crate) fn command_id(&self) -> u32 {
        let shell = String::from_utf8(self.tmux(&["display-message", "-p", "#{pane_pid}"]).stdout).expect("text");
        let shell = shell.trim();
        until("a child of the shell", || {
            let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        })
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", &self.socket]).args(arguments).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        for variable in ["ROTEWATCH_URL", "ROTEWATCH_STATE", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command.output().expect("tmux runs")
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
