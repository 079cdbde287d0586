//! The log: lines on stderr, their level settable while running. The only user of tracing-subscriber.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::choices::LogLevel;

/// Sends log lines of `level` and above to `writer`. `ROTEWATCH_LOG` takes precedence, in the syntax of tracing's `EnvFilter`.
///
/// # Errors
/// If logging was started before.
pub fn start<W>(level: LogLevel, writer: W) -> Result<(), anyhow::Error>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_from_env("ROTEWATCH_LOG").unwrap_or_else(|_| EnvFilter::new(level.to_string()));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false).finish();
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(())
}
