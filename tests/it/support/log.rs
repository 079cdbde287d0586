//! The log of the library inside this test binary, which has one log for all tests: whoever asserts on it looks for its
//! own file or run.

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, PoisonError};

use rotewatch::app::logging::{self, LogLevelSwitch};
use rotewatch::config::LogLevel;

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SWITCH: LazyLock<LogLevelSwitch> =
    LazyLock::new(|| logging::start(LogLevel::Info, || Sink).expect("nobody else starts the log of this binary"));

struct Sink;

impl Write for Sink {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        TEXT.lock().unwrap_or_else(PoisonError::into_inner).write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the log where it has not been, and hands out what sets its level.
pub fn switch() -> LogLevelSwitch {
    SWITCH.clone()
}

/// The lines so far that hold `part`.
pub fn lines_with(part: &str) -> Vec<String> {
    let text = TEXT.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&text).lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}
