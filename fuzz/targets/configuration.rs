//! The configuration: an accepted file also passes a second check.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotewatch::config::Config;

fuzz_target!(|text: &str| {
    if let Ok(config) = Config::parse(text, "fuzz") {
        assert_eq!(config.clone().checked("fuzz").ok(), Some(config));
    }
});
