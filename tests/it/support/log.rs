//! The library's log inside this test binary. All tests share it, so assertions search for their own file or run
//! name.

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, PoisonError};

use rotewatch::app::logging::{self, LogLevelSwitch};
use rotewatch::config::LogLevel;

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static SWITCH: LazyLock<LogLevelSwitch> =
    LazyLock::new(|| logging::start(LogLevel::Info, || Sink).expect("the log of this binary is started once"));

struct Sink;

impl Write for Sink {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        TEXT.lock().unwrap_or_else(PoisonError::into_inner).write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the log if necessary, and returns the handle that sets its level.
pub(crate) fn switch() -> LogLevelSwitch {
    SWITCH.clone()
}

/// Returns the lines so far that contain `part`.
pub(crate) fn lines_with(part: &str) -> Vec<String> {
    let text = TEXT.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&text).lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}
