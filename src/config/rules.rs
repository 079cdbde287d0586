//! Rules for the values of keys: how they are parsed, their range, and how they are shown and described.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::choices::Choice;
use super::fault::Fault;
use super::size;
use crate::config::yaml::{Node, Position, Scalar, Value};
use rotewatch_core::vocabulary::identity::RunName;

/// The rule for a key's value.
pub trait Rule<T> {
    /// Parses a value without checking its range.
    ///
    /// # Errors
    /// If the text is not such a value.
    fn parse(&self, scalar: &Scalar) -> Result<T, Fault>;
    /// Checks that a value is in range, whatever its source.
    ///
    /// # Errors
    /// If it is not in range.
    fn check(&self, value: &T) -> Result<(), Fault>;
    /// The value as it is written in the file.
    fn show(&self, value: &T) -> String;
    /// The accepted values, for the manual.
    fn describe(&self) -> String;

    /// A text that differs whenever the values differ, for values that `show` does not show in full.
    fn told_apart_by(&self, value: &T) -> String {
        self.show(value)
    }

    /// Reads the value of a node. Reports mistakes to `refuse`, with a position if it is not that of the key.
    fn read(&self, node: &Node, refuse: &mut dyn FnMut(Option<Position>, Fault)) -> Option<T> {
        let read = match &node.value {
            Value::Scalar(scalar) if scalar.is_null() => Err(Fault::NoValue),
            Value::Scalar(scalar) => self.parse(scalar).and_then(|value| self.check(&value).map(|()| value)),
            other => Err(Fault::Shape { wanted: "one value", got: shape(other) }),
        };
        read.map_err(|fault| refuse(None, fault)).ok()
    }
}

/// The shape of a value in words.
pub(super) fn shape(value: &Value) -> &'static str {
    match value {
        Value::Scalar(scalar) if scalar.is_null() => "an empty value",
        Value::Scalar(_) => "one value",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a section",
    }
}

/// A whole number in a range.
#[derive(Clone, Debug)]
pub struct Whole(pub RangeInclusive<u64>);

impl<T: TryFrom<u64> + TryInto<u64> + Copy + Display> Rule<T> for Whole {
    fn parse(&self, scalar: &Scalar) -> Result<T, Fault> {
        let got = || scalar.text.clone();
        let digits = scalar.text.strip_prefix('-').unwrap_or(&scalar.text);
        if scalar.quoted || digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::NotWhole { got: got() });
        }
        // Numbers too large for `u64` and negative numbers are whole numbers, but outside every range here.
        let value = scalar.text.parse::<u64>().ok().filter(|value| self.0.contains(value));
        value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| out_of(&self.0, got(), ""))
    }

    fn check(&self, value: &T) -> Result<(), Fault> {
        match (*value).try_into() {
            Ok(whole) if self.0.contains(&whole) => Ok(()),
            _ => Err(out_of(&self.0, value.to_string(), "")),
        }
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn describe(&self) -> String {
        format!("whole number in {}", range_text(&self.0))
    }
}

/// A share of a whole: above 0, below 1.
pub(super) struct Share;

impl Rule<f64> for Share {
    fn parse(&self, scalar: &Scalar) -> Result<f64, Fault> {
        number(scalar)
    }

    fn check(&self, value: &f64) -> Result<(), Fault> {
        // Written so that NaN fails.
        if *value > 0.0 && *value < 1.0 {
            return Ok(());
        }
        let (range, meaning) = ("0..1".to_owned(), " (a share, ends excluded: 0.05 means 5 %)");
        Err(Fault::OutOfRange { got: value.to_string(), range, meaning })
    }

    fn show(&self, value: &f64) -> String {
        value.to_string()
    }

    fn describe(&self) -> String {
        "share in 0..1, ends excluded".to_owned()
    }
}

/// A factor above 1, up to 1,000.
pub(super) struct Multiple;

impl Rule<f64> for Multiple {
    fn parse(&self, scalar: &Scalar) -> Result<f64, Fault> {
        number(scalar)
    }

    fn check(&self, value: &f64) -> Result<(), Fault> {
        // Written so that NaN fails.
        if *value > 1.0 && *value <= 1_000.0 {
            return Ok(());
        }
        let meaning = " (a factor above 1: 1.7 means 1.7 times as much)";
        Err(Fault::OutOfRange { got: value.to_string(), range: "1..1000".to_owned(), meaning })
    }

    fn show(&self, value: &f64) -> String {
        value.to_string()
    }

