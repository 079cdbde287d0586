//! Who is told what the monitor found: the history, the hooks, subscribers of a program of its own.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::report::EpochReport;
use crate::intake::run::Run;
use crate::record::EpochRecord;
use crate::vocabulary::choices::Ending;
use crate::vocabulary::units::Epoch;

/// An epoch that was measured and judged.
#[derive(Clone, Debug)]
pub struct MeasuredEpoch {
    /// Everything that is known of the run after it.
    pub report: Arc<EpochReport>,
    /// The same without the values of single neurons and pairs.
    pub record: Arc<EpochRecord>,
    /// The epochs that an alarm may name as its onset, if it comes now or later: their matrices are worth keeping.
    pub possible_onsets: Vec<Epoch>,
}

/// Receives what the monitor found, in the order in which it happened. Called on the monitor's thread, so no method may wait.
///
/// A sink that keeps epochs settles them: it calls [`Run::note_known`] for a declared run and [`Run::note_committed`],
/// [`Run::note_lost`] or [`Run::note_settled`] for each epoch. Where no sink keeps epochs, [`Unkept`] does that.
pub trait Sink: Send {
    /// A run was declared.
    fn declared(&mut self, _run: &Arc<Run>) {}

    /// An epoch was measured and judged.
    fn epoch(&mut self, _epoch: &MeasuredEpoch) {}

    /// A run ended; `None` where its trainer fell silent and may come back.
    fn ended(&mut self, _run: &Arc<Run>, _ending: Option<Ending>) {}
}

/// The sink of a program that keeps no history: nobody waits for a commit.
#[derive(Clone, Copy, Debug)]
pub struct Unkept;

impl Sink for Unkept {
    fn declared(&mut self, run: &Arc<Run>) {
        run.note_known();
    }

    fn epoch(&mut self, epoch: &MeasuredEpoch) {
        epoch.report.run.note_settled(epoch.report.epoch);
    }
}

/// Sends every epoch into a channel. A subscriber that is full misses epochs.
#[derive(Debug)]
pub struct Subscriber(pub Sender<MeasuredEpoch>);

impl Sink for Subscriber {
    fn epoch(&mut self, epoch: &MeasuredEpoch) {
        // A subscriber that is full or gone misses it.
        let _ = self.0.try_send(epoch.clone());
    }
}
