//! Signals: the first starts an orderly shutdown, the second ends the process at once. The only user of signal-hook.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use rotewatch_core::intake::stop::{StopReason, StopToken};

/// The exit code of a process that a second signal ended.
const LEFT_AT_ONCE: i32 = 130;

/// Whether SIGINT or SIGTERM has arrived.
#[derive(Debug)]
pub struct Interrupt {
    token: StopToken,
    raised: Receiver<()>,
}

impl Interrupt {
    /// Handles SIGINT and SIGTERM, and SIGHUP if `on_hangup` is given.
    ///
    /// # Errors
    /// If the system refuses a handler or a thread.
    pub fn install(on_hangup: Option<Box<dyn Fn() + Send>>) -> io::Result<Self> {
        let already_asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal finds the flag unset and sets it; the second finds it set and ends the process.
            flag::register_conditional_shutdown(signal, LEFT_AT_ONCE, Arc::clone(&already_asked))?;
            flag::register(signal, Arc::clone(&already_asked))?;
        }
        let mut wanted = vec![SIGINT, SIGTERM];
        wanted.extend(on_hangup.as_ref().map(|_| SIGHUP));
        let mut signals = Signals::new(wanted)?;
        let token = StopToken::default();
        let asked = token.clone();
        let (raise, raised) = bounded::<()>(0);
        let mut raise = Some(raise);
        thread::Builder::new().name("rotewatch-signals".into()).spawn(move || {
            for signal in signals.forever() {
                match (signal, &on_hangup) {
                    (SIGHUP, Some(on_hangup)) => on_hangup(),
                    (SIGTERM, _) => drop((asked.request(StopReason::Interrupted { signal: "SIGTERM" }), raise.take())),
                    _ => drop((asked.request(StopReason::Interrupted { signal: "SIGINT" }), raise.take())),
                }
            }
        })?;
        Ok(Interrupt { token, raised })
    }

    /// Raised by the first SIGINT or SIGTERM.
    #[must_use]
    pub fn token(&self) -> &StopToken {
        &self.token
    }

    /// Disconnected by the first SIGINT or SIGTERM. For callers that wait for other channels too.
    #[must_use]
    pub fn raised(&self) -> &Receiver<()> {
        &self.raised
    }

    /// Waits for the first SIGINT or SIGTERM.
    pub fn wait(&self) {
        // Disconnection is the message.
        let _ = self.raised.recv();
    }
}
