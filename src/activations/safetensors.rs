//! The safetensors format: a JSON header with names, types and shapes, then the values. It contains no code.

use std::borrow::Cow;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};
use serde_json::{Map, Value};

use super::tensor::{Element, Order, Tensor};

/// Maximum length of a header: 1 MiB holds some ten thousand tensors.
pub const HEADER_BYTES_LIMIT: u64 = 1 << 20;

/// Maximum number of tensors that an error names.
const NAMES_SHOWN: usize = 20;

/// Why bytes are not a safetensors file.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// Shorter than the length field itself.
    #[error("not a safetensors file: {found} bytes are too few")]
    TooShort {
        /// Bytes in the file.
        found: usize,
    },
    /// The length field is larger than allowed.
    #[error("the header claims {found} bytes, but at most {limit} are allowed; is this a safetensors file?")]
    HeaderTooLong {
        /// The length in the file.
        found: u64,
        /// The maximum.
        limit: u64,
    },
    /// The header ends beyond the file.
    #[error("truncated: the header needs {needed} bytes, but the file has {found}")]
    HeaderTruncated {
        /// Bytes of the length field and the header.
        needed: u64,
        /// Bytes in the file.
        found: u64,
    },
    /// The tensors end beyond the file, or before its end.
    #[error("truncated or damaged: the header declares {promised} bytes ({tensors}), but the file has {found}")]
    Size {
        /// Size that the header declares.
        promised: u64,
        /// Actual size of the file.
        found: u64,
        /// The tensors that the header names.
        tensors: String,
    },
    /// The header does not follow the format.
    #[error("not a safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
}

/// Reads the tensors of a file, in the order of their bytes.
///
/// # Errors
/// If the header is too long or malformed, or if the tensors do not cover the bytes exactly (the file is truncated or has extra bytes).
///
/// # Cost
/// Parses the header; the values are borrowed, not copied.
pub fn read(bytes: &[u8]) -> Result<Vec<Tensor<'_>>, SafetensorsError> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(SafetensorsError::TooShort { found: bytes.len() });
    };
    let header = u64::from_le_bytes(*length);
    if header > HEADER_BYTES_LIMIT {
        return Err(SafetensorsError::HeaderTooLong { found: header, limit: HEADER_BYTES_LIMIT });
    }
    let Some((text, data)) = rest.split_at_checked(header as usize) else {
        return Err(SafetensorsError::HeaderTruncated { needed: 8 + header, found: bytes.len() as u64 });
    };
    let file =
        if ends_beyond_counting(text) { Err(SafeTensorError::MetadataIncompleteBuffer) } else { SafeTensors::deserialize(bytes) };
    let file = file.map_err(|error| match error {
        SafeTensorError::MetadataIncompleteBuffer => wrong_size(text, data),
        other => other.into(),
    })?;
    let mut views = file.tensors();
    views.sort_by(|(name, view), (other_name, other)| {
        view.data().as_ptr().cmp(&other.data().as_ptr()).then_with(|| name.cmp(other_name))
    });
    let tensors = views.into_iter().map(|(name, view)| {
        let (element, shape) = (element(view.dtype()), view.shape().to_vec());
        Tensor::new(name, element, shape, Order::RowMajor, Cow::Borrowed(view.data()))
    });
    Ok(tensors.collect())
}

/// The end of a tensor as the header states it, if readable.
fn end(tensor: &Value) -> u64 {
    tensor.pointer("/data_offsets/1").and_then(Value::as_u64).unwrap_or(0)
}

/// Returns whether a tensor's end overflows: the crate adds the header to it, and panics in a build with overflow checks.
fn ends_beyond_counting(header: &[u8]) -> bool {
    let tensors: Map<String, Value> = serde_json::from_slice(header).unwrap_or_default();
    tensors.values().any(|tensor| end(tensor).checked_add(8 + header.len() as u64).is_none())
}

/// Describes the size that a file should have according to its header.
fn wrong_size(header: &[u8], data: &[u8]) -> SafetensorsError {
    let start = 8 + header.len() as u64;
    let header: Map<String, Value> = serde_json::from_slice(header).unwrap_or_default();
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    // A malicious header can add up to any number.
    let promised = start.saturating_add(tensors.clone().map(|(_, tensor)| end(tensor)).max().unwrap_or(0));
    let mut names: Vec<&str> = tensors.take(NAMES_SHOWN + 1).map(|(name, _)| name.as_str()).collect();
    if let Some(beyond) = names.get_mut(NAMES_SHOWN) {
        *beyond = "...";
    }
    SafetensorsError::Size { promised, found: start + data.len() as u64, tensors: names.join(", ") }
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        Dtype::I64 => Element::I64,
        Dtype::I32 => Element::I32,
        other => Element::Other(format!("{other:?}")),
    }
}

