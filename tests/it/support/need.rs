//! Programs that some tests need and not every machine has. Without them a test skips with a message, or fails if skipping is forbidden.

use std::io::Write;
use std::process::{Command, Stdio};

/// Returns the needed thing, or `None` if the test is to be skipped.
///
/// # Panics
/// If `ROTEWATCH_REQUIRE_ALL=1` is set and the thing is missing.
pub(crate) fn or_skip<T>(found: Option<T>, what: &str) -> Option<T> {
    if found.is_none() {
        assert!(std::env::var_os("ROTEWATCH_REQUIRE_ALL").is_none_or(|value| value != "1"), "{what} is required, but missing");
        eprintln!("SKIPPED: {what}");
    }
    found
}

/// Returns `promtool check metrics`, reading from a pipe, if it is in PATH.
fn promtool() -> Option<Command> {
    let version = Command::new("promtool").arg("--version").output().ok()?;
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    version.status.success().then_some(command)
}

/// Asserts that promtool accepts an exposition without a message. Skips with a message if promtool is missing.
///
/// # Panics
/// If promtool prints anything.
pub(crate) fn promtool_is_content(exposition: &str) {
    let Some(mut promtool) = or_skip(promtool(), "promtool is not in PATH (Debian: apt-get install prometheus)") else { return };
    let mut child = promtool.spawn().expect("promtool starts");
    child.stdin.take().expect("stdin is a pipe").write_all(exposition.as_bytes()).expect("promtool reads");
    let checked = child.wait_with_output().expect("promtool ends");
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
