//! Converts the configuration into the parameters of each part.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::history::{Retention, StoreParams};
use rotewatch_core::detect::Reference;
use rotewatch_core::monitor::MonitorParams;
use rotewatch_core::monitor::retirement::RetirementParams;
use rotewatch_core::monitor::window::WindowParams;
use rotewatch_info::measures::KnnParams;
use rotewatch_info::measures::{MeasureParams, ParamsError};

/// The parameters of the monitor thread.
///
/// # Errors
/// If the measures cannot be computed as asked.
pub(super) fn monitor_params(config: &Config, reference: Option<Reference>) -> Result<MonitorParams, ParamsError> {
    let seed = config.sampling.seed;
    let measures = &config.measures;
    Ok(MonitorParams {
        window: WindowParams { epochs: config.window_epochs(config.sampling.mode), rows: config.window.rows, seed },
        measures: MeasureParams::new(
            measures.bins,
            measures.network_bins,
            measures.bin_edges,
            measures.binning,
            measures.shuffle_pairs,
            seed,
        )?
        .with_ksg(measures.ksg_pairs, KnnParams::new(measures.ksg_k)?)?,
        rolling: config.window.rolling,
        reference: reference.map(Arc::new),
        retirement: RetirementParams {
            finished: Duration::from_secs(config.limits.retire_finished_seconds),
            silent: Duration::from_secs(config.limits.retire_silent_seconds),
            finished_runs: config.limits.runs,
        },
    })
}

/// The parameters of the history.
pub(super) fn store_params(config: &Config) -> StoreParams {
    let history = &config.history;
    StoreParams {
        retention: Retention { matrix_epochs: history.matrix_epochs, runs: history.runs },
        most_bytes: history.bytes,
        // The queue to the disk may take as much memory as the queue to the monitor.
        most_waiting_bytes: config.limits.channel_bytes,
    }
}
