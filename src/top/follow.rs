//! Follows a daemon: reads everything, then reads again what its events name, and reconnects when the connection is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::client::{Client, ClientError};
use rotewatch_core::record::{EpochRecord, RunRecord};
use rotewatch_core::vocabulary::identity::{Attempt, RunName};
use rotewatch_core::vocabulary::units::Epoch;

/// How long to wait before reconnecting.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// An update from the daemon.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// All runs, and new epochs of some of them.
    Runs(Vec<RunRecord>, Vec<NewEpochs>),
    /// The daemon does not answer; the thread keeps trying.
    Lost(String),
}

/// New epochs of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEpochs {
    pub(super) run: RunName,
    /// Whether the earlier epochs belong to another attempt and must be removed.
    pub(super) anew: bool,
    pub(super) epochs: Vec<EpochRecord>,
}

/// Sends updates until `closing` is disconnected or the receiver is dropped.
pub fn follow(client: &Client, updates: &Sender<Update>, closing: &Receiver<()>) {
    let mut known = Known::default();
    let mut last_event = None;
    loop {
        match session(client, &mut known, &mut last_event, updates) {
            Ok(Ended::NobodyListens) => return,
            // A stream that ended is opened again at once, but not more than once a second.
            Ok(Ended::Stream) => {}
            Err(error) => {
                known = Known::default();
                last_event = None;
                if updates.send(Update::Lost(error.to_string())).is_err() {
                    return;
                }
            }
        }
        if closing.recv_timeout(TRY_AGAIN) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// How a session ended.
enum Ended {
    Stream,
    NobodyListens,
}

fn session(
    client: &Client,
    known: &mut Known,
    last_event: &mut Option<String>,
    updates: &Sender<Update>,
) -> Result<Ended, ClientError> {
    // Opened before the first read, so that no event is missed in between.
    let events = client.events(last_event.as_deref())?;
    if updates.send(known.read_on(client, None)?).is_err() {
        return Ok(Ended::NobodyListens);
    }
    for event in events {
        *last_event = event.id.or(last_event.take());
        if updates.send(known.read_on(client, event.run.as_deref())?).is_err() {
            return Ok(Ended::NobodyListens);
        }
    }
    Ok(Ended::Stream)
}

/// The newest epoch of each run that was sent, and its attempt.
#[derive(Debug, Default)]
struct Known(BTreeMap<RunName, (Attempt, Epoch)>);

impl Known {
    /// Reads all runs, and the new epochs of one run or of all.
    fn read_on(&mut self, client: &Client, run: Option<&str>) -> Result<Update, ClientError> {
        let runs = client.runs()?;
        self.0.retain(|name, (attempt, _)| runs.iter().any(|run| run.state.run == *name && run.state.attempt == *attempt));
        let mut new = Vec::new();
        for state in runs.iter().map(|run| &run.state).filter(|state| run.is_none_or(|run| run == state.run.as_str())) {
            let after = self.0.get(&state.run).map(|(_, epoch)| *epoch);
            let Some(mut epochs) = client.epochs(&state.run, after)? else { continue };
            let mut anew = after.is_none();
            if epochs.attempt != state.attempt {
                // The run was restarted since the runs were read.
                let Some(all) = client.epochs(&state.run, None)? else { continue };
                (epochs, anew) = (all, true);
            }
            if let Some(newest) = epochs.epochs.last() {
                self.0.insert(state.run.clone(), (epochs.attempt, newest.epoch));
            }
            if anew || !epochs.epochs.is_empty() {
                new.push(NewEpochs { run: state.run.clone(), anew, epochs: epochs.epochs });
            }
        }
        Ok(Update::Runs(runs, new))
    }
}
