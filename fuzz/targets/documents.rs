//! The JSON that clients send.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotewatch::ingest::DeclaredRun;
use rotewatch::ingest::bodies::{ending, epoch_metrics, stop_reason};

fuzz_target!(|body: &[u8]| {
    let _ = (DeclaredRun::read(body), ending(body), epoch_metrics(body));
    if let Ok(reason) = stop_reason(body) {
        assert!(!reason.is_empty() && !reason.chars().any(char::is_control));
    }
});
