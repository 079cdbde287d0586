//! Builds the tree from the parser's events by recursive descent.

use std::collections::HashMap;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, options};

use super::{Document, Duplicate, Entry, MAX_DEPTH, MAX_NODES, MAX_TEXT_BYTES, Node, Position, Scalar, Value, YamlError};

/// Builds the only document of a text whose length was checked.
pub(super) fn build(text: &str) -> Result<Document, YamlError> {
    let mut builder = Builder {
        // Set explicitly: if another crate enables the parser's comment feature, comments would come as events.
        events: Parser::new_from_str_with_options(text, options! { emit_comments: false }),
        anchors: HashMap::new(),
        size: Size::default(),
        path: Vec::new(),
        duplicates: Vec::new(),
    };
    let root = builder.document()?;
    Ok(Document { root, duplicates: builder.duplicates })
}

/// The size of a tree or a part of it.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    text_bytes: usize,
}

impl Size {
    fn add(&mut self, more: Size, at: Position) -> Result<(), YamlError> {
        self.nodes += more.nodes;
        self.text_bytes += more.text_bytes;
        if self.nodes > MAX_NODES || self.text_bytes > MAX_TEXT_BYTES {
            return Err(YamlError::TooLarge { at });
        }
        Ok(())
    }
}

/// Builds the tree. The recursion is as deep as the document, so at most [`MAX_DEPTH`].
struct Builder<'input> {
    events: Parser<'input, StrInput<'input>>,
    /// Finished values with an anchor, and the size of each.
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
                Event::DocumentStart(..) if root.is_some() => {
                    let what = "a second document in the same file is";
                    return Err(YamlError::Unsupported { at, what });
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd | Event::StreamEnd => {}
                event => root = Some(self.node(event, at, 0)?),
            }
        }
        // An empty stream has no document at all.
        Ok(root.unwrap_or_else(|| Node {
            at: Position { line: 1, column: 1 },
            value: Value::Scalar(Scalar { text: String::new(), quoted: false }),
        }))
    }

    fn node(&mut self, event: Event<'input>, at: Position, depth: usize) -> Result<Node, YamlError> {
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
        self.size.add(Size { nodes: 1, text_bytes }, at)?;
        let value = match event {
            Event::Scalar(text, style, ..) => {
                Value::Scalar(Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain })
            }
            Event::SequenceStart(..) => Value::Sequence(self.sequence(at, depth)?),
            Event::MappingStart(..) => Value::Mapping(self.mapping(at, depth)?),
            Event::Alias(id) => self.copy_of(id, at)?,
            _ => {
                let reason = "expected a value".to_owned();
                return Err(YamlError::Syntax { at, reason });
            }
        };
        if let Some(id) = anchor {
            let nodes = self.size.nodes - before.nodes;
            let text_bytes = self.size.text_bytes - before.text_bytes;
            self.anchors.insert(id, (value.clone(), Size { nodes, text_bytes }));
        }
        Ok(Node { at, value })
    }

    /// The value of an alias. Its size is counted before the copy, so that an alias bomb costs nothing.
    fn copy_of(&mut self, id: usize, at: Position) -> Result<Value, YamlError> {
        let Some((value, size)) = self.anchors.get(&id) else {
            // The parser knows the anchor, so its value is still being read: it would contain itself.
            let what = "an alias inside its own anchor is";
            return Err(YamlError::Unsupported { at, what });
        };
        self.size.add(*size, at)?;
        Ok(value.clone())
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
            let Value::Scalar(Scalar { text: key, .. }) = self.node(event, at, depth + 1)?.value else {
                let what = "a list or a section as a key is";
                return Err(YamlError::Unsupported { at, what });
            };
            self.path.push(key.clone());
            if let Some(&first) = first_at.get(&key) {
                let path = self.path.join(".");
                self.duplicates.push(Duplicate { path, first, again: at });
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
            None => Err(YamlError::Syntax { at: start, reason: "never closed".to_owned() }),
        }
    }
}
