//! The names of runs and layers. A name is checked once, when it is parsed.
//!
//! Names appear in label values, file names and web pages, so this module alone decides which characters they may contain.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Maximum length of a run name, in bytes.
pub const RUN_NAME_MAX_BYTES: usize = 64;
/// Maximum length of a layer name, in bytes.
pub const LAYER_NAME_MAX_BYTES: usize = 128;

/// Why a name was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// The run name does not match `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
    #[error(
        "run name {name:?} does not match [A-Za-z0-9][A-Za-z0-9._-]{{0,63}}: start with a letter or digit, then at most 63 letters, digits, '.', '_' or '-'"
    )]
    Run {
        /// The name as given.
        name: String,
    },
    /// The layer name is empty, too long, or contains a control character.
    #[error("layer name {name:?} is not valid: use 1 to {LAYER_NAME_MAX_BYTES} bytes without control characters")]
    Layer {
        /// The name as given.
        name: String,
    },
}

/// The name of a run: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunName(String);

impl RunName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        name.parse()
    }
}

impl From<RunName> for String {
    fn from(name: RunName) -> String {
        name.0
    }
}

impl FromStr for RunName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let starts_well = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let all_allowed = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if starts_well && all_allowed && name.len() <= RUN_NAME_MAX_BYTES {
            Ok(RunName(name.to_owned()))
        } else {
            Err(NameError::Run { name: name.to_owned() })
        }
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a tapped layer: 1 to 128 bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerName(String);

impl LayerName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LayerName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        name.parse()
    }
}

impl From<LayerName> for String {
    fn from(name: LayerName) -> String {
        name.0
    }
}

impl FromStr for LayerName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let length_fits = (1..=LAYER_NAME_MAX_BYTES).contains(&name.len());
        if length_fits && !name.chars().any(char::is_control) {
            Ok(LayerName(name.to_owned()))
        } else {
            Err(NameError::Layer { name: name.to_owned() })
        }
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The random id of one training under a run name. Training again under the same name is a new attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Attempt(u64);

impl Attempt {
    /// Draws a new random id.
    #[must_use]
    pub fn draw() -> Self {
        Attempt(rand::random())
    }
}

/// The text is not a valid attempt id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{text:?} is not a valid attempt id: use 16 random lowercase hexadecimal digits, drawn when training starts")]
pub struct AttemptError {
    /// The text as given.
    text: String,
}

impl TryFrom<String> for Attempt {
    type Error = AttemptError;

    fn try_from(text: String) -> Result<Self, AttemptError> {
        text.parse()
    }
}

impl From<Attempt> for String {
    fn from(attempt: Attempt) -> String {
        attempt.to_string()
    }
}

impl FromStr for Attempt {
    type Err = AttemptError;

    fn from_str(text: &str) -> Result<Self, AttemptError> {
        let well_formed = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = u64::from_str_radix(text, 16).ok().filter(|_| well_formed);
        id.map(Attempt).ok_or_else(|| AttemptError { text: text.to_owned() })
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_names_that_could_escape_a_label_or_a_folder_are_refused() {
        let longest = "a".repeat(RUN_NAME_MAX_BYTES);
        for good in ["a", "0", "digits-mlp.seed_1", longest.as_str()] {
            assert!(good.parse::<RunName>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(RUN_NAME_MAX_BYTES + 1);
        for bad in ["", ".", "..", "-a", "_a", "a/b", "a b", "a\"b", "a\nb", "a\0", "é", too_long.as_str()] {
            assert!(bad.parse::<RunName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn layer_names_may_hold_anything_printable() {
        for good in ["fc1", "blocks.3/mlp \"up\"", "é"] {
            assert!(good.parse::<LayerName>().is_ok(), "{good}");
        }
        let too_long = "é".repeat(LAYER_NAME_MAX_BYTES / 2 + 1);
        for bad in ["", "a\nb", "\u{7f}", "\u{85}", too_long.as_str()] {
            assert!(bad.parse::<LayerName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_attempt_reads_back_what_it_writes_and_nothing_else() {
        let attempt = Attempt::draw();
        assert_eq!(attempt.to_string().parse(), Ok(attempt));
        assert!("000000000000000a".parse::<Attempt>().is_ok());
        for bad in ["", "a", "000000000000000A", "00000000000000000a", "+00000000000000a", "000000000000000g", " 00000000000000a"]
        {
            assert!(bad.parse::<Attempt>().is_err(), "{bad:?}");
        }
    }
}
