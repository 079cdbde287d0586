//! The messages of Alertmanager's webhook.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| rotewatch::serve::fuzzing::alerts(body));
