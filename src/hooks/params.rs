//! The checked settings of a hook.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use super::WebhookUrl;
use rotewatch_core::vocabulary::verdict::Kind;

/// The most hooks that a configuration may hold.
pub const HOOKS_MAX: usize = 16;
/// Seconds that one attempt of a webhook may take.
pub const WEBHOOK_TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=60;
/// How often a webhook may be tried again.
pub const WEBHOOK_RETRIES: RangeInclusive<u64> = 0..=10;
/// Seconds that a command may take.
pub const COMMAND_TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=300;

const NAME_MAX_BYTES: usize = 64;
const ARGUMENTS_MAX: usize = 64;
const ARGUMENT_MAX_BYTES: usize = 4096;

/// A hook of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct HookParams {
    /// The name that it is counted under.
    pub name: HookName,
    /// The kinds of memorization it fires on.
    pub on: Vec<Kind>,
    /// What it does.
    pub action: Action,
}

/// What a hook does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Posts to a URL.
    Webhook(WebhookParams),
    /// Runs a program.
    Command(CommandParams),
}

/// A webhook's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookParams {
    /// The URL that it posts to.
    pub url: WebhookUrl,
    /// The most seconds per try, from resolving the name to the end of the reply.
    pub timeout_seconds: u64,
    /// The most retries.
    pub retries: u32,
    /// A file with the token for `Authorization: Bearer`. It is read for every try.
    pub token_file: Option<PathBuf>,
    /// Whether link-local addresses and those of cloud metadata services are allowed.
    pub allow_link_local: bool,
}

/// A command's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandParams {
    /// The program and its arguments.
    pub argv: Argv,
    /// The most seconds that it may take.
    pub timeout_seconds: u64,
}

/// The name of a hook, usable as a label: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookName(String);

/// The name of a hook is malformed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{name}` is not a hook name: use at most 64 letters, digits, '.', '_' or '-', starting with a letter or digit")]
pub struct HookNameError {
    /// The name as given.
    name: String,
}

impl HookName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HookName {
    type Err = HookNameError;

    fn from_str(name: &str) -> Result<Self, HookNameError> {
        let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let all_allowed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if starts_well && all_allowed && name.len() <= NAME_MAX_BYTES {
            return Ok(HookName(name.to_owned()));
        }
        Err(HookNameError { name: name.to_owned() })
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A program and its arguments, passed to the system as they are, without a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argv {
    program: String,
    arguments: Vec<String>,
}

/// Why a list of arguments is not a command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArgvError {
    /// There is no program, or there are too many arguments.
    #[error("a command has 1 to {ARGUMENTS_MAX} items, the program and then its arguments, but this one has {count}")]
    Count {
        /// How many items there are.
        count: usize,
    },
    /// A relative path. It would depend on the folder in which the command runs.
    #[error("`{program}` must be an absolute path or the name of a program in PATH")]
    Program {
        /// The program as given.
        program: String,
    },
    /// The system does not accept the argument.
    #[error("`{argument}` contains a zero byte or is longer than {ARGUMENT_MAX_BYTES} bytes")]
    Argument {
        /// The beginning of the argument.
        argument: String,
    },
}

impl Argv {
    /// Checks a list.
    ///
    /// # Errors
    /// See [`ArgvError`].
    pub fn new(items: Vec<String>) -> Result<Self, ArgvError> {
        let count = items.len();
        let mut items = items.into_iter();
        let Some(program) = items.next().filter(|_| count <= ARGUMENTS_MAX) else {
            return Err(ArgvError::Count { count });
        };
        if program.is_empty() || (program.contains('/') && !program.starts_with('/')) {
            return Err(ArgvError::Program { program });
        }
        let arguments: Vec<String> = items.collect();
        let impossible = |item: &&String| item.contains('\0') || item.len() > ARGUMENT_MAX_BYTES;
        match std::iter::once(&program).chain(&arguments).find(impossible) {
            Some(item) => Err(ArgvError::Argument { argument: item.chars().take(32).collect() }),
            None => Ok(Argv { program, arguments }),
        }
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Its arguments.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_program_that_can_be_found_from_anywhere() {
        let argv = |items: &[&str]| Argv::new(items.iter().map(ToString::to_string).collect());
        assert!(argv(&["/bin/echo", "a b", ""]).is_ok() && argv(&["echo"]).is_ok());
        assert_eq!(argv(&[]), Err(ArgvError::Count { count: 0 }));
        assert_eq!(argv(&["./hook.sh"]), Err(ArgvError::Program { program: "./hook.sh".into() }));
        assert_eq!(argv(&[""]), Err(ArgvError::Program { program: String::new() }));
        assert_eq!(argv(&["echo", "a\0b"]), Err(ArgvError::Argument { argument: "a\0b".into() }));
        assert_eq!(argv(&["a"; 65]), Err(ArgvError::Count { count: 65 }));
    }

    #[test]
    fn names_are_fit_for_a_label() {
        for good in ["chat", "0", "a.b_c-d"] {
            assert!(good.parse::<HookName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a b", "a\"", "é", "a".repeat(65).as_str()] {
            assert!(bad.parse::<HookName>().is_err(), "{bad:?}");
        }
    }
}
