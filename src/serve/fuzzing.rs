//! Entry points for `fuzz/`: the private parsers of this module that read untrusted input.

use super::address::{Parameters, Resource};
use super::alerts::Message;

/// Parses the part of a path after `/api/v1/`, and a query.
pub fn address(path: &str, query: &str) {
    let _ = Resource::read(path).map(|resource| (resource.route(), resource.methods()));
    if let Ok(mut query) = Parameters::read(Some(query)) {
        let _ = (query.attempt(), query.number("seq", u64::MAX), query.wait_seconds(), query.end());
    }
}

/// Parses a message of Alertmanager.
pub fn alerts(body: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<Message>(body) {
        message.check();
    }
}