    fn describe(&self) -> String {
        "multiple in 1..1000, 1 excluded".to_owned()
    }
}

fn number(scalar: &Scalar) -> Result<f64, Fault> {
    let number = scalar.text.parse().ok().filter(|_| !scalar.quoted);
    number.ok_or_else(|| Fault::NotNumber { got: scalar.text.clone() })
}

/// A number of bytes, with or without a unit.
pub(super) struct Bytes(pub RangeInclusive<u64>);

impl Rule<u64> for Bytes {
    fn parse(&self, scalar: &Scalar) -> Result<u64, Fault> {
        size::parse(&scalar.text).ok_or_else(|| Fault::NotSize { got: scalar.text.clone() })
    }

    fn check(&self, value: &u64) -> Result<(), Fault> {
        if self.0.contains(value) {
            return Ok(());
        }
        let range = format!("{}..{}", size::show(*self.0.start()), size::show(*self.0.end()));
        Err(Fault::OutOfRange { got: size::show(*value), range, meaning: "" })
    }

    fn show(&self, value: &u64) -> String {
        size::show(*value)
    }

    fn describe(&self) -> String {
        format!("bytes in {}..{}", size::show(*self.0.start()), size::show(*self.0.end()))
    }
}

/// `true` or `false`.
pub(super) struct Switch;

impl Rule<bool> for Switch {
    fn parse(&self, scalar: &Scalar) -> Result<bool, Fault> {
        match scalar.text.as_str() {
            "true" | "True" | "TRUE" if !scalar.quoted => Ok(true),
            "false" | "False" | "FALSE" if !scalar.quoted => Ok(false),
            _ => Err(Fault::NotSwitch { got: scalar.text.clone() }),
        }
    }

    fn check(&self, _: &bool) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn describe(&self) -> String {
        "true or false".to_owned()
    }
}

/// One word of a fixed list.
#[derive(Clone, Copy, Debug)]
pub struct Word;

impl<T: Choice> Rule<T> for Word {
    fn parse(&self, scalar: &Scalar) -> Result<T, Fault> {
        Ok(scalar.text.parse::<T>()?)
    }

    fn check(&self, _: &T) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, value: &T) -> String {
        value.to_string()
    }

    fn describe(&self) -> String {
        T::words().join(" or ")
    }
}

/// An address to listen on.
pub(super) struct Address;

impl Rule<SocketAddr> for Address {
    fn parse(&self, scalar: &Scalar) -> Result<SocketAddr, Fault> {
        scalar.text.parse().map_err(|_| Fault::NotAddress { got: scalar.text.clone() })
    }

    fn check(&self, _: &SocketAddr) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, value: &SocketAddr) -> String {
        value.to_string()
    }

    fn describe(&self) -> String {
        "IP:PORT".to_owned()
    }
}

/// A path, which need not exist yet.
pub(super) struct PathOf(pub &'static str);

impl Rule<PathBuf> for PathOf {
    fn parse(&self, scalar: &Scalar) -> Result<PathBuf, Fault> {
        Ok(PathBuf::from(&scalar.text))
    }

    fn check(&self, value: &PathBuf) -> Result<(), Fault> {
        if value.as_os_str().is_empty() { Err(Fault::NoValue) } else { Ok(()) }
    }

    fn show(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }

    fn describe(&self) -> String {
        format!("path of a {}", self.0)
    }
}

/// Any text, unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl Rule<String> for Text {
    fn parse(&self, scalar: &Scalar) -> Result<String, Fault> {
        Ok(scalar.text.clone())
    }

    fn check(&self, _: &String) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn describe(&self) -> String {
        "text".to_owned()
    }
}

/// A run's name.
pub(super) struct NameOfRun;

impl Rule<RunName> for NameOfRun {
    fn parse(&self, scalar: &Scalar) -> Result<RunName, Fault> {
        scalar.text.parse().map_err(|_| Fault::NotRunName { got: scalar.text.clone() })
    }

    fn check(&self, _: &RunName) -> Result<(), Fault> {
        Ok(())
    }

    fn show(&self, value: &RunName) -> String {
        value.to_string()
    }

    fn describe(&self) -> String {
        "name of a run".to_owned()
    }
}

fn out_of(range: &RangeInclusive<u64>, got: String, meaning: &'static str) -> Fault {
    Fault::OutOfRange { got, range: range_text(range), meaning }
}

fn range_text(range: &RangeInclusive<u64>) -> String {
    format!("{}..{}", range.start(), range.end())
}
