//! A monitor in this process: the library as another trainer uses it, with real HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use rotewatch::config::Config;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::gate::{DropReason, FlowCounts};
use rotewatch_core::vocabulary::choices::{OnFull, StopOn};

use super::exposition::Exposition;

/// The default configuration, on a free port.
pub(crate) fn config() -> Config {
    let mut config = Config { listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), ..Config::default() };
    // Most runs of tests send activations alone, and such an alarm stops nothing by default.
    config.detect.stop_on = vec![StopOn::Suspected];
    config
}

/// Two frames of four wide layers fill the channel; measuring one epoch of them takes far longer than offering the next.
pub(crate) fn slow(on_full: OnFull) -> Config {
    let mut config = config();
    config.sampling.on_full = Some(on_full);
    config.limits.channel_frames = 2;
    config
}

/// Starts a monitor.
///
/// # Panics
/// If it does not start.
pub(crate) fn monitor(config: Config) -> Monitor {
    super::log::switch();
    Monitor::set_up(Setup { config, ..Setup::default() }).expect("the monitor starts")
}

/// Scrapes the monitor.
///
/// # Panics
/// If it serves no metrics.
pub(crate) fn scrape(monitor: &Monitor) -> Exposition {
    Exposition::scrape(monitor.address().expect("HTTP is on"))
}

/// Returns the frames dropped for one reason.
pub(crate) fn dropped(counts: &FlowCounts, reason: DropReason) -> u64 {
    counts.dropped[reason as usize]
}

/// Asserts that offered = measured + dropped + queued.
///
/// # Panics
/// If this is false.
pub(crate) fn assert_conserved(counts: &FlowCounts) {
    assert_eq!(counts.offered, counts.measured + counts.dropped.iter().sum::<u64>() + counts.queued, "{counts:?}");
}
