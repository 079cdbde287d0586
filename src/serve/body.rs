//! Receives request bodies. The length is checked before the first byte is received, and the total size of all bodies is bounded.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use hyper::{Request, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::{Answer, error};
use rotewatch_core::vocabulary::clock::Stopwatch;

/// A body must make progress: `SPAN_BYTES` in each `SPAN`, which is 1 KiB/s.
const SPAN: Duration = Duration::from_secs(10);
const SPAN_BYTES: usize = 10 << 10;
/// Limits on how much of a refused body is received and thrown away, and for how long. Without this, a client that is still
/// sending would lose the connection before it reads the answer.
const FORGOTTEN_BYTES: u64 = 256 << 20;
const FORGOTTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes per permit of the budget.
const PERMIT_BYTES: u64 = 1024;

/// Limits the total size of all bodies that are being received or processed.
#[derive(Clone, Debug)]
pub(super) struct BodyBudget(Arc<Semaphore>);

/// A body, with its share of the budget until it is dropped.
#[derive(Debug)]
pub(super) struct ReceivedBody {
    pub(super) bytes: Vec<u8>,
    _share: OwnedSemaphorePermit,
}

impl BodyBudget {
    /// Creates a budget of this many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let permits = usize::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(usize::MAX);
        BodyBudget(Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))))
    }

    /// Receives a body of at most `limit` bytes.
    pub(super) async fn receive(&self, request: &mut Request<Incoming>, limit: u64, key: &str) -> Result<ReceivedBody, Answer> {
        if request.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let says = "Content-Encoding is not supported; send the body uncompressed";
            return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, says));
        }
        let Some(length) = content_length(request) else {
            return Err(error(StatusCode::LENGTH_REQUIRED, "the request has no Content-Length; a body needs one"));
        };
        if length > limit {
            let reason = format!("the body has {length} bytes; the limit is {limit} ({key})");
            return Err(error(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        let permits = u32::try_from(length.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let Ok(share) = Arc::clone(&self.0).try_acquire_many_owned(permits) else {
            return Err(error(StatusCode::TOO_MANY_REQUESTS, "too many bodies are being received; send it again in a second"));
        };
        let mut bytes = Vec::with_capacity(length as usize);
        let mut pace = Pace::begun();
        while let Some(part) = pace.next_part(request).await? {
            bytes.extend_from_slice(&part);
        }
        Ok(ReceivedBody { bytes, _share: share })
    }
}

/// Receives and throws away the rest of a body, up to a limit, so that the client can read the answer.
pub(super) async fn forget(request: &mut Request<Incoming>) {
    if request.headers().contains_key(EXPECT) {
        // The client sends no body before a `100 Continue`.
        return;
    }
    let forgetting = async {
        let mut left = content_length(request).unwrap_or(FORGOTTEN_BYTES).min(FORGOTTEN_BYTES);
        let mut pace = Pace::begun();
        while left > 0 {
            let Ok(Some(part)) = pace.next_part(request).await else { return };
            left = left.saturating_sub(part.len() as u64);
        }
    };
    // After that the connection is closed.
    let _ = timeout(FORGOTTEN_TIMEOUT, forgetting).await;
}

fn content_length(request: &Request<Incoming>) -> Option<u64> {
    let stated = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // A request without a body has no length.
    stated.or_else(|| request.body().is_end_stream().then_some(0))
}

/// Measures how fast a body arrives.
struct Pace {
    span: Stopwatch,
    bytes: usize,
}

impl Pace {
    fn begun() -> Self {
        Pace { span: Stopwatch::start(), bytes: 0 }
    }

    /// Returns the next part of the body. Fails if the body ends early, or if less than `SPAN_BYTES` arrived within `SPAN`.
    async fn next_part(&mut self, request: &mut Request<Incoming>) -> Result<Option<Bytes>, Answer> {
        loop {
            match timeout(SPAN.saturating_sub(self.span.elapsed()), request.body_mut().frame()).await {
                Err(_) if self.bytes >= SPAN_BYTES => *self = Pace::begun(),
                Err(_) => {
                    return Err(error(StatusCode::REQUEST_TIMEOUT, "the body arrives too slowly; the minimum is 1 KiB/s"));
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(error(StatusCode::BAD_REQUEST, "the body ended early")),
                Ok(Some(Ok(frame))) => {
                    if let Ok(part) = frame.into_data() {
                        self.bytes += part.len();
                        return Ok(Some(part));
                    }
                }
            }
        }
    }
}
