//! Receiving a request's body: how long it may be is decided before a byte of it is received, and all bodies together are
//! bounded.

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

/// A body makes progress: in every such span so many bytes of it come, which is 1 KiB a second.
const SPAN: Duration = Duration::from_secs(10);
const SPAN_BYTES: usize = 10 << 10;
/// Of a body that is refused unread, so much is received and forgotten, for so long: a client that is still sending would
/// else lose the connection before it reads the refusal.
const FORGOTTEN_BYTES: u64 = 256 << 20;
const FORGOTTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that one permit of the budget stands for.
const PERMIT_BYTES: u64 = 1024;

/// What all bodies that are being received or taken in may have together.
#[derive(Clone, Debug)]
pub(super) struct BodyBudget(Arc<Semaphore>);

/// A body, and its share of the budget until it is dropped.
#[derive(Debug)]
pub(super) struct ReceivedBody {
    pub(super) bytes: Vec<u8>,
    _share: OwnedSemaphorePermit,
}

impl BodyBudget {
    /// Room for so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let permits = usize::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(usize::MAX);
        BodyBudget(Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))))
    }

    /// Receives a body of at most `limit` bytes.
    pub(super) async fn receive(&self, request: &mut Request<Incoming>, limit: u64, key: &str) -> Result<ReceivedBody, Answer> {
        if request.headers().get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let says = "bodies are taken as they are: send it without Content-Encoding, not compressed";
            return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, says));
        }
        let Some(length) = content_length(request) else {
            return Err(error(StatusCode::LENGTH_REQUIRED, "a body needs a Content-Length"));
        };
        if length > limit {
            let reason = format!("the body has {length} bytes, more than the {limit} that it may have ({key})");
            return Err(error(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        let permits = u32::try_from(length.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let Ok(share) = Arc::clone(&self.0).try_acquire_many_owned(permits) else {
            return Err(error(StatusCode::TOO_MANY_REQUESTS, "too many bodies are being received: send it again in a moment"));
        };
        let mut bytes = Vec::with_capacity(length as usize);
        let mut pace = Pace::begun();
        while let Some(part) = pace.next_part(request).await? {
            bytes.extend_from_slice(&part);
        }
        Ok(ReceivedBody { bytes, _share: share })
    }
}

/// Receives and forgets what a client is still sending, up to a limit, so that it can read the refusal.
pub(super) async fn forget(request: &mut Request<Incoming>) {
    if request.headers().contains_key(EXPECT) {
        // It sends nothing before it is told to.
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
    // Who has not finished by then loses the connection.
    let _ = timeout(FORGOTTEN_TIMEOUT, forgetting).await;
}

fn content_length(request: &Request<Incoming>) -> Option<u64> {
    let stated = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    // Without a body there is no length either.
    stated.or_else(|| request.body().is_end_stream().then_some(0))
}

/// How fast a body comes.
struct Pace {
    span: Stopwatch,
    bytes: usize,
}

impl Pace {
    fn begun() -> Self {
        Pace { span: Stopwatch::start(), bytes: 0 }
    }

    /// The next part of the body; an error where it ends early, or too little of it came within a span.
    async fn next_part(&mut self, request: &mut Request<Incoming>) -> Result<Option<Bytes>, Answer> {
        loop {
            match timeout(SPAN.saturating_sub(self.span.elapsed()), request.body_mut().frame()).await {
                Err(_) if self.bytes >= SPAN_BYTES => *self = Pace::begun(),
                Err(_) => {
                    return Err(error(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly: 1 KiB a second is the least"));
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
