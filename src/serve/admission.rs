//! Limits on simultaneous connections and on simultaneous requests below `/api/v1/`.
//!
//! Each accepted connection takes a seat. If all seats are taken, the server closes the connection that has been idle (without a
//! complete request) for the longest time. So clients that open connections and send nothing, or send a byte at a time, cannot
//! lock out the others.
//!
//! By hand: a limit of tower or tokio refuses or queues the newcomer, whereas here the idlest connection makes room.

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
    /// Locked only briefly, never while waiting for a client.
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    /// Counts arrivals and the beginnings of idle times, so that the longest idle time has the smallest number.
    moment: u64,
    taken: HashMap<u64, Sitting>,
}

#[derive(Debug)]
struct Sitting {
    /// The moment at which the connection became idle; `None` while a request is answered.
    waits_since: Option<u64>,
    leave: Arc<Notify>,
}

/// The seat of one connection, until it is dropped or given to another connection.
#[derive(Debug)]
pub(super) struct Seat {
    connections: Arc<Connections>,
    number: u64,
    leave: Arc<Notify>,
}

/// Keeps a seat from being given away while a request of its connection is answered.
#[derive(Debug)]
pub(super) struct Answering(Arc<Seat>);

impl Connections {
    /// Creates this number of seats.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Connections { most, seats: Mutex::default() })
    }

    /// Returns a seat, or `None` if every connection has a request that is being answered.
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

    /// Closes the connection that has been idle for the longest time. Returns whether there was one.
    pub(super) fn free_one(&self) -> bool {
        self.seats().free_one()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // A panic while the lock is held leaves the seats consistent.
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
    /// Completes when the seat is given to another connection.
    pub(super) async fn is_given_away(&self) {
        self.leave.notified().await;
    }

    /// Protects the seat while a request is answered.
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

/// Limits the requests below `/api/v1/` that are answered at the same time.
#[derive(Clone, Debug)]
pub struct Requests(Arc<Semaphore>);

impl Requests {
    /// Allows this number of requests.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Requests(Arc::new(Semaphore::new(most)))
    }

    /// Returns a permit, to be held until the last byte of the answer is sent; `None` if the limit is reached.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// A body, and a value that is kept until the body is sent.
#[derive(Debug)]
pub(super) struct Holding<B, T> {
    body: B,
    _held: T,
}

impl<B, T> Holding<B, T> {
    /// Keeps `held` as long as the body.
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
        assert_eq!(connections.seats().taken.len(), 3, "dropping a seat that was given away frees no second one");
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
