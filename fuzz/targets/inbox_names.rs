//! File names in the inbox.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    if rotewatch::ingest::inbox::takes(name) {
        assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.') && name.is_ascii());
    }
});
