//! The live page over HTTP: which paths it has, and what a browser may do with them.

use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};

use super::answer::{Answer, text, with_type};
use crate::page::{self, Asset};

/// Scripts from here alone, and none within the page; nothing from or to anywhere else. Plotly sets the styles of what it
/// draws within the page, and draws heat maps as images of its own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// For what never changes under its name.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Whether the page has such a path.
pub(super) fn has(path: &str) -> bool {
    page::asset(path).is_some()
}

/// The part of the page under a path.
pub(super) fn answer(path: &str) -> Answer {
    let Some(Asset { content_type, body, never_changes }) = page::asset(path) else {
        return text(StatusCode::NOT_FOUND, "the page has no such part\n");
    };
    let mut answer = with_type(StatusCode::OK, content_type, body);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    if never_changes {
        answer.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
    }
    answer
}
