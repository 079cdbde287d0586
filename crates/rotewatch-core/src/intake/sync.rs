//! The synchronization that the gate uses. It is a module of its own so that the gate's tests can replace it with a model that
//! tries every order in which threads may run (`tests/interleavings`).

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Wakes one waiting thread, or the next one that waits.
#[derive(Debug)]
pub(crate) struct Bell(Sender<()>, Receiver<()>);

impl Bell {
    pub(crate) fn new() -> Self {
        let (rope, ear) = bounded(1);
        Bell(rope, ear)
    }

    pub(crate) fn ring(&self) {
        // If it is rung already, that one ring is enough.
        let _ = self.0.try_send(());
    }

    /// Waits until it is rung, at most `patience`. The caller checks its condition again in either case.
    pub(crate) fn wait(&self, patience: Duration) {
        let _ = self.1.recv_timeout(patience);
    }
}
