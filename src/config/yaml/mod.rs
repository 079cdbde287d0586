//! YAML text as a tree that keeps the position of every key and value.
//!
//! The configuration is checked key by key, so that all mistakes are reported together, each with its line and column. A
//! deserializer stops at the first mistake; therefore the tree is built here from the parser's events. The cost of a document
//! is bounded here too: in bytes, in depth, and in nodes after alias expansion.
//! Deliberately absent: tags, merge keys and several documents in one file. A settings file needs none of them.

mod builder;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_yaml::granit_parser::Marker;

/// The longest document that is read. A configuration file with every key and comment takes a hundredth of it.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting of lists and sections. It bounds the recursion below.
pub const MAX_DEPTH: usize = 32;
/// The most values in the tree, including those that aliases repeat.
pub const MAX_NODES: usize = 20_000;
/// The most text in the tree, in bytes, including text that aliases repeat. An escape can be longer in the tree than in
/// the document (two characters for three bytes), so this is more than [`MAX_BYTES`].
pub const MAX_TEXT_BYTES: usize = 2 * MAX_BYTES;

/// A position in a text; both numbers count from 1.
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

/// A document: its tree and its duplicate keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The outermost node; an empty scalar if the document is empty.
    pub root: Node,
    /// Keys that a mapping repeats, in the order of the text. They are not a syntax error, so that the caller can report them
    /// together with other mistakes.
    pub duplicates: Vec<Duplicate>,
}

/// A key that occurs twice in one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The path of the key, joined by dots.
    pub path: String,
    /// The first occurrence.
    pub first: Position,
    /// The repeated occurrence.
    pub again: Position,
}

/// A value and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins. The copy that an alias makes begins at the alias.
    pub at: Position,
    /// The value.
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
    /// The position of the key.
    pub at: Position,
    /// Its value.
    pub node: Node,
}

/// One value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, its quotes and escapes resolved.
    pub text: String,
    /// Whether it was quoted. A quoted value is always text.
    pub quoted: bool,
}

impl Scalar {
    /// Whether the value is empty or one of YAML's words for null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Why a text cannot be read as a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// It is not YAML.
    #[error("{at}: {reason}")]
    Syntax {
        /// Where the parser stopped.
        at: Position,
        /// The parser's message.
        reason: String,
    },
    /// It is too long to be read.
    #[error("{bytes} bytes exceed the limit of {MAX_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is nested too deeply.
    #[error("{at}: nested more than {MAX_DEPTH} levels deep")]
    TooDeep {
        /// Where it went too deep.
        at: Position,
    },
    /// It is too large after alias expansion.
    #[error("{at}: more than {MAX_NODES} values or {MAX_TEXT_BYTES} bytes of text after alias expansion")]
    TooLarge {
        /// Where the limit was reached.
        at: Position,
    },
    /// It uses a part of YAML that is not supported.
    #[error("{at}: {what} not supported here")]
    Unsupported {
        /// Where.
        at: Position,
        /// Which part, with its verb.
        what: &'static str,
    },
}

impl YamlError {
    /// The position that the message begins with; `None` for an error of the whole text.
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
/// The first error that prevents a tree. Duplicate keys are returned in the result instead.
pub fn parse(text: &str) -> Result<Document, YamlError> {
    if text.len() > MAX_BYTES {
        return Err(YamlError::TooLong { bytes: text.len() });
    }
    builder::build(text)
}