/// Writes the tensors of a file anew, without those of some names.
///
/// # Errors
/// If it is not a safetensors file.
pub fn without(bytes: &[u8], names: &[&str]) -> Result<Vec<u8>, SafetensorsError> {
    let file = SafeTensors::deserialize(bytes)?;
    let kept = file.iter().filter(|(name, _)| !names.contains(name));
    Ok(safetensors::serialize(kept, None)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn halves_and_classes_are_read() {
        let header = r#"{"h":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},
            "b":{"dtype":"BF16","shape":[1,2],"data_offsets":[4,8]},"predictions":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}}"#;
        let mut data = Vec::new();
        data.extend([1.5_f32, -2.0].iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()));
        data.extend([0.5_f32, f32::INFINITY].iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()));
        data.extend((-7_i64).to_le_bytes());
        let bytes = file(header, &data);
        let tensors = read(&bytes).unwrap();
        assert_eq!(tensors.iter().map(Tensor::name).collect::<Vec<_>>(), ["h", "b", "predictions"]);
        assert_eq!(tensors[0].columns_f32().unwrap().column(0), [1.5, -2.0]);
        assert_eq!(tensors[1].columns_f32().unwrap().column(1), [f32::INFINITY]);
        assert_eq!(tensors[2].classes().unwrap(), [-7]);
        assert!(tensors[2].columns_f32().unwrap_err().to_string().contains("shape [1]"));
        assert!(tensors[0].classes().is_err());
    }

    #[test]
    fn a_truncated_file_is_refused_wherever_it_ends() {
        let bytes = file(r#"{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#, &[0; 8]);
        assert!(read(&bytes).is_ok());
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
        let error = read(&bytes[..bytes.len() - 3]).unwrap_err().to_string();
        assert_eq!(error, "truncated or damaged: the header declares 72 bytes (a), but the file has 69");
    }

    #[test]
    fn a_long_header_is_refused_before_it_is_parsed() {
        let bytes = [&u64::MAX.to_le_bytes()[..], &[b' '; 64]].concat();
        assert!(matches!(read(&bytes), Err(SafetensorsError::HeaderTooLong { found: u64::MAX, .. })));
    }

    #[test]
    fn tensors_that_add_up_to_more_than_can_be_counted_are_refused() {
        let most = (1_u64 << 61) - 1;
        let tensor = |place: u64| {
            let (from, to) = (place * most, (place + 1) * most);
            format!(r#""t{place}":{{"dtype":"I8","shape":[{most}],"data_offsets":[{from},{to}]}}"#)
        };
        let header = format!("{{{}}}", (0..8).map(tensor).collect::<Vec<_>>().join(","));
        assert!(matches!(read(&file(&header, &[])), Err(SafetensorsError::Size { promised: u64::MAX, .. })));
    }

    #[test]
    fn a_header_that_promises_more_than_there_is_in_the_world_is_told_of_as_such() {
        let header = format!(r#"{{"a":{{"data_offsets":[0,{}]}}}}"#, u64::MAX);
        assert!(matches!(wrong_size(header.as_bytes(), &[]), SafetensorsError::Size { promised: u64::MAX, .. }));
    }

    #[test]
    fn sizes_that_disagree_are_refused() {
        let header = r#"{"a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]}}"#;
        assert!(read(&file(header, &[0; 16])).is_err());
    }

    /// Headers that are nearly right.
    fn header() -> impl Strategy<Value = String> {
        let tensor = (
            "[ab]|predictions|__metadata__",
            "F32|F16|BF16|I64|F8_E4M3|BOOL|f32",
            prop::collection::vec(prop_oneof![0_u64..6, any::<u64>()], 0..4),
            prop_oneof![0_u64..80, any::<u64>()],
            prop_oneof![0_u64..80, any::<u64>()],
        );
        let entry = tensor.prop_map(|(name, dtype, shape, begin, end)| {
            format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#)
        });
        prop::collection::vec(entry, 0..3).prop_map(|entries| format!("{{{}}}", entries.join(",")))
    }

    proptest! {
        #[test]
        fn whatever_is_read_holds_what_its_shape_says(
            header in header(),
            data in prop::collection::vec(any::<u8>(), 0..80),
            change in any::<(prop::sample::Index, u8)>(),
        ) {
            let mut bytes = file(&header, &data);
            for changed in [false, true] {
                if changed {
                    let place = change.0.index(bytes.len());
                    bytes[place] = change.1;
                }
                for tensor in read(&bytes).unwrap_or_default() {
                    let values: u128 = tensor.shape().iter().map(|extent| *extent as u128).product();
                    if let Ok(columns) = tensor.columns_f32() {
                        prop_assert_eq!(u128::from(columns.rows() as u64) * u128::from(columns.neurons() as u64), values);
                    }
                    if let Ok(classes) = tensor.classes() {
                        prop_assert_eq!(classes.len() as u128, values);
                    }
                }
            }
        }
    }
}
