//! Settings that are one of a few words, spelled the same in a file, in a flag and in a message.
//!
//! The words come from the enum itself, through strum: the name of a variant is its spelling, its doc comment is its help.

use std::fmt;
use std::str::FromStr;

use strum::{EnumMessage, VariantArray, VariantNames};

/// A setting that is one of a few words. Implemented for every enum that derives strum's word tables and reads with [`UnknownChoice`].
pub trait Choice: FromStr<Err = UnknownChoice> + fmt::Display + EnumMessage + VariantArray + VariantNames + Copy {
    /// Every choice, in the order of its declaration.
    #[must_use]
    fn all() -> &'static [Self] {
        <Self as VariantArray>::VARIANTS
    }

    /// The spelling of every choice, in the same order.
    #[must_use]
    fn words() -> &'static [&'static str] {
        <Self as VariantNames>::VARIANTS
    }
}

impl<T: FromStr<Err = UnknownChoice> + fmt::Display + EnumMessage + VariantArray + VariantNames + Copy> Choice for T {}

/// A word that is not among the choices of a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not one of {}", .choices.join(", "))]
pub struct UnknownChoice {
    /// The word that was given.
    pub got: String,
    /// The words that are known.
    pub choices: &'static [&'static str],
}

impl UnknownChoice {
    /// The error for a word that `T` does not know: strum's `parse_err_fn`.
    #[must_use]
    pub fn among<T: VariantNames>(got: &str) -> Self {
        UnknownChoice { got: got.to_owned(), choices: T::VARIANTS }
    }
}
