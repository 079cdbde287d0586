//! What the gate's threads meet at. Apart from the gate, so that its tests can put a model in this place that tries every order in which
//! threads may run (`tests/interleavings`).

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Wakes one of those who wait, or the next who comes to wait.
#[derive(Debug)]
pub(crate) struct Bell(Sender<()>, Receiver<()>);

impl Bell {
    pub(crate) fn new() -> Self {
        let (rope, ear) = bounded(1);
        Bell(rope, ear)
    }

    pub(crate) fn ring(&self) {
        // One that rings already serves as well.
        let _ = self.0.try_send(());
    }

    /// Waits until it rings, at most so long: either way it is time to look again.
    pub(crate) fn wait(&self, patience: Duration) {
        let _ = self.1.recv_timeout(patience);
    }
}
