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

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::{Body, Bytes, Frame};
use hyper::header::HeaderMap;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::{Answer, error, streaming};
use super::feed::{EventFeed, Reader};

/// Time between comments when there are no events.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a subscriber may leave sent events unread.
const PATIENCE: Duration = Duration::from_secs(30);
/// Events that are buffered between the feed and the connection.
const AHEAD: usize = 16;

/// The events that are being sent to one subscriber.
#[derive(Debug)]
pub(super) struct EventStream(mpsc::Receiver<Bytes>);

/// Answers with a stream, or with an error if there are too many subscribers.
pub(super) fn answer(feed: &Arc<EventFeed>, headers: &HeaderMap) -> Answer {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let Some(reader) = feed.reader(last) else {
        return error(StatusCode::TOO_MANY_REQUESTS, "too many event subscribers; close a live page, or try again later");
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(forward(reader, sender));
    streaming("text/event-stream", EventStream(receiver))
}

/// Forwards events until the subscriber is gone or too slow, or the feed ends. The stream then ends as well.
async fn forward(mut reader: Reader, sender: mpsc::Sender<Bytes>) {
    // Browsers reconnect after one second.
    let mut next = format!("retry: 1000\nid: {}\n", reader.id());
    next += if reader.starts_anew() { "event: status\ndata: {\"status\":\"resync\"}\n\n" } else { "\n" };
    let mut next = Bytes::from(next);
    loop {
        if !matches!(timeout(PATIENCE, sender.send(next)).await, Ok(Ok(()))) {
            return;
        }
        let event = timeout(HEARTBEAT, async {
            tokio::select! {
                event = reader.next() => event,
                () = sender.closed() => None,
            }
        });
        next = match event.await {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(_) => Bytes::from_static(b": alive\n\n"),
        };
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
