//! YAML text as a tree that remembers where everything stood.
//!
//! The configuration is checked key by key so that every mistake is reported at once, each with its line and column. A
//! deserializer stops at the first, so the tree is built here from the parser's events, and what a document may cost is
//! bounded here too: in bytes, in depth, and in nodes after its aliases are followed.
//! Deliberately absent: tags, merge keys and several documents in one file. A settings file needs none of them.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use serde_yaml::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, options};

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
        Self {
            line: mark.line(),
            column: mark.col() + 1,
        }
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
    #[error(
        "{at}: more than {MAX_NODES} values or {MAX_TEXT_BYTES} bytes of text, aliases followed"
    )]
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

/// Reads one document.
///
/// # Errors
/// The first thing that keeps it from being read as a tree; duplicate keys are in the result instead.
pub fn parse(text: &str) -> Result<Document, YamlError> {
    if text.len() > MAX_BYTES {
        return Err(YamlError::TooLong { bytes: text.len() });
    }
    let mut builder = Builder {
        // Comments would otherwise come as events as soon as some other crate switches them on.
        events: Parser::new_from_str_with_options(text, options! { emit_comments: false }),
        anchors: HashMap::new(),
        size: Size::default(),
        path: Vec::new(),
        duplicates: Vec::new(),
    };
    let root = builder.document()?;
    Ok(Document {
        root,
        duplicates: builder.duplicates,
    })
}

/// What a tree, or a part of it, costs.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text_bytes: usize,
}

/// Builds the tree by descending with the events; the recursion is as deep as the document, so at most [`MAX_DEPTH`].
struct Builder<'input> {
    events: Parser<'input, StrInput<'input>>,
    /// Finished values that an alias may name, with the size of each.
    anchors: HashMap<usize, (Value, Size)>,
    size: Size,
    path: Vec<String>,
    duplicates: Vec<Duplicate>,
}

impl<'input> Builder<'input> {
    fn next(&mut self) -> Result<Option<(Event<'input>, Span)>, YamlError> {
        self.events.next_event().transpose().map_err(|error| {
            let (at, reason) = (Position::from(error.marker()), error.info());
            YamlError::Syntax { at, reason }
        })
    }

    fn document(&mut self) -> Result<Node, YamlError> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            let at = Position::from(&span.start);
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::StreamEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    let what = "a second document in the same file is";
                    return Err(YamlError::Unsupported { at, what });
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, at, 0)?),
            }
        }
        // An empty stream has no document at all.
        Ok(root.unwrap_or_else(|| Node {
            at: Position { line: 1, column: 1 },
            value: Value::Scalar(Scalar {
                text: String::new(),
                quoted: false,
            }),
        }))
    }

    fn node(
        &mut self,
        event: Event<'input>,
        at: Position,
        depth: usize,
    ) -> Result<Node, YamlError> {
        if depth > MAX_DEPTH {
            return Err(YamlError::TooDeep { at });
        }
        if event.tag().is_some() {
            let what = "tags (`!` before a value) are";
            return Err(YamlError::Unsupported { at, what });
        }
        let anchor = event.anchor_id();
        let before = self.size;
        let text_bytes = event.scalar().map_or(0, |(text, _)| text.len());
        self.count(
            Size {
                nodes: 1,
                text_bytes,
            },
            at,
        )?;
        let value = match event {
            Event::Scalar(text, style, ..) => Value::Scalar(Scalar {
                text: text.into_owned(),
                quoted: style != ScalarStyle::Plain,
            }),
            Event::SequenceStart(..) => Value::Sequence(self.sequence(at, depth)?),
            Event::MappingStart(..) => Value::Mapping(self.mapping(at, depth)?),
            Event::Alias(id) => self.copy_of(id, at)?,
            _ => {
                let reason = "a value was expected".to_owned();
                return Err(YamlError::Syntax { at, reason });
            }
        };
        if let Some(id) = anchor {
            let nodes = self.size.nodes - before.nodes;
            let text_bytes = self.size.text_bytes - before.text_bytes;
            self.anchors
                .insert(id, (value.clone(), Size { nodes, text_bytes }));
        }
        Ok(Node { at, value })
    }

    fn count(&mut self, more: Size, at: Position) -> Result<(), YamlError> {
        self.size.nodes += more.nodes;
        self.size.text_bytes += more.text_bytes;
        if self.size.nodes > MAX_NODES || self.size.text_bytes > MAX_TEXT_BYTES {
            return Err(YamlError::TooLarge { at });
        }
        Ok(())
    }

    /// What an alias stands for; counted before it is copied, so that a bomb costs nothing.
    fn copy_of(&mut self, id: usize, at: Position) -> Result<Value, YamlError> {
        let Some(&(_, size)) = self.anchors.get(&id) else {
            // The parser knows the name, so it is the value that is being read: it would hold itself.
            let what = "an alias inside of what it stands for is";
            return Err(YamlError::Unsupported { at, what });
        };
        self.count(size, at)?;
        Ok(self.anchors[&id].0.clone())
    }

    fn sequence(&mut self, start: Position, depth: usize) -> Result<Vec<Node>, YamlError> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.inside(start)?;
            if event == Event::SequenceEnd {
                return Ok(items);
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn mapping(&mut self, start: Position, depth: usize) -> Result<Vec<Entry>, YamlError> {
        let mut entries = Vec::new();
        let mut first_at: HashMap<String, Position> = HashMap::new();
        loop {
            let (event, at) = self.inside(start)?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let Value::Scalar(Scalar { text: key, .. }) = self.node(event, at, depth + 1)?.value
            else {
                let what = "a list or a section as a key is";
                return Err(YamlError::Unsupported { at, what });
            };
            self.path.push(key.clone());
            if let Some(&first) = first_at.get(&key) {
                let path = self.path.join(".");
                self.duplicates.push(Duplicate {
                    path,
                    first,
                    again: at,
                });
            } else {
                first_at.insert(key.clone(), at);
            }
            let (event, value_at) = self.inside(start)?;
            let node = self.node(event, value_at, depth + 1)?;
            self.path.pop();
            entries.push(Entry { key, at, node });
        }
    }

    fn inside(&mut self, start: Position) -> Result<(Event<'input>, Position), YamlError> {
        match self.next()? {
            Some((event, span)) => Ok((event, Position::from(&span.start))),
            None => Err(YamlError::Syntax {
                at: start,
                reason: "never closed".to_owned(),
            }),
        }
    }
}
