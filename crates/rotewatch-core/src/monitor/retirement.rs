//! When a run is removed from the live page: some time after its end, or after a long silence.

use std::time::Duration;

/// A run is silent only after this many of its own epoch intervals, so that a stall alert can fire first.
const SILENT_EPOCHS: u32 = 20;

/// When runs are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetirementParams {
    /// How long an ended run is still shown.
    pub finished: Duration,
    /// How long a run that has not ended may be silent before it counts as given up.
    pub silent: Duration,
    /// Maximum number of ended runs shown; the one that ended first is removed first.
    pub finished_runs: usize,
}

impl RetirementParams {
    /// Returns whether a run that has not ended counts as given up. `epoch_interval` is the time between its newest two reports.
    #[must_use]
    pub fn is_silent(&self, silence: Duration, epoch_interval: Option<Duration>) -> bool {
        let of_its_own = epoch_interval.map_or(Duration::ZERO, |interval| interval.saturating_mul(SILENT_EPOCHS));
        silence >= self.silent.max(of_its_own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_run_may_be_silent_for_longer() {
        let params = RetirementParams { finished: Duration::ZERO, silent: Duration::from_secs(100), finished_runs: 1 };
        let seconds = Duration::from_secs;
        for (silence, interval, is_silent) in [
            (99, None, false),
            (100, None, true),
            (100, Some(5), true),
            (119, Some(6), false),
            (120, Some(6), true),
            (1_000_000, Some(u64::MAX), false),
        ] {
            let judged = params.is_silent(seconds(silence), interval.map(seconds));
            assert_eq!(judged, is_silent, "{silence} s with epochs of {interval:?} s");
        }
    }
}
