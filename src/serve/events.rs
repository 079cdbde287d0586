//! `GET /api/v1/events`: server-sent events, as long as the subscriber stays connected.
//!
//! ```text
//! epoch     an epoch was judged           {run, attempt, epoch, verdict, kind, onset_epoch, ...}
//! finding   an alarm was raised           {run, attempt, epoch, kind, onset_epoch, alarm_epoch, layers, why, remedy, ...}
//! verdict   the verdict changed           as epoch
//! status    a run began, ended, was asked to stop, or was removed; {"status": "resync"}: read everything again
//! ```
//!
//! An event says what changed; the numbers are read from the other routes. A comment every few seconds shows that the
//! connection is alive. A subscriber that reconnects with `Last-Event-ID` gets the events that it missed, or `resync`.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::answer::{Answer, error, streaming};
use super::event_stream::EventStream;
use super::feed::EventFeed;

/// Answers with a stream, or with an error if there are too many subscribers.
pub(super) fn answer(feed: &Arc<EventFeed>, headers: &HeaderMap) -> Answer {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let Some(reader) = feed.reader(last) else {
        return error(StatusCode::TOO_MANY_REQUESTS, "too many event subscribers; close a live page, or try again later");
    };
    streaming("text/event-stream", EventStream::of(reader))
}
