//! YAML text as a tree that remembers where everything stood.
//!
//! The configuration is checked key by key so that every mistake is reported at once, each with its line and column. A
//! deserializer stops at the first, so the tree is built here from the parser's events, and what a document may cost is
//! bounded here too: in bytes, in depth, and in nodes after its aliases are followed.
//! Deliberately absent: tags, merge keys and several documents in one file. A settings file needs none of them.

mod builder;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_yaml::granit_parser::Marker;

/// The longest document that is read at all: a settings file with every key and comment is a hundredth of it.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting of lists and sections, which bounds the recursion below.
pub const MAX_DEPTH: usize = 32;
/// The most values in the tree, those that an alias repeats included.
pub const MAX_NODES: usize = 20_000;
/// The most text in the tree, in bytes, that which an alias repeats included. An escape can be longer in the tree than
/// in the document (two characters for three bytes), so this is more than [`MAX_BYTES`].
pub const MAX_TEXT_BYTES: usize = 2 * MAX_BYTES;

/// A place in a text, both numbers counting from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.line, self.column)
    }
}

impl From<&Marker> for Position {
    fn from(mark: &Marker) -> Self {
        Self { line: mark.line(), column: mark.col() + 1 }
    }
}

/// A document: its tree, and the keys that it holds twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The outermost node; an empty scalar if the document is empty.
    pub root: Node,
    /// Keys that a mapping repeats, in the order of the text. Not an error of the syntax, so that a caller can report
    /// them together with everything else that is wrong.
    pub duplicates: Vec<Duplicate>,
}

/// A key that stands twice in one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The keys that lead to it, and itself, joined by dots.
    pub path: String,
    /// Where it stood first.
    pub first: Position,
    /// Where it stands again.
    pub again: Position,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins; an alias's copy begins where the alias stands.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// One of YAML's three kinds of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One value.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the text, repeated keys included.
    Mapping(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub at: Position,
    /// Its value.
    pub node: Node,
}

/// One value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, its quotes and escapes resolved.
    pub text: String,
    /// Whether it was quoted, and so can be nothing but text.
    pub quoted: bool,
}

impl Scalar {
    /// Whether nothing was written, or YAML's words for nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Why a text is not a document that is read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// It is not YAML.
    #[error("{at}: {reason}")]
    Syntax {
        /// Where the parser gave up.
        at: Position,
        /// What it said.
        reason: String,
    },
    /// It is too long to be looked at.
    #[error("{bytes} bytes are more than the {MAX_BYTES} that are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is nested too deeply.
    #[error("{at}: nested more than {MAX_DEPTH} deep")]
    TooDeep {
        /// Where it went too deep.
        at: Position,
    },
    /// It is too large once its aliases are followed.
    #[error("{at}: more than {MAX_NODES} values or {MAX_TEXT_BYTES} bytes of text, aliases followed")]
    TooLarge {
        /// Where the limit was reached.
        at: Position,
    },
    /// It uses a part of YAML that is not read here.
    #[error("{at}: {what} not supported here")]
    Unsupported {
        /// Where.
        at: Position,
        /// Which part, with its verb.
        what: &'static str,
    },
}

impl YamlError {
    /// Where it is, which the message begins with; none for what concerns the whole text.
    #[must_use]
    pub fn at(&self) -> Option<Position> {
        match *self {
            Self::TooLong { .. } => None,
            Self::Syntax { at, .. } | Self::TooDeep { at } | Self::TooLarge { at } | Self::Unsupported { at, .. } => Some(at),
        }
    }
}

/// Reads one document.
///
/// # Errors
/// The first thing that keeps it from being read as a tree; duplicate keys are in the result instead.
pub fn parse(text: &str) -> Result<Document, YamlError> {
    if text.len() > MAX_BYTES {
        return Err(YamlError::TooLong { bytes: text.len() });
    }
    builder::build(text)
}
