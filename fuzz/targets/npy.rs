//! NumPy's file formats.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rotewatch::activations::npy::{read_npy, read_npz};

fuzz_target!(|bytes: &[u8]| {
    let _ = read_npz(bytes);
    let Ok(tensor) = read_npy("a", bytes) else { return };
    if let Ok(values) = tensor.values_f64() {
        let held: u128 = tensor.shape().iter().map(|extent| *extent as u128).product();
        assert_eq!(values.len() as u128, held);
    }
    let _ = (tensor.columns_f32(), tensor.columns_f64(), tensor.classes());
});
