//! The handles that send alarms to the hooks' thread and replace its hooks, and the state that they share with it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use crossbeam_channel::Sender;

use super::{Closing, Hook, HookCounts, HookParams, HookResult, Notice, build};
use rotewatch_core::monitor::{MeasuredEpoch, Sink};

/// An alarm with the hooks that were configured for it when it was raised.
pub(super) struct Raised {
    pub(super) notice: Arc<Notice>,
    pub(super) hooks: Vec<Arc<dyn Hook>>,
}

/// What the handles share with the thread.
#[derive(Default)]
pub(super) struct Shared {
    armed: ArcSwap<Vec<Arc<dyn Hook>>>,
    pub(super) counts: Arc<HookCounts>,
    pub(super) closing: Closing,
    /// The pending firings in words. The lock is held only for a copy.
    pub(super) unfinished: Mutex<Vec<String>>,
}

/// Replaces the current hooks. Clones act on the same hooks.
#[derive(Clone)]
pub struct HookSwitch {
    shared: Arc<Shared>,
    state: Option<PathBuf>,
}

/// Sends alarms to the hooks' thread, which ends when the last feed is dropped.
pub struct HookFeed {
    alarms: Sender<Raised>,
    shared: Arc<Shared>,
}

impl HookSwitch {
    pub(super) fn new(shared: &Arc<Shared>, state: Option<&Path>) -> Self {
        HookSwitch { shared: Arc::clone(shared), state: state.map(Path::to_owned) }
    }

    /// Replaces the hooks. Firings that have begun continue with the old ones.
    pub fn set(&self, params: &[HookParams]) {
        self.arm(params.iter().map(|params| build(params, self.state.as_deref())).collect());
    }

    pub(super) fn arm(&self, hooks: Vec<Arc<dyn Hook>>) {
        self.shared.counts.configure(hooks.iter().map(|hook| hook.name()));
        self.shared.armed.store(Arc::new(hooks));
    }
}

impl HookFeed {
    pub(super) fn new(alarms: Sender<Raised>, shared: Arc<Shared>) -> Self {
        HookFeed { alarms, shared }
    }

    pub(super) fn offer_notice(&self, notice: Notice) {
        let kind = notice.alarm().finding.kind;
        let hooks: Vec<_> = self.shared.armed.load().iter().filter(|hook| hook.listens_to(kind)).map(Arc::clone).collect();
        if hooks.is_empty() {
            return;
        }
        if let Err(refused) = self.alarms.try_send(Raised { notice: Arc::new(notice), hooks }) {
            let Raised { notice, hooks } = refused.into_inner();
            for hook in hooks {
                self.shared.counts.count(hook.name(), HookResult::Dropped);
                tracing::warn!(hook = %hook.name(), run = %notice.run(), "the hook queue is full; alarm dropped");
            }
        }
    }
}

impl Sink for HookFeed {
    /// Sends the alarms that a report raised. If the queue is full, an alarm is dropped, counted and logged.
    fn epoch(&mut self, epoch: &MeasuredEpoch) {
        for notice in Notice::of(&epoch.report) {
            self.offer_notice(notice);
        }
    }
}
