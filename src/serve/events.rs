//! `GET /api/v1/events`: server-sent events, for as long as the reader stays.
//!
//! ```text
//! epoch     an epoch was judged           {run, attempt, epoch, verdict, kind, onset_epoch, ...}
//! finding   an alarm was raised           {run, attempt, epoch, kind, onset_epoch, alarm_epoch, layers, why, remedy, ...}
//! verdict   the verdict is another one    as epoch
//! status    a run began, ended, was asked to stop, or left the board; {"status": "resync"}: read everything anew
//! ```
//!
//! An event says what to look at; the numbers are read from the other routes. A comment every few seconds shows that the
//! connection is alive. A reader that comes back with `Last-Event-ID` gets what it missed, or `resync`.

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

/// How often a comment is sent where there is nothing else.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a reader may leave what it was sent unread.
const PATIENCE: Duration = Duration::from_secs(30);
/// Events between the feed and the connection.
const AHEAD: usize = 16;

/// Events on their way to one reader.
#[derive(Debug)]
pub(super) struct EventStream(mpsc::Receiver<Bytes>);

/// Answers with a stream, or says that there are too many.
pub(super) fn answer(feed: &Arc<EventFeed>, headers: &HeaderMap) -> Answer {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let Some(reader) = feed.reader(last) else {
        return error(StatusCode::TOO_MANY_REQUESTS, "too many are reading events: close a page, or try again in a moment");
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(forward(reader, sender));
    streaming("text/event-stream", EventStream(receiver))
}

/// Ends when the reader has gone, is too slow, or the feed ends; the stream then ends as well.
async fn forward(mut reader: Reader, sender: mpsc::Sender<Bytes>) {
    // Browsers then come back after a second.
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
