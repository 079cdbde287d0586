//! What can be wrong with a configuration, said so that the reader knows where and what to do.

use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use super::diff::Change;
use crate::choices::UnknownChoice;
use crate::hooks::{ArgvError, HookNameError, WebhookUrlError};
use crate::yaml::{Position, YamlError};

/// Why there is no configuration, or no new one.
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
    /// The path names something else than a file, which might never end.
    #[error("{}: not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is not YAML, or too much of it.
    #[error("{origin}:{}{error}", gap(error.at()))]
    Yaml {
        /// The file's name, as the user gave it.
        origin: String,
        /// What the parser says, beginning with line and column.
        error: YamlError,
    },
    /// Keys or values are wrong: all of them, in the order of the file.
    #[error("{}", mistake_lines(origin, mistakes))]
    Mistakes {
        /// The file's name, as the user gave it.
        origin: String,
        /// What is wrong.
        mistakes: Vec<Mistake>,
    },
    /// The file became empty while the program runs: it is being written, or was lost.
    #[error("{origin}: empty, which a file that is just being written is, too; for the defaults, write a comment into it")]
    Emptied {
        /// The file's name, as the user gave it.
        origin: String,
    },
    /// Keys were changed that act after a restart only.
    #[error("{origin}: {} after a restart only; nothing of the file was applied", listed(changes))]
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
    /// The key, as `detect.smooth`.
    pub path: String,
    /// Where it stands; none if the value did not come from the file.
    pub at: Option<Position>,
    /// What is wrong with it.
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
        // What a value holds must not move the cursor of whoever reads the log.
        for letter in self.fault.to_string().chars() {
            if letter.is_control() { write!(out, "{}", letter.escape_default())? } else { out.write_char(letter)? }
        }
        Ok(())
    }
}

/// What is wrong with a key or its value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// No such key.
    #[error("unknown key{}", .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// The key stands twice in its section.
    #[error("stands twice, first at {first}")]
    Duplicate {
        /// Where it stood first.
        first: Position,
    },
    /// Nothing follows the key.
    #[error("has no value; leave the key out for its default")]
    NoValue,
    /// A list where a value belongs, or the like.
    #[error("must be {wanted}, not {got}")]
    Shape {
        /// What belongs there.
        wanted: &'static str,
        /// What is there.
        got: &'static str,
    },
    /// Not digits alone.
    #[error("`{got}` is not a whole number")]
    NotWhole {
        /// What is there.
        got: String,
    },
    /// Not a number.
    #[error("`{got}` is not a number")]
    NotNumber {
        /// What is there.
        got: String,
    },
    /// Nothing that a run could be called.
    #[error("`{got}` is no run's name: letters, digits, '.', '_' and '-', a letter or digit first, at most 64")]
    NotRunName {
        /// What is there.
        got: String,
    },
    /// Not a switch's position. YAML 1.2 does not know `yes` and `on`.
    #[error("`{got}` is neither true nor false")]
    NotSwitch {
        /// What is there.
        got: String,
    },
    /// Too small or too large.
    #[error("{got} is not in {range}{meaning}")]
    OutOfRange {
        /// What is there.
        got: String,
        /// The smallest and the largest value.
        range: String,
        /// What the number means, where people take it for another.
        meaning: &'static str,
    },
    /// Not a number of bytes.
    #[error("`{got}` is not a size: write 268435456 or 256MiB")]
    NotSize {
        /// What is there.
        got: String,
    },
    /// Not an address to serve at.
    #[error("`{got}` is not an address: write an IP and a port, as 127.0.0.1:19787 or [::1]:19787")]
    NotAddress {
        /// What is there.
        got: String,
    },
    /// Not the name of a machine.
    #[error("`{got}` is not a host name: write it without scheme, port and path")]
    NotHostName {
        /// What is there.
        got: String,
    },
    /// Not one of the words of this key.
    #[error(transparent)]
    Choice(#[from] UnknownChoice),
    /// Neither a value of this key nor its word for none.
    #[error("{fault}, nor `{word}`")]
    AlsoNot {
        /// The word for none.
        word: &'static str,
        /// What is wrong with it as a value.
        fault: Box<Fault>,
    },
    /// The same item twice in a list.
    #[error("`{got}` is listed twice")]
    Repeated {
        /// The item.
        got: String,
    },
    /// What is wrong inside of a list's item.
    #[error("{fault}")]
    Inside {
        /// The item and the key inside of it, as `[0].webhook.url`.
        path: String,
        /// What is wrong with it.
        fault: Box<Fault>,
    },
    /// A key without which the rest means nothing.
    #[error("needs {what}")]
    Needs {
        /// The key, or keys.
        what: &'static str,
    },
    /// More hooks than there may be.
    #[error("{hooks} hooks are more than the {} that there may be", crate::hooks::HOOKS_MAX)]
    TooManyHooks {
        /// How many there are.
        hooks: usize,
    },
    /// Not a hook's name.
    #[error(transparent)]
    HookName(#[from] HookNameError),
    /// Not a webhook's URL.
    #[error(transparent)]
    WebhookUrl(#[from] WebhookUrlError),
    /// Not a command.
    #[error(transparent)]
    Argv(#[from] ArgvError),
    /// Not the hash of a password.
    #[error("not a bcrypt hash: make one with `htpasswd -nBC 10 \"\"`")]
    NotPasswordHash,
    /// Not a header of the web configuration.
    #[error("not a header that may be set here: {known}")]
    NotHeader {
        /// Those that may.
        known: String,
    },
    /// What cannot stand in a header.
    #[error("no value of a header: printable ASCII on one line")]
    NotHeaderValue,
    /// The path of a file that depends on where the program was started.
    #[error("`{got}` is not an absolute path")]
    NotAbsolute {
        /// What is there.
        got: String,
    },
    /// So few rows a bin that every report would be marked unreliable.
    #[error(
        "a window of {rows} rows cannot fill measures.bins: {bins}, which need {needed} (5 a bin): no run could ever be \
         called memorizing"
    )]
    TooFewRows {
        /// The most rows that a window can hold.
        rows: usize,
        /// The bins.
        bins: usize,
        /// The rows that so many bins need.
        needed: usize,
    },
    /// The channel cannot hold a single full layer.
    #[error("less than the {needed} that sampling.rows x sampling.neurons_per_layer x 4 can need: no such frame fits")]
    FrameTooLarge {
        /// What one takes.
        needed: String,
    },
}

/// What follows the colon behind a file's name: nothing before a place, since terminals and editors make a link of
/// `file:line:column`.
fn gap(at: Option<Position>) -> &'static str {
    if at.is_some() { "" } else { " " }
}

/// One line a mistake, each beginning with the file's name.
#[must_use]
pub fn mistake_lines<F: fmt::Display>(origin: &str, mistakes: &[Mistake<F>]) -> String {
    let line = |mistake: &Mistake<F>| format!("{origin}:{}{mistake}", gap(mistake.at));
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn listed(changes: &[Change]) -> String {
    let changes: Vec<String> = changes.iter().map(Change::to_string).collect();
    let verb = if changes.len() == 1 { "acts" } else { "act" };
    format!("{} {verb}", changes.join(", "))
}
