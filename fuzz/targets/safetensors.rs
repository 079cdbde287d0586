//! Frames as trainers send them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotewatch::activations::read_safetensors;
use rotewatch::ingest::frame::ReceivedFrame;
use rotewatch_core::vocabulary::rows::RowSet;

fuzz_target!(|bytes: &[u8]| {
    for tensor in read_safetensors(bytes).unwrap_or_default() {
        let held: u128 = tensor.shape().iter().map(|extent| *extent as u128).product();
        if let Ok(columns) = tensor.columns_f32() {
            assert_eq!(columns.rows() as u128 * columns.neurons() as u128, held);
        }
        if let Ok(classes) = tensor.classes() {
            assert_eq!(classes.len() as u128, held);
        }
    }
    let layers = ["a", "b"].map(|name| name.parse().expect("a good name"));
    for set in RowSet::ALL {
        let _ = ReceivedFrame::read(bytes, &layers, set);
    }
});
