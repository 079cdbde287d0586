//! MNIST's files. Their parser is compiled here from its source: the rest of its module needs libtorch.

#![no_main]

#[path = "../../src/torch/idx.rs"]
mod idx;
#[allow(dead_code, reason = "what is done with pictures is not of interest here")]
#[path = "../../src/torch/images.rs"]
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
