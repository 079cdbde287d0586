//! A bounded, numbered list of the events on the live runs, for subscribers.
//!
//! The monitor's thread adds events and never waits for a subscriber. If a subscriber is so slow that its next event is no longer
//! kept, its connection is closed. It reconnects with the number of the last event it has seen, and reads all data again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use rotewatch_core::intake::run::Run;
use rotewatch_core::monitor::live_runs::{Follower, RunView};
use rotewatch_core::monitor::report::EpochReport;
use rotewatch_core::record::{VerdictRecord, document};
use rotewatch_core::vocabulary::identity::{Attempt, RunName};
use rotewatch_core::vocabulary::units::Epoch;

/// Events that are kept for subscribers that reconnect; usually a few hundred bytes each.
const KEPT: usize = 256;

/// The events of this process.
#[derive(Debug)]
pub struct EventFeed {
    /// Distinguishes the events of this process from those of an earlier one.
    process: u64,
    /// Locked while an event is added or looked up, never while one is sent.
    events: Mutex<Events>,
    newest: watch::Sender<u64>,
    readers_max: usize,
}

#[derive(Debug, Default)]
struct Events {
    kept: VecDeque<(u64, Bytes)>,
    last: u64,
    closed: bool,
}

/// A subscriber's position.
#[derive(Debug)]
pub(super) struct Reader {
    feed: Arc<EventFeed>,
    newest: watch::Receiver<u64>,
    seen: u64,
    /// Whether the subscriber may have missed events that are no longer kept.
    starts_anew: bool,
}

/// The name of an event in the stream.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Epoch,
    Finding,
    Verdict,
    Status,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Epoch => "epoch",
            Kind::Finding => "finding",
            Kind::Verdict => "verdict",
            Kind::Status => "status",
        })
    }
}

/// What happened in an epoch of a run.
#[derive(Serialize)]
struct About<'a, T> {
    run: &'a RunName,
    attempt: Attempt,
    epoch: Epoch,
    updated_at: f64,
    #[serde(flatten)]
    what: &'a T,
}

impl<'a, T> About<'a, T> {
    fn of(report: &'a EpochReport, what: &'a T) -> Self {
        let (run, updated_at) = (&report.run, report.made_at_unix_seconds);
        About { run: run.name(), attempt: run.attempt(), epoch: report.epoch, updated_at, what }
    }
}

impl EventFeed {
    /// Creates an empty feed for at most `readers_max` simultaneous subscribers.
    #[must_use]
    pub fn new(readers_max: usize) -> Self {
        EventFeed { process: rand::random(), events: Mutex::default(), newest: watch::Sender::new(0), readers_max }
    }

    /// Adds the event that a run was asked to stop.
    pub(super) fn stop_asked(&self, run: &Run) {
        self.add(Kind::Status, &document(&run.state()));
    }

    /// Ends all subscriptions; no more events will come.
    pub(super) fn close(&self) {
        self.events().closed = true;
        self.newest.send_replace(u64::MAX);
    }

    /// Subscribes after the event `last_event_id`, if that is an event of this process. Returns `None` if there are too many
    /// subscribers.
    pub(super) fn reader(self: &Arc<Self>, last_event_id: Option<&str>) -> Option<Reader> {
        if self.newest.receiver_count() >= self.readers_max {
            return None;
        }
        let newest = self.newest.subscribe();
        let events = self.events();
        let seen = last_event_id.and_then(|id| self.number(id)).filter(|seen| events.holds_all_after(*seen));
        let starts_anew = seen.is_none();
        let seen = seen.unwrap_or(events.last);
        drop(events);
        Some(Reader { feed: Arc::clone(self), newest, seen, starts_anew })
    }

    /// Returns the number in the id of an event of this process.
    fn number(&self, id: &str) -> Option<u64> {
        let (process, number) = id.split_once('-')?;
        (u64::from_str_radix(process, 16) == Ok(self.process)).then(|| number.parse().ok())?
    }

    fn add(&self, kind: Kind, document: &Value) {
        let mut events = self.events();
        events.last += 1;
        let number = events.last;
        let event = Bytes::from(format!("id: {:016x}-{number}\nevent: {kind}\ndata: {document}\n\n", self.process));
        if events.kept.len() == KEPT {
            events.kept.pop_front();
        }
        events.kept.push_back((number, event));
        drop(events);
        self.newest.send_replace(number);
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        // A panic while the lock is held leaves the events consistent.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    fn holds_all_after(&self, seen: u64) -> bool {
        seen == self.last || (seen < self.last && self.kept.front().is_some_and(|(oldest, _)| *oldest <= seen + 1))
    }
}

