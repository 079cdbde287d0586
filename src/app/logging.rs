//! The log: lines on stderr whose level can change at run time. The only user of tracing-subscriber.

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::LogLevel;

/// The variable that takes precedence over the configured level, in the syntax of tracing's `EnvFilter`.
const VARIABLE: &str = "ROTEWATCH_LOG";

/// Sets the level of the running log. Has no effect if the environment variable sets it.
#[derive(Clone)]
pub struct LogLevelSwitch(Option<Arc<reload::Handle<EnvFilter, Registry>>>);

impl LogLevelSwitch {
    /// Writes lines of `level` and above from now on.
    pub fn set(&self, level: LogLevel) {
        if let Some(filter) = &self.0 {
            // Fails only if the log is gone.
            let _ = filter.reload(EnvFilter::new(level.to_string()));
        }
    }
}

/// Sends log lines of `level` and above to `writer`.
///
/// # Errors
/// If logging was started before.
pub fn start<W>(level: LogLevel, writer: W) -> Result<LogLevelSwitch, anyhow::Error>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let from_environment = EnvFilter::try_from_env(VARIABLE).ok();
    let decided = from_environment.is_some();
    let filter = from_environment.unwrap_or_else(|| EnvFilter::new(level.to_string()));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(writer).with_target(false).with_ansi(std::io::stderr().is_terminal());
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filter).with(lines))?;
    Ok(LogLevelSwitch((!decided).then(|| Arc::new(handle))))
}
