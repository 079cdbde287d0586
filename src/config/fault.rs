//! What can be wrong with a key or its value. Each message says what to do.

use crate::config::yaml::Position;
use crate::hooks::{ArgvError, HookNameError, WebhookUrlError};
use rotewatch_core::vocabulary::choices::UnknownChoice;

/// What is wrong with a key or its value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// No such key.
    #[error("unknown key{}", .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key that was probably intended.
        nearest: Option<String>,
    },
    /// The key occurs twice in its section.
    #[error("duplicate key, first used at {first}")]
    Duplicate {
        /// The first occurrence.
        first: Position,
    },
    /// The old name of a section that the file also calls by its new name.
    #[error("is the old name of {new}, which the file has too; remove one of them")]
    GivenByNewName {
        /// The section by its new name.
        new: String,
    },
    /// The key has no value.
    #[error("has no value; remove the key to use its default")]
    NoValue,
    /// A value of the wrong shape, such as a list instead of a single value.
    #[error("must be {wanted}, not {got}")]
    Shape {
        /// The expected shape.
        wanted: &'static str,
        /// The given value.
        got: &'static str,
    },
    /// Not a whole number.
    #[error("`{got}` is not a whole number")]
    NotWhole {
        /// The given value.
        got: String,
    },
    /// Not a number.
    #[error("`{got}` is not a number")]
    NotNumber {
        /// The given value.
        got: String,
    },
    /// Not a valid run name.
    #[error("`{got}` is not a run name: use at most 64 letters, digits, '.', '_' or '-', starting with a letter or digit")]
    NotRunName {
        /// The given value.
        got: String,
    },
    /// Not a boolean. YAML 1.2 does not accept `yes` and `on`.
    #[error("`{got}` is neither true nor false")]
    NotSwitch {
        /// The given value.
        got: String,
    },
    /// Too small or too large.
    #[error("{got} is not in {range}{meaning}")]
    OutOfRange {
        /// The given value.
        got: String,
        /// The smallest and the largest value.
        range: String,
        /// An explanation of the number if it is easy to misread; else empty.
        meaning: &'static str,
    },
    /// Not a number of bytes.
    #[error("`{got}` is not a size: write 268435456 or 256MiB")]
    NotSize {
        /// The given value.
        got: String,
    },
    /// Not an address to listen on.
    #[error("`{got}` is not an address: write an IP and a port, such as 127.0.0.1:19787 or [::1]:19787")]
    NotAddress {
        /// The given value.
        got: String,
    },
    /// Not the name of a machine.
    #[error("`{got}` is not a host name: write it without scheme, port and path")]
    NotHostName {
        /// The given value.
        got: String,
    },
    /// Not one of the words that this key accepts.
    #[error(transparent)]
    Choice(#[from] UnknownChoice),
    /// Neither a valid value nor the key's word for none.
    #[error("{fault}, or `{word}`")]
    AlsoNot {
        /// The word for none.
        word: &'static str,
        /// Why it is not a valid value.
        fault: Box<Fault>,
    },
    /// The same item twice in a list.
    #[error("`{got}` is listed twice")]
    Repeated {
        /// The item.
        got: String,
    },
    /// A mistake inside a list item.
    #[error("{fault}")]
    Inside {
        /// The item and the key inside it, such as `[0].webhook.url`.
        path: String,
        /// The mistake.
        fault: Box<Fault>,
    },
    /// A required key is missing.
    #[error("needs {what}")]
    Needs {
        /// The key, or keys.
        what: &'static str,
    },
    /// Too many hooks.
    #[error("{hooks} hooks, but at most {} are allowed", crate::hooks::HOOKS_MAX)]
    TooManyHooks {
        /// How many there are.
        hooks: usize,
    },
    /// Not a hook's name.
    #[error(transparent)]
    HookName(#[from] HookNameError),
    /// Not a webhook's URL.
    #[error(transparent)]
    WebhookUrl(#[from] WebhookUrlError),
    /// Not a command.
    #[error(transparent)]
    Argv(#[from] ArgvError),
    /// Not the hash of a password.
    #[error("not a bcrypt hash: make one with `htpasswd -nBC 10 \"\"`")]
    NotPasswordHash,
    /// Not a header that the web configuration can set.
    #[error("this header cannot be set here; use one of {known}")]
    NotHeader {
        /// The headers that can be set.
        known: String,
    },
    /// Not a valid header value.
    #[error("not a header value: use printable ASCII on one line")]
    NotHeaderValue,
    /// A relative path, which would depend on the current folder of the program.
    #[error("`{got}` is not an absolute path")]
    NotAbsolute {
        /// The given value.
        got: String,
    },
    /// So few rows per bin that every report would be marked unreliable.
    #[error(
        "a window of {rows} rows is too small for measures.bins = {bins}, which needs {needed} (5 per bin); no run could \
         ever be called memorizing"
    )]
    TooFewRows {
        /// The most rows that a window can hold.
        rows: usize,
        /// The bins.
        bins: usize,
        /// The rows that these bins need.
        needed: usize,
    },
    /// The channel cannot hold a single full layer.
    #[error("too small for one full frame, which takes {needed} (sampling.rows x sampling.neurons_per_layer x 4 bytes)")]
    FrameTooLarge {
        /// The size of one full frame.
        needed: String,
    },
}