impl Follower for EventFeed {
    fn shown(&self, before: Option<&RunView>, now: &RunView) {
        let before = before.filter(|before| before.run.attempt() == now.run.attempt());
        let is_new =
            |report: &&Arc<_>| !before.and_then(|before| before.report.as_ref()).is_some_and(|old| Arc::ptr_eq(old, report));
        if let Some(report) = now.report.as_ref().filter(is_new) {
            let verdict = document(&About::of(report, &VerdictRecord::from(&report.verdict).with_share(report.memorized_share)));
            self.add(Kind::Epoch, &verdict);
            for alarm in &report.raised {
                self.add(Kind::Finding, &document(&About::of(report, alarm)));
            }
            let was = before.and_then(|before| before.report.as_ref()).map(|old| old.verdict.word());
            if was != Some(report.verdict.word()) {
                self.add(Kind::Verdict, &verdict);
            }
        }
        if before.is_none_or(|before| before.active != now.active) {
            self.add(Kind::Status, &document(&now.record()));
        }
    }

    fn removed(&self, run: &Run) {
        let document = json!({ "run": run.name().as_str(), "attempt": run.attempt().to_string(), "status": "removed" });
        self.add(Kind::Status, &document);
    }
}

impl Reader {
    /// Whether the subscriber must read everything again, since it may have missed events.
    pub(super) fn starts_anew(&self) -> bool {
        self.starts_anew
    }

    /// The id of the newest event that the subscriber has seen.
    pub(super) fn id(&self) -> String {
        format!("{:016x}-{}", self.feed.process, self.seen)
    }

    /// Returns the next event. Returns `None` if that event is no longer kept, since the subscriber was too slow, or if the process
    /// ends.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let found = {
                let events = self.feed.events();
                if events.closed {
                    return None;
                }
                let next = self.seen + 1;
                match events.kept.front() {
                    Some((oldest, _)) if *oldest > next => return None,
                    Some((oldest, _)) => events.kept.get((next - oldest) as usize).map(|(_, event)| event.clone()),
                    None => None,
                }
            };
            if let Some(event) = found {
                self.seen += 1;
                return Some(event);
            }
            let seen = self.seen;
            self.newest.wait_for(|newest| *newest > seen).await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READERS_MAX: usize = 3;

    fn text(event: Option<Bytes>) -> String {
        String::from_utf8(event.expect("an event").to_vec()).expect("events are text")
    }

    fn feed(events: usize) -> Arc<EventFeed> {
        let feed = Arc::new(EventFeed::new(READERS_MAX));
        for number in 1..=events {
            feed.add(Kind::Epoch, &json!({ "epoch": number }));
        }
        feed
    }

    #[tokio::test]
    async fn a_reader_goes_on_where_it_was() {
        let feed = feed(3);
        let mut reader = feed.reader(Some(&format!("{:016x}-1", feed.process))).expect("there is room");
        assert!(!reader.starts_anew());
        assert!(text(reader.next().await).ends_with("-2\nevent: epoch\ndata: {\"epoch\":2}\n\n"));
        assert!(text(reader.next().await).contains("{\"epoch\":3}"));
        feed.add(Kind::Status, &json!({ "status": "a line\nbreak" }));
        assert_eq!(text(reader.next().await).lines().count(), 4, "a line break in a text stays within its line");
    }

    #[tokio::test]
    async fn who_was_away_too_long_or_comes_from_another_process_starts_anew() {
        let feed = feed(KEPT + 10);
        let process = feed.process;
        for id in [None, Some("nonsense".to_owned()), Some(format!("{:016x}-3", process ^ 1)), Some(format!("{process:016x}-9"))]
        {
            let reader = feed.reader(id.as_deref()).expect("there is room");
            assert!(reader.starts_anew(), "{id:?}");
            assert_eq!(reader.seen, (KEPT + 10) as u64);
        }
        assert!(!feed.reader(Some(&format!("{process:016x}-10"))).expect("there is room").starts_anew());
    }

    #[tokio::test]
    async fn a_slow_reader_is_dropped_and_readers_are_bounded() {
        let feed = feed(1);
        let mut slow = feed.reader(None).expect("there is room");
        for number in 0..=KEPT {
            feed.add(Kind::Epoch, &json!({ "epoch": number }));
        }
        assert!(slow.next().await.is_none());
        let others: Vec<_> = (1..READERS_MAX).map(|_| feed.reader(None).expect("there is room")).collect();
        assert!(feed.reader(None).is_none());
        drop(others);
        assert!(feed.reader(None).is_some());
    }
}
