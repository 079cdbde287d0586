//! Paths and queries below `/api/v1/`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: (&str, &str)| rotewatch::serve::fuzzing::address(text.0, text.1));
