//! What every receiver of alarms can do.

use std::time::Duration;

use super::{Attempted, Closing, HookName, Notice};
use rotewatch_core::vocabulary::verdict::Kind;

/// A receiver of alarms.
pub trait Hook: Send + Sync {
    /// The name it is counted under.
    fn name(&self) -> &HookName;

    /// Whether it fires on alarms of this kind.
    fn listens_to(&self, kind: Kind) -> bool;

    /// Tries once. Called on the hooks' thread, which waits for it. Must return within its own time limit and within the time that
    /// `closing` leaves. A panic ends only this firing.
    fn fire(&self, notice: &Notice, closing: &Closing) -> Attempted;

    /// The most retries after a try that may be repeated.
    fn retries(&self) -> u32 {
        0
    }

    /// The wait before the first retry, before jitter; each further wait is twice as long.
    fn first_wait(&self) -> Duration {
        Duration::from_secs(1)
    }
}
