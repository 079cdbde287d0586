//! Rules built from other rules: a word that means "none", an optional value, lists, and a value with its position.

use super::diff::listed;
use super::fault::Fault;
use super::reader::{faults_in, read_item};
use super::rules::{Rule, shape};
use super::section::Section;
use crate::config::yaml::{Node, Position, Scalar, Value};

/// Either a word that means "none", or a value of the other rule.
pub(super) struct Or<R>(pub &'static str, pub R);

impl<T, R: Rule<T>> Rule<Option<T>> for Or<R> {
    fn parse(&self, scalar: &Scalar) -> Result<Option<T>, Fault> {
        if scalar.text == self.0 {
            return Ok(None);
        }
        self.1.parse(scalar).map(Some).map_err(|fault| Fault::AlsoNot { word: self.0, fault: Box::new(fault) })
    }

    fn check(&self, value: &Option<T>) -> Result<(), Fault> {
        value.as_ref().map_or(Ok(()), |value| self.1.check(value))
    }

    fn show(&self, value: &Option<T>) -> String {
        value.as_ref().map_or_else(|| self.0.to_owned(), |value| self.1.show(value))
    }

    fn describe(&self) -> String {
        format!("{} or {}", self.1.describe(), self.0)
    }
}

/// An optional value.
#[derive(Clone, Debug)]
pub struct Given<R>(pub R);

impl<T, R: Rule<T>> Rule<Option<T>> for Given<R> {
    fn parse(&self, scalar: &Scalar) -> Result<Option<T>, Fault> {
        self.0.parse(scalar).map(Some)
    }

    fn check(&self, value: &Option<T>) -> Result<(), Fault> {
        value.as_ref().map_or(Ok(()), |value| self.0.check(value))
    }

    fn show(&self, value: &Option<T>) -> String {
        value.as_ref().map_or_else(String::new, |value| self.0.show(value))
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Option<T>> {
        self.0.read(node, refuse).map(Some)
    }
}

/// A list without duplicates whose items follow one rule.
#[derive(Clone, Debug)]
pub struct ListOf<R>(pub R);

impl<T: PartialEq, R: Rule<T>> Rule<Vec<T>> for ListOf<R> {
    fn parse(&self, _: &Scalar) -> Result<Vec<T>, Fault> {
        Err(Fault::Shape { wanted: "a list, such as `[a, b]`", got: "one value" })
    }

    fn check(&self, items: &Vec<T>) -> Result<(), Fault> {
        for (index, item) in items.iter().enumerate() {
            self.0.check(item)?;
            if items.iter().take(index).any(|earlier| earlier == item) {
                return Err(Fault::Repeated { got: self.0.show(item) });
            }
        }
        Ok(())
    }

    fn show(&self, items: &Vec<T>) -> String {
        let items: Vec<String> = items.iter().map(|item| self.0.show(item)).collect();
        format!("[{}]", items.join(", "))
    }

    fn describe(&self) -> String {
        format!("list of {}", self.0.describe())
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Vec<T>> {
        let Value::Sequence(nodes) = &node.value else {
            let got = shape(&node.value);
            refuse(None, Fault::Shape { wanted: "a list, such as `[a, b]`", got });
            return None;
        };
        let mut items = Vec::with_capacity(nodes.len());
        let mut sound = true;
        for node in nodes {
            let read = self.0.read(node, &mut |_, fault| refuse(Some(node.at), fault));
            match read {
                Some(item) if items.contains(&item) => {
                    refuse(Some(node.at), Fault::Repeated { got: self.0.show(&item) });
                    sound = false;
                }
                Some(item) => items.push(item),
                None => sound = false,
            }
        }
        sound.then_some(items)
    }
}

/// One value, or a list of values.
#[derive(Clone, Debug)]
pub struct OneOr<L>(pub L);

impl<T: PartialEq, R: Rule<T>> Rule<Vec<T>> for OneOr<ListOf<R>> {
    fn parse(&self, scalar: &Scalar) -> Result<Vec<T>, Fault> {
        self.0.0.parse(scalar).map(|item| vec![item])
    }

    fn check(&self, items: &Vec<T>) -> Result<(), Fault> {
        self.0.check(items)
    }

    fn show(&self, items: &Vec<T>) -> String {
        self.0.show(items)
    }

    fn describe(&self) -> String {
        format!("{} or a list of them", self.0.0.describe())
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Vec<T>> {
        match &node.value {
            Value::Sequence(_) => self.0.read(node, refuse),
            _ => self.0.0.read(node, refuse).map(|item| vec![item]),
        }
    }
}

/// A value with its position. Only the values are compared.
#[derive(Clone, Debug, Default)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its position; `None` if it did not come from a file.
    pub at: Option<Position>,
}

impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A value with its position, for mistakes that are found later.
#[derive(Clone, Debug)]
pub struct Here<R>(pub R);

impl<T, R: Rule<T>> Rule<Placed<T>> for Here<R> {
    fn parse(&self, scalar: &Scalar) -> Result<Placed<T>, Fault> {
        Ok(Placed { value: self.0.parse(scalar)?, at: None })
    }

    fn check(&self, placed: &Placed<T>) -> Result<(), Fault> {
        self.0.check(&placed.value)
    }

    fn show(&self, placed: &Placed<T>) -> String {
        self.0.show(&placed.value)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Placed<T>> {
        Some(Placed { value: self.0.read(node, refuse)?, at: Some(node.at) })
    }
}

/// A list whose items are sections of one kind. The text names the list in messages.
#[derive(Clone, Copy, Debug)]
pub struct Sections(pub &'static str);

impl<S: Section + Default + Clone> Rule<Vec<Placed<S>>> for Sections {
    fn parse(&self, _: &Scalar) -> Result<Vec<Placed<S>>, Fault> {
        Err(Fault::Shape { wanted: self.0, got: "one value" })
    }

    fn check(&self, items: &Vec<Placed<S>>) -> Result<(), Fault> {
        for (index, item) in items.iter().enumerate() {
            if let Some(first) = faults_in(&mut item.value.clone()).into_iter().next() {
                return Err(Fault::Inside { path: format!("[{index}].{}", first.path), fault: Box::new(first.fault) });
            }
        }
        Ok(())
    }

    fn show(&self, items: &Vec<Placed<S>>) -> String {
        let shown = |item: &Placed<S>| {
            let keys = listed(&mut item.value.clone()).into_iter();
            format!("{{{}}}", keys.map(|setting| format!("{}: {}", setting.key, setting.value)).collect::<Vec<_>>().join(", "))
        };
        format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
    }

    fn describe(&self) -> String {
        self.0.to_owned()
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Vec<Placed<S>>> {
        let Value::Sequence(nodes) = &node.value else {
            refuse(None, Fault::Shape { wanted: self.0, got: shape(&node.value) });
            return None;
        };
        let mut items = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let mut item = S::default();
            // An item with mistakes is kept, so that its other mistakes are found as well.
            read_item(&mut item, node, &format!("[{index}]"), refuse);
            items.push(Placed { value: item, at: Some(node.at) });
        }
        Some(items)
    }
}

/// The name of a machine as in a `Host` header, without the port.
pub(super) struct HostName;

impl Rule<String> for HostName {
    fn parse(&self, scalar: &Scalar) -> Result<String, Fault> {
        Ok(scalar.text.to_ascii_lowercase())
    }

    fn check(&self, name: &String) -> Result<(), Fault> {
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if name.len() <= 253 && name.split('.').all(label) {
            return Ok(());
        }
        Err(Fault::NotHostName { got: name.clone() })
    }

    fn show(&self, name: &String) -> String {
        name.clone()
    }

    fn describe(&self) -> String {
        "host names".to_owned()
    }
}
