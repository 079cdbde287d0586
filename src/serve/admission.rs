//! How many at a time: connections, and requests below `/api/v1/`.
//!
//! A connection takes a seat when it is accepted. Where none is free, the connection that has waited longest without asking anything
//! gives up its own: whoever opens connections and says nothing, or says it a byte at a time, keeps nobody out who asks at once.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The seats of all connections.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    /// Holding for a moment, never while anybody is waited for.
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    /// Counts arrivals and waits, so that the longest wait has the smallest number.
    moment: u64,
    taken: HashMap<u64, Sitting>,
}

#[derive(Debug)]
struct Sitting {
    /// Since when nothing was asked; `None` while a request is answered.
    waits_since: Option<u64>,
    leave: Arc<Notify>,
}

/// One connection's seat, until it is dropped or given to another.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Arc<Connections>,
    number: u64,
    leave: Arc<Notify>,
}

/// As long as this lives, the connection's request is being answered, and its seat is safe.
#[derive(Debug)]
pub(super) struct Answering(Arc<Seat>);

impl Connections {
    /// So many seats.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Connections { most, seats: Mutex::default() })
    }

    /// A seat; `None` where every one is taken by a connection whose request is being answered.
    pub(super) fn seat(self: &Arc<Self>) -> Option<Seat> {
        let mut seats = self.seats();
        if seats.taken.len() >= self.most && !seats.free_one() {
            return None;
        }
        let number = seats.next_moment();
        let leave = Arc::new(Notify::new());
        seats.taken.insert(number, Sitting { waits_since: Some(number), leave: Arc::clone(&leave) });
        Some(Seat { connections: Arc::clone(self), number, leave })
    }

    /// Asks the connection that has waited longest to leave, and tells whether there was one.
    pub(super) fn free_one(&self) -> bool {
        self.seats().free_one()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // A panic while the lock is held leaves whole seats.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn next_moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    fn free_one(&mut self) -> bool {
        let waiting = self.taken.iter().filter_map(|(number, sitting)| Some((sitting.waits_since?, *number)));
        let Some((_, longest)) = waiting.min() else { return false };
        self.taken.remove(&longest).inspect(|sitting| sitting.leave.notify_one()).is_some()
    }
}

impl Seat {
    /// Ends when the seat is given to another connection.
    pub(super) async fn is_given_away(&self) {
        self.leave.notified().await;
    }

    /// Keeps the seat safe while a request is answered.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        self.set_waits_since(|_| None);
        Answering(Arc::clone(self))
    }

    fn set_waits_since(&self, since: impl FnOnce(u64) -> Option<u64>) {
        let mut seats = self.connections.seats();
        let now = seats.next_moment();
        if let Some(sitting) = seats.taken.get_mut(&self.number) {
            sitting.waits_since = since(now);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.seats().taken.remove(&self.number);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set_waits_since(Some);
    }
}

/// The requests below `/api/v1/` that are answered at a time.
#[derive(Clone, Debug)]
pub struct Requests(Arc<Semaphore>);

impl Requests {
    /// So many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Requests(Arc::new(Semaphore::new(most)))
    }

    /// A request's place, to be held until its last byte is sent.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// A body, and what is held until it is sent.
#[derive(Debug)]
pub(super) struct Holding<B, T> {
    body: B,
    _held: T,
}

impl<B, T> Holding<B, T> {
    /// Holds this as long as the body.
    pub(super) fn new(body: B, held: T) -> Self {
        Holding { body, _held: held }
    }
}

impl<B: Body<Data = Bytes> + Unpin, T: Unpin> Body for Holding<B, T> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_given_away(seat: &Seat) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(seat.is_given_away()).poll(&mut context).is_ready()
    }

    #[test]
    fn who_has_waited_longest_makes_room_and_who_is_answered_stays() {
        let connections = Connections::new(3);
        let [first, second, third] = [(); 3].map(|()| Arc::new(connections.seat().expect("a free seat")));
        let answered = first.answering();
        let fourth = connections.seat().expect("the second has waited longest");
        assert_eq!([&first, &second, &third].map(|seat| is_given_away(seat)), [false, true, false]);
        drop(answered);
        let _fifth = connections.seat().expect("the third now");
        assert_eq!([&*first, &*third, &fourth].map(is_given_away), [false, true, false]);
        drop((second, third));
        assert_eq!(connections.seats().taken.len(), 3, "what was given away is not given up once more");
    }

    #[test]
    fn nobody_is_sent_away_in_the_midst_of_an_answer() {
        let connections = Connections::new(1);
        let seat = Arc::new(connections.seat().expect("a free seat"));
        let answering = seat.answering();
        assert!(connections.seat().is_none() && !connections.free_one());
        drop((answering, seat));
        assert!(connections.seat().is_some());
    }
}
