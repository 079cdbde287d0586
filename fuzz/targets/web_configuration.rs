//! The file of `--web-config`.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use rotewatch::config::WebFile;

fuzz_target!(|text: &str| {
    let _ = WebFile::parse(text, Path::new("folder/web.yml"));
});
