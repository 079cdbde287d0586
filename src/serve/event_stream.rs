//! The body of an answer that streams events to one subscriber.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::feed::Reader;

/// Time between comments when there are no events.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a subscriber may leave sent events unread.
const PATIENCE: Duration = Duration::from_secs(30);
/// Events that are buffered between the feed and the connection.
const AHEAD: usize = 16;

/// The events that are being sent to one subscriber.
#[derive(Debug)]
pub(super) struct EventStream(mpsc::Receiver<Bytes>);

impl EventStream {
    /// Starts to send what the reader has not seen.
    pub(super) fn of(reader: Reader) -> Self {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(forward(reader, sender));
        EventStream(receiver)
    }
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
