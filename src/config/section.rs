//! The declaration of a section: one place for a key's name, type, default, meaning, range and reach.
//!
//! From it come the struct that the program reads, its `Default`, and a walk over the keys, which is how the file is
//! read, how keys are listed and compared, and how flags are held to the same ranges as the file.
//!
//! Other crates declare documents of their own with the same macro and rules and read them with [`read_with_mistakes`].

use std::fmt;

pub use super::lists::{Given, Here, ListOf, OneOr, Placed, Sections};
pub use super::mistake::mistake_lines;
pub use super::reader::{nearest, read_text, read_with_mistakes};
pub use super::rules::{Rule, Text, Whole, Word};
use crate::yaml::Position;

/// When a changed key acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// As soon as the file is read again.
    Live,
    /// When the program starts.
    AfterRestart,
}

impl fmt::Display for Acts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Live => "live",
            Self::AfterRestart => "after a restart",
        })
    }
}

/// Something done to every key of a section, in the order of their declaration.
pub trait Visitor {
    /// A key with one value, or one list of values.
    fn key<T>(&mut self, name: &'static str, value: &mut T, rule: &impl Rule<T>, acts: Acts);
    /// A section inside the section.
    fn section(&mut self, name: &'static str, section: &mut impl Section);
    /// All keys that the section does not declare, where it takes any; shown last.
    fn rest<T>(&mut self, keys: &mut Vec<Free<T>>, rule: &impl Rule<T>);
}

/// A key that its section does not declare.
#[derive(Clone, Debug, PartialEq)]
pub struct Free<T> {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub at: Position,
    /// Its value.
    pub value: T,
}

/// A group of keys that one struct holds.
pub trait Section {
    /// Shows every key to the visitor.
    fn visit(&mut self, visitor: &mut impl Visitor);
}

/// Declares a section: `field: Type = default, rule, Acts;` for each key, then the sections inside it, then under `rest` the
/// field for keys that are not declared, where any are taken. `Acts` may be left out in a document that is read once.
///
/// A struct that another module owns, with its types, meanings and defaults, becomes a section by `for Struct { field: rule, Acts; }`.
#[doc(hidden)]
#[macro_export]
macro_rules! __section {
    (@acts) => { $crate::config::section::Acts::AfterRestart };
    (@acts $acts:ident) => { $crate::config::section::Acts::$acts };
    (
        for $name:ty {
            $($key:ident: $rule:expr $(, $acts:ident)?;)*
        }
        $(sections {
            $($inner:ident;)+
        })?
        $(rest {
            $rest:ident: $rest_rule:expr;
        })?
    ) => {
        impl $crate::config::section::Section for $name {
            fn visit(&mut self, visitor: &mut impl $crate::config::section::Visitor) {
                $(visitor.key(
                    stringify!($key),
                    &mut self.$key,
                    &$rule,
                    $crate::config::section::section!(@acts $($acts)?),
                );)*
                $($(visitor.section(stringify!($inner), &mut self.$inner);)+)?
                $(visitor.rest(&mut self.$rest, &$rest_rule);)?
            }
        }
    };
    (
        $(#[$about:meta])*
        $name:ident {
            $($(#[$about_key:meta])* $key:ident: $type:ty = $default:expr, $rule:expr $(, $acts:ident)?;)*
        }
        $(sections {
            $($(#[$about_inner:meta])* $inner:ident: $inner_type:ty;)+
        })?
        $(rest {
            $(#[$about_rest:meta])* $rest:ident: $rest_type:ty, $rest_rule:expr;
        })?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$about_key])* pub $key: $type,)*
            $($($(#[$about_inner])* pub $inner: $inner_type,)+)?
            $($(#[$about_rest])* pub $rest: Vec<$crate::config::section::Free<$rest_type>>,)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($key: $default,)*
                    $($($inner: <$inner_type>::default(),)+)?
                    $($rest: Vec::new(),)?
                }
            }
        }

        $crate::config::section::section! {
            for $name {
                $($key: $rule $(, $acts)?;)*
            }
            $(sections {
                $($inner;)+
            })?
            $(rest {
                $rest: $rest_rule;
            })?
        }
    };
}
#[doc(inline)]
pub use __section as section;
