//! Where the state of this user is.

use std::path::PathBuf;

use crate::config::Config;
use crate::state::StateError;

/// The folder of the history and the token.
///
/// # Errors
/// If neither the configuration nor the environment names it.
pub fn state_folder(config: &Config) -> Result<PathBuf, StateError> {
    config.state_dir(|name| std::env::var_os(name).map(Into::into)).ok_or(StateError::Unknown)
}
