//! The model's atomics and bell, in the place of those of `intake/sync.rs`.

use std::time::Duration;

use loom::sync::{Condvar, Mutex};

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// A bell as the real one, but that nobody stops waiting for it: what needs the time-out to go on is found as a deadlock.
#[derive(Debug)]
pub(crate) struct Bell {
    rings: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Bell { rings: Mutex::new(false), heard: Condvar::new() }
    }

    pub(crate) fn ring(&self) {
        *self.rings.lock().expect("nobody panics") = true;
        self.heard.notify_one();
    }

    pub(crate) fn wait(&self, _patience: Duration) {
        let mut rings = self.rings.lock().expect("nobody panics");
        while !*rings {
            rings = self.heard.wait(rings).expect("nobody panics");
        }
        *rings = false;
    }
}
