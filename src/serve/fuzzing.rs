//! What `fuzz/` calls: the readers of this module that take what strangers send, and that nobody else needs from outside.

use super::address::{Parameters, Resource};
use super::alerts::Message;

/// Reads what follows `/api/v1/`, and a query.
pub fn address(path: &str, query: &str) {
    let _ = Resource::read(path).map(|resource| (resource.route(), resource.methods()));
    if let Ok(mut query) = Parameters::read(Some(query)) {
        let _ = (query.attempt(), query.number("seq", u64::MAX), query.wait_seconds(), query.end());
    }
}

/// Reads what Alertmanager sends.
pub fn alerts(body: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<Message>(body) {
        message.check();
    }
}
