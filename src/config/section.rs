//! The declaration of a section: the one place for a key's name, type, default, meaning, range, and when a change takes effect.
//!
//! The macro generates the struct that the program reads, its `Default`, and a visitor over the keys. The visitor is used to
//! read the file, to list and compare keys, and to check flags against the same ranges as the file.

use std::fmt;

use super::rules::Rule;

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
pub(super) trait Visitor {
    /// A key with one value, or one list of values.
    fn key<T>(&mut self, name: &'static str, value: &mut T, rule: &impl Rule<T>, acts: Acts);
    /// A nested section.
    fn section(&mut self, name: &'static str, section: &mut impl Section);
}

/// A group of keys that one struct holds.
pub(super) trait Section {
    /// Passes every key to the visitor.
    fn visit(&mut self, visitor: &mut impl Visitor);
}

/// Declares a section: `field: Type = default, rule, Acts;` for each key, then the nested sections.
macro_rules! section {
    (
        $(#[$about:meta])*
        $name:ident {
            $($(#[$about_key:meta])* $key:ident: $type:ty = $default:expr, $rule:expr, $acts:ident;)*
        }
        $(sections {
            $($(#[$about_inner:meta])* $inner:ident: $inner_type:ty;)+
        })?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$about_key])* pub $key: $type,)*
            $($($(#[$about_inner])* pub $inner: $inner_type,)+)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($key: $default,)*
                    $($($inner: <$inner_type>::default(),)+)?
                }
            }
        }

        impl $crate::config::section::Section for $name {
            fn visit(&mut self, visitor: &mut impl $crate::config::section::Visitor) {
                $(visitor.key(
                    stringify!($key),
                    &mut self.$key,
                    &$rule,
                    $crate::config::section::Acts::$acts,
                );)*
                $($(visitor.section(stringify!($inner), &mut self.$inner);)+)?
            }
        }
    };
}
pub(super) use section;
