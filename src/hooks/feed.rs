//! The handles of those who feed the hooks' thread and change its hooks, and what they share with it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use crossbeam_channel::Sender;

use super::{Closing, Hook, HookCounts, HookParams, HookResult, Notice, build};
use rotewatch_core::monitor::{MeasuredEpoch, Sink};

/// An alarm with the hooks that were to be told when it was raised.
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
    /// What is not told yet, by name. The lock is held for a copy.
    pub(super) unfinished: Mutex<Vec<String>>,
}

/// Puts other hooks in place of the present ones; clones do the same.
#[derive(Clone)]
pub struct HookSwitch {
    shared: Arc<Shared>,
    state: Option<PathBuf>,
}

/// Where alarms go in. The thread ends when the last feed is dropped.
pub struct HookFeed {
    alarms: Sender<Raised>,
    shared: Arc<Shared>,
}

impl HookSwitch {
    pub(super) fn new(shared: &Arc<Shared>, state: Option<&Path>) -> Self {
        HookSwitch { shared: Arc::clone(shared), state: state.map(Path::to_owned) }
    }

    /// Arms these hooks; those that are firing go on as they are.
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
                tracing::warn!(hook = %hook.name(), run = %notice.run(), "the hooks are too far behind: this alarm is not told");
            }
        }
    }
}

impl Sink for HookFeed {
    /// Passes on the alarms that a report raised. An alarm without room is dropped, counted and logged.
    fn epoch(&mut self, epoch: &MeasuredEpoch) {
        for notice in Notice::of(&epoch.report) {
            self.offer_notice(notice);
        }
    }
}
