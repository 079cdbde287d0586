//! The errors of a configuration. Each message says what is wrong, where, and what to do.

use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use super::diff::Change;
use super::fault::Fault;
use crate::config::yaml::{Position, YamlError};

/// Why a configuration was not read or not applied.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The path is not a regular file; reading it might never end.
    #[error("{}: not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is not YAML, or too large.
    #[error("{origin}:{}{error}", gap(error.at()))]
    Yaml {
        /// The file's name, as the user gave it.
        origin: String,
        /// The parser's message, which begins with line and column.
        error: YamlError,
    },
    /// Keys or values are wrong. Lists all of them in the order of the file.
    #[error("{}", mistake_lines(origin, mistakes))]
    Mistakes {
        /// The file's name, as the user gave it.
        origin: String,
        /// The mistakes.
        mistakes: Vec<Mistake>,
    },
    /// The file became empty while the program runs: it is being written, or its contents were lost.
    #[error("{origin}: the file is empty (still being written?); for all defaults, leave one comment in it")]
    Emptied {
        /// The file's name, as the user gave it.
        origin: String,
    },
    /// Some changed keys take effect only after a restart.
    #[error("{origin}: {} only after a restart; nothing in the file was applied", listed(changes))]
    NeedsRestart {
        /// The file's name, as the user gave it.
        origin: String,
        /// Those keys.
        changes: Vec<Change>,
    },
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake<F = Fault> {
    /// The key, such as `detect.smooth`.
    pub path: String,
    /// Its position; `None` if the value did not come from the file.
    pub at: Option<Position>,
    /// The mistake.
    pub fault: F,
}

impl<F: fmt::Display> fmt::Display for Mistake<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(out, "{at}: ")?;
        }
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path.escape_debug())?;
        }
        // Control characters in a value must not reach the terminal.
        for letter in self.fault.to_string().chars() {
            if letter.is_control() { write!(out, "{}", letter.escape_default())? } else { out.write_char(letter)? }
        }
        Ok(())
    }
}

/// The text after the colon that follows a file name: nothing before a position, since terminals and editors turn
/// `file:line:column` into a link.
fn gap(at: Option<Position>) -> &'static str {
    if at.is_some() { "" } else { " " }
}

/// One line per mistake; each begins with the file's name.
#[must_use]
pub fn mistake_lines<F: fmt::Display>(origin: &str, mistakes: &[Mistake<F>]) -> String {
    let line = |mistake: &Mistake<F>| format!("{origin}:{}{mistake}", gap(mistake.at));
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn listed(changes: &[Change]) -> String {
    let changes: Vec<String> = changes.iter().map(Change::to_string).collect();
    let verb = if changes.len() == 1 { "takes effect" } else { "take effect" };
    format!("{} {verb}", changes.join(", "))
}
