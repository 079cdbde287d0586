//! Rules for the values of the web configuration.

use std::collections::BTreeMap;
use std::str::FromStr;

use bcrypt::HashParts;

use crate::config::fault::Fault;
use crate::config::rules::{Rule, shape};
use crate::config::yaml::{Entry, Node, Position, Scalar, Value};

/// The accepted costs of a hash. A cost of 17 would take seconds to check the password of every new connection.
const COSTS: std::ops::RangeInclusive<u32> = 4..=16;
/// The headers that the format allows.
const HEADERS: [&str; 5] =
    ["Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection", "Content-Security-Policy"];

/// The bcrypt hash of a password. It is never shown or logged.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Whether a password has this hash. The time depends only on the cost of the hash, not on the password.
    #[must_use]
    pub fn is_of(&self, password: &str) -> bool {
        bcrypt::verify(password, &self.0).unwrap_or(false)
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("PasswordHash(..)")
    }
}

impl FromStr for PasswordHash {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let parts = HashParts::from_str(text).map_err(|_| Fault::NotPasswordHash)?;
        let cost = parts.get_cost();
        if !COSTS.contains(&cost) {
            let range = format!("{}..{}", COSTS.start(), COSTS.end());
            return Err(Fault::OutOfRange { got: format!("cost {cost}"), range, meaning: "" });
        }
        Ok(Self(text.to_owned()))
    }
}

/// A header that is added to every response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraHeader {
    /// Its name.
    pub name: &'static str,
    /// Its value: printable ASCII.
    pub value: String,
}

/// Reads a mapping of names to values with `item`; `wanted` describes it in messages.
fn entries<T>(
    node: &Node,
    wanted: &'static str,
    refuse: &mut dyn FnMut(Option<Position>, Fault),
    item: impl Fn(&Entry) -> Result<T, Fault>,
) -> Option<Vec<T>> {
    let Value::Mapping(entries) = &node.value else {
        refuse(None, Fault::Shape { wanted, got: shape(&node.value) });
        return None;
    };
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        match item(entry) {
            Ok(item) => items.push(item),
            Err(fault) => refuse(Some(entry.at), Fault::Inside { path: format!(".{}", entry.key), fault: Box::new(fault) }),
        }
    }
    (items.len() == entries.len()).then_some(items)
}

fn text(entry: &Entry) -> Result<&str, Fault> {
    match &entry.node.value {
        Value::Scalar(scalar) if !scalar.is_null() => Ok(&scalar.text),
        other => Err(Fault::Shape { wanted: "one value", got: shape(other) }),
    }
}

/// Users and their passwords' hashes.
pub(super) struct Users;

const USERS: &str = "user names with bcrypt hashes";

impl Rule<BTreeMap<String, PasswordHash>> for Users {
    fn parse(&self, _: &Scalar) -> Result<BTreeMap<String, PasswordHash>, Fault> {
        Err(Fault::Shape { wanted: USERS, got: "one value" })
    }

    fn check(&self, _: &BTreeMap<String, PasswordHash>) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, users: &BTreeMap<String, PasswordHash>) -> String {
        users.keys().cloned().collect::<Vec<_>>().join(", ")
    }

    fn describe(&self) -> String {
        USERS.to_owned()
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<BTreeMap<String, PasswordHash>> {
        let users = entries(node, USERS, refuse, |entry| Ok((entry.key.clone(), text(entry)?.parse()?)))?;
        Some(users.into_iter().collect())
    }
}

/// Headers and their values.
pub(super) struct Headers;

const HEADERS_WANTED: &str = "headers with their values";

impl Rule<Vec<ExtraHeader>> for Headers {
    fn parse(&self, _: &Scalar) -> Result<Vec<ExtraHeader>, Fault> {
        Err(Fault::Shape { wanted: HEADERS_WANTED, got: "one value" })
    }

    fn check(&self, _: &Vec<ExtraHeader>) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, headers: &Vec<ExtraHeader>) -> String {
        headers.iter().map(|header| header.name).collect::<Vec<_>>().join(", ")
    }

    fn describe(&self) -> String {
        HEADERS_WANTED.to_owned()
    }

    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<Vec<ExtraHeader>> {
        entries(node, HEADERS_WANTED, refuse, |entry| {
            let known = HEADERS.into_iter().find(|known| known.eq_ignore_ascii_case(&entry.key));
            let name = known.ok_or_else(|| Fault::NotHeader { known: HEADERS.join(", ") })?;
            let value = text(entry)?.to_owned();
            if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
                return Err(Fault::NotHeaderValue);
            }
            Ok(ExtraHeader { name, value })
        })
    }
}
