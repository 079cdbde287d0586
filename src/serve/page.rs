//! Serves the files of the live page, with the headers that restrict what a browser may do with them.

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};

use super::answer::{Answer, text, with_type};
use crate::page::{self, Asset};

/// Allows scripts only from this server, no inline scripts, and no requests to other servers. Plotly needs inline styles, and
/// `data:` and `blob:` images for heat maps.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// For files whose name changes with their content.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Returns whether the page has a file with this path.
pub(super) fn has(path: &str) -> bool {
    page::asset(path).is_some()
}

/// Answers with the file of this path.
pub(super) fn answer(path: &str) -> Answer {
    let Some(Asset { content_type, body, never_changes }) = page::asset(path) else {
        return text(StatusCode::NOT_FOUND, "not found\n");
    };
    let mut answer = with_type(StatusCode::OK, content_type, body);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    if never_changes {
        answer.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
    }
    answer
}
