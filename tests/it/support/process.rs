//! The binaries as child processes, in an environment without rotewatch's variables and without a home folder.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// `rotewatch` with these arguments.
pub(crate) fn rotewatch<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotewatch"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROTEWATCH_")) {
        command.env_remove(name);
    }
    command.env_remove("XDG_STATE_HOME").env("HOME", "/nonexistent").stdin(Stdio::null()).args(arguments);
    command
}

/// Exit code and output of a finished command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started, or its output is not text.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// A path as an argument.
///
/// # Panics
/// If it is not text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
