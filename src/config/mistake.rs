//! What can be wrong with a configuration, said so that the reader knows where and what to do.

use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use crate::choices::UnknownChoice;
use super::diff::Change;
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
    #[error("{origin}:{error}")]
    Yaml {
        /// The file's name, as the user gave it.
        origin: String,
        /// What the parser says, beginning with line and column.
        error: YamlError,
    },
    /// Keys or values are wrong: all of them, in the order of the file.
    #[error("{}", lines(origin, mistakes))]
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
pub struct Mistake {
    /// The key, as `detect.smooth`.
    pub path: String,
    /// Where it stands; none if the value did not come from the file.
    pub at: Option<Position>,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for Mistake {
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
#[expect(missing_docs, reason = "the messages say what each is, and the fields are what they print")]
pub enum Fault {
    #[error("unknown key{}", .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownKey { nearest: Option<String> },
    #[error("stands twice, first at {first}")]
    Duplicate { first: Position },
    #[error("has no value; leave the key out for its default")]
    NoValue,
    #[error("must be {wanted}, not {got}")]
    Shape { wanted: &'static str, got: &'static str },
    #[error("`{got}` is not a whole number")]
    NotWhole { got: String },
    #[error("`{got}` is not a number")]
    NotNumber { got: String },
    #[error("`{got}` is neither true nor false")]
    NotSwitch { got: String },
    #[error("{got} is not in {range}{meaning}")]
    OutOfRange { got: String, range: String, meaning: &'static str },
    #[error("`{got}` is not a size: write 268435456 or 256MiB")]
    NotSize { got: String },
    #[error("`{got}` is not an address: write an IP and a port, as 127.0.0.1:19787 or [::1]:19787")]
    NotAddress { got: String },
    #[error("`{got}` is not a host name: write it without scheme, port and path")]
    NotHostName { got: String },
    #[error(transparent)]
    Choice(#[from] UnknownChoice),
    #[error("{fault}, nor `{word}`")]
    AlsoNot { word: &'static str, fault: Box<Fault> },
    #[error("`{got}` is listed twice")]
    Repeated { got: String },
    #[error(
        "a window of {rows} rows cannot fill measures.bins: {bins}, which need {needed} (5 a bin): no run could ever be \
         called memorizing"
    )]
    TooFewRows { rows: usize, bins: usize, needed: usize },
    #[error("less than the {needed} that sampling.rows x sampling.neurons_per_layer x 4 can need: no such frame fits")]
    FrameTooLarge { needed: String },
}

fn lines(origin: &str, mistakes: &[Mistake]) -> String {
    let line = |mistake: &Mistake| {
        // With a place, `origin:line:column`, which terminals and editors make a link of.
        let gap = if mistake.at.is_some() { "" } else { " " };
        format!("{origin}:{gap}{mistake}")
    };
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn listed(changes: &[Change]) -> String {
    let changes: Vec<String> = changes.iter().map(Change::to_string).collect();
    let verb = if changes.len() == 1 { "acts" } else { "act" };
    format!("{} {verb}", changes.join(", "))
}
