//! The declaration of a section: the one place for a key's name, type, default, meaning, range, and when a change takes effect.
//!
//! The macro generates the struct that the program reads, its `Default`, and a visitor over the keys. The visitor is used to
//! read the file, to list and compare keys, and to check flags against the same ranges as the file.

use std::fmt;

use super::rules::Rule;
use crate::config::yaml::Position;

/// When a changed key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// As soon as the file is reloaded.
    Live,
    /// When the program starts again.
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

/// An operation on every key of a section, in the order of declaration.
pub trait Visitor {
    /// A key with one value, or one list of values.
    fn key<T>(&mut self, name: &'static str, value: &mut T, rule: &impl Rule<T>, acts: Acts);
    /// A nested section.
    fn section(&mut self, name: &'static str, section: &mut impl Section);
    /// A nested section that is also read by the name it had in the release before.
    fn renamed_section(&mut self, name: &'static str, _old: &'static str, section: &mut impl Section) {
        self.section(name, section);
    }
    /// All keys that the section does not declare, if it accepts any. They come last.
    fn rest<T>(&mut self, keys: &mut Vec<Free<T>>, rule: &impl Rule<T>);
}

/// A key that its section does not declare.
#[derive(Clone, Debug, PartialEq)]
pub struct Free<T> {
    /// The key.
    pub name: String,
    /// The position of the key.
    pub at: Position,
    /// Its value.
    pub value: T,
}

/// A group of keys that one struct holds.
pub trait Section {
    /// Passes every key to the visitor.
    fn visit(&mut self, visitor: &mut impl Visitor);
}

/// Declares a section: its name, after `pub` where needed, `field: Type = default, rule, Acts;` for each key, then the nested sections, then under `rest` the field for
/// undeclared keys, if the section accepts any, then under `also` fields that are no keys. `section was old;` also reads the section's old name. `Acts` may be left out in a document that is read only once.
///
/// `for Struct { field: rule, Acts; }` declares a section for a struct of another module, which has the types, docs and defaults.
#[doc(hidden)]
#[macro_export]
macro_rules! __section {
    (@acts) => { $crate::config::section::Acts::AfterRestart };
    (@acts $acts:ident) => { $crate::config::section::Acts::$acts };
    (@visit $visitor:ident, $section:expr, $name:ident) => { $visitor.section(stringify!($name), $section) };
    (@visit $visitor:ident, $section:expr, $name:ident was $old:ident) => {
        $visitor.renamed_section(stringify!($name), stringify!($old), $section)
    };
    (
        for $name:ty {
            $($key:ident: $rule:expr $(, $acts:ident)?;)*
        }
        $(sections {
            $($inner:ident $(was $old:ident)?;)+
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
                $($($crate::config::section::section!(@visit visitor, &mut self.$inner, $inner $(was $old)?);)+)?
                $(visitor.rest(&mut self.$rest, &$rest_rule);)?
            }
        }
    };
    (
        $(#[$about:meta])*
        $vis:vis $name:ident {
            $($(#[$about_key:meta])* $key:ident: $type:ty = $default:expr, $rule:expr $(, $acts:ident)?;)*
        }
        $(sections {
            $($(#[$about_inner:meta])* $inner:ident: $inner_type:ty;)+
        })?
        $(rest {
            $(#[$about_rest:meta])* $rest:ident: $rest_type:ty, $rest_rule:expr;
        })?
        $(also {
            $($(#[$about_also:meta])* $also:ident: $also_type:ty;)+
        })?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $($(#[$about_key])* $vis $key: $type,)*
            $($($(#[$about_inner])* $vis $inner: $inner_type,)+)?
            $($(#[$about_rest])* $vis $rest: Vec<$crate::config::section::Free<$rest_type>>,)?
            $($($(#[$about_also])* $vis $also: $also_type,)+)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($key: $default,)*
                    $($($inner: <$inner_type>::default(),)+)?
                    $($rest: Vec::new(),)?
                    $($($also: <$also_type>::default(),)+)?
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
