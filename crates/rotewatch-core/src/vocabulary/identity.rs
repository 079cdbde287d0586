//! The names of runs and layers. A name is checked once, when it is parsed.
//!
//! Names appear in label values, file names and web pages, so this module alone decides which characters they may contain.

use std::fmt;
use std::str::FromStr;

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunName(String);

impl RunName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerName(String);

impl LayerName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
}
