//! Counts the requests to each route, by the status of the answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The counts of all requests. Routes are a fixed set of labels, so clients cannot create more. The lock is held only for an addition
/// or a copy.
#[derive(Debug, Default)]
pub struct RequestCounts(Mutex<BTreeMap<(&'static str, u16), u64>>);

impl RequestCounts {
    /// Counts an answer.
    pub fn count(&self, route: &'static str, code: u16) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((route, code)).or_default() += 1;
    }

    /// Returns the counts by route and status.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<(&'static str, u16), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
