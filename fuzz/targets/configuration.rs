//! The configuration: what is taken is in order, also when it is checked again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotewatch::config::Config;

fuzz_target!(|text: &str| {
    if let Ok(config) = Config::parse(text, "fuzz") {
        assert_eq!(config.clone().checked("fuzz").ok(), Some(config));
    }
});
