//! MNIST's files. The parser's source is compiled here, because the rest of its module needs libtorch.

#![no_main]

#[path = "../../crates/rotewatch-trainer/src/data/idx/mod.rs"]
mod idx;
#[allow(dead_code, reason = "only the parser is tested, not the functions that use the pictures")]
#[path = "../../crates/rotewatch-trainer/src/data/images.rs"]
mod images;

use std::fs;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|files: (&[u8], &[u8])| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in [("train-images-idx3-ubyte", files.0), ("train-labels-idx1-ubyte", files.1)] {
        fs::write(folder.path().join(name), bytes).expect("the folder is writable");
    }
    if let Ok(images) = idx::read(folder.path(), idx::Part::Train) {
        assert_eq!(images.pixels.len(), images.labels.len() * images::PICTURE_PIXELS);
    }
});
