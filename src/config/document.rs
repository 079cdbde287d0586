//! Everything that another crate needs to declare a file format of its own with the macro and the rules of the configuration, and to
//! read it with [`read_with_mistakes`].

pub use super::fault::Fault;
pub use super::lists::{Given, Here, ListOf, OneOr, Placed, Sections};
pub use super::mistake::{ConfigError, Mistake, mistake_lines};
pub use super::reader::{nearest, read_text, read_with_mistakes};
pub use super::rules::{Rule, Text, Whole, Word};
pub use super::section::{Free, section};
