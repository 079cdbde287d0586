//! The token that every request needs that changes state. It is written once to `STATE/token`, readable only by its owner.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;
use thiserror::Error;

/// The token's file cannot be read or written.
#[derive(Debug, Error)]
#[error("cannot {action} the token file {path}: {reason}")]
pub struct TokenError {
    /// What was tried.
    action: &'static str,
    /// The file.
    path: PathBuf,
    /// What the system said.
    reason: io::Error,
}

/// Reads the token of a state folder. If there is none, draws one and writes it there with mode 0600.
///
/// # Errors
/// If the folder or the file cannot be created or read.
pub fn read_or_create(state: &Path) -> Result<String, TokenError> {
    let path = state.join("token");
    let failed = |action| {
        let path = path.clone();
        move |reason| TokenError { action, path, reason }
    };
    match fs::read_to_string(&path) {
        Ok(token) if !token.trim().is_empty() => return Ok(token.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read")(error)),
    }
    fs::create_dir_all(state).map_err(failed("create the folder of"))?;
    let token = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    // Written to another file and renamed, so that a reader never gets half a token.
    let aside = state.join(format!(".token.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside).map_err(failed("write"))?;
    file.write_all(token.as_bytes()).and_then(|()| file.sync_all()).map_err(failed("write"))?;
    fs::rename(&aside, &path).map_err(failed("write"))?;
    Ok(token)
}

/// Whether two tokens are equal. The time that it takes does not reveal where they differ.
#[must_use]
pub fn matches(given: &str, token: &str) -> bool {
    given.as_bytes().ct_eq(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_for_its_owner_alone() -> Result<(), TokenError> {
        let state = tempfile::tempdir().expect("a temporary folder");
        let nested = state.path().join("a/b");
        let token = read_or_create(&nested)?;
        assert_eq!(token.len(), 64);
        assert_eq!(read_or_create(&nested)?, token);
        let mode = fs::metadata(nested.join("token")).expect("the file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Ok(())
    }

    #[test]
    fn only_the_whole_token_matches() {
        assert!(matches("abc", "abc"));
        for wrong in ["", "ab", "abcd", "abd"] {
            assert!(!matches(wrong, "abc"), "{wrong}");
        }
    }
}
