//! The token in a request's header.

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;

use crate::state::token;

/// Returns whether a request carries the token.
pub(super) fn carries(request: &Request<Incoming>, token: &str) -> bool {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|given| token::matches(given, token))
}
