//! NumPy's formats: `.npy`, one tensor, and `.npz`, a zip archive of them. Pickled objects are rejected.
//!
//! By hand: a header is small, and its sizes are compared with the bytes that are there before anything is allocated.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use super::tensor::{Element, Order, Tensor};

/// The first bytes of every `.npy` file.
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// The first bytes of every zip archive that is not empty.
pub const ARCHIVE_MAGIC: &[u8] = b"PK\x03\x04";

/// Maximum length of a header.
const HEADER_BYTES_LIMIT: usize = 1 << 20;

/// Maximum unpacked size of an archive member, in bytes.
const MEMBER_BYTES_LIMIT: u64 = 1 << 36;

/// Why bytes are not a NumPy file.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// Not a `.npy` file.
    #[error("not a .npy file: it does not start with \\x93NUMPY")]
    Magic,
    /// The header ends beyond the file, or is longer than 1 MiB.
    #[error("truncated: the header needs {needed} bytes, but the file has {found}")]
    HeaderTruncated {
        /// Where the header ends.
        needed: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// A required field of the header is missing or unreadable.
    #[error("the header has no valid `{field}`: {header}")]
    Header {
        /// The field.
        field: &'static str,
        /// The header.
        header: String,
    },
    /// The number of values does not match the shape.
    #[error("shape {shape:?} of {element} needs {needed} bytes of values, but the file has {found}; is it truncated?")]
    Size {
        /// The shape.
        shape: Vec<usize>,
        /// The element type.
        element: String,
        /// Bytes that the shape needs.
        needed: u128,
        /// Bytes in the file.
        found: usize,
    },
    /// The archive cannot be read, for example because it is truncated.
    #[error("not a complete .npz archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    /// A member of the archive cannot be unpacked.
    #[error("{member}: {source}")]
    Unpack {
        /// The member's name.
        member: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A member would unpack to more bytes than allowed.
    #[error("{member} unpacks to {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// The member's name.
        member: String,
        /// The unpacked size that the archive states.
        bytes: u64,
        /// The maximum.
        limit: u64,
    },
    /// A member of the archive is not a tensor.
    #[error("{member}: {source}")]
    Member {
        /// The member's name.
        member: String,
        /// The cause.
        source: Box<NpyError>,
    },
}

/// Reads the tensor of a `.npy` file and gives it the name `name`.
///
/// # Errors
/// If the header is malformed or the number of values does not match it.
pub fn read_npy<'a>(name: &str, bytes: &'a [u8]) -> Result<Tensor<'a>, NpyError> {
    let (header, values) = header(bytes)?;
    let missing = |field| NpyError::Header { field, header: header.chars().take(200).collect() };
    let description = after(header, "descr").ok_or_else(|| missing("descr"))?;
    let fortran = after(header, "fortran_order").ok_or_else(|| missing("fortran_order"))?;
    let order = if fortran.starts_with("True") { Order::ColumnMajor } else { Order::RowMajor };
    let shape = after(header, "shape").and_then(shape).ok_or_else(|| missing("shape"))?;
    let (element, swapped) = element(description).ok_or_else(|| missing("descr"))?;
    if let Some(each) = element.bytes() {
        let count = shape.iter().try_fold(1_u128, |count, &extent| count.checked_mul(extent as u128));
        let needed = count.unwrap_or(u128::MAX).saturating_mul(each as u128);
        if needed != values.len() as u128 {
            return Err(NpyError::Size { shape, element: element.to_string(), needed, found: values.len() });
        }
        if swapped {
            let turned = values.chunks_exact(each).flat_map(|value| value.iter().rev().copied()).collect();
            return Ok(Tensor::new(name.to_owned(), element, shape, order, Cow::Owned(turned)));
        }
    }
    Ok(Tensor::new(name.to_owned(), element, shape, order, Cow::Borrowed(values)))
}

/// Reads the tensors of a `.npz` archive, named as in NumPy: the member's name without `.npy`.
///
/// # Errors
/// If the archive or one of its members is malformed.
///
/// # Cost
/// Unpacks all members into memory.
pub fn read_npz(bytes: &[u8]) -> Result<Vec<Tensor<'static>>, NpyError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))?;
    let mut tensors = Vec::with_capacity(archive.len());
    for at in 0..archive.len() {
        let mut file = archive.by_index(at)?;
        let member = file.name()?.into_owned();
        let bytes = file.size();
        if bytes > MEMBER_BYTES_LIMIT {
            return Err(NpyError::TooLarge { member, bytes, limit: MEMBER_BYTES_LIMIT });
        }
        let mut unpacked = Vec::new();
        if let Err(source) = file.by_ref().take(bytes).read_to_end(&mut unpacked) {
            return Err(NpyError::Unpack { member, source });
        }
        let name = member.strip_suffix(".npy").unwrap_or(&member);
        let tensor = read_npy(name, &unpacked).map(Tensor::into_owned);
        tensors.push(tensor.map_err(|source| NpyError::Member { member: member.clone(), source: Box::new(source) })?);
    }
    Ok(tensors)
}

/// Splits off the header's text from the bytes of the values.
fn header(bytes: &[u8]) -> Result<(&str, &[u8]), NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let truncated = |needed| NpyError::HeaderTruncated { needed, found: bytes.len() };
    // Version 1 has a length field of two bytes, later versions one of four.
    let (length, rest) = match rest {
        [1, _, low, high, rest @ ..] => (usize::from(u16::from_le_bytes([*low, *high])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(truncated(12)),
    };
    let parted = rest.split_at_checked(length).filter(|_| length <= HEADER_BYTES_LIMIT);
    let (text, values) = parted.ok_or_else(|| truncated(bytes.len() - rest.len() + length))?;
    let text = std::str::from_utf8(text);
    let text = text.map_err(|_| NpyError::Header { field: "text", header: "not UTF-8".to_owned() })?;
    Ok((text, values))
}

/// Returns what follows `'key':` in the header, which is a Python dictionary.
fn after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let (_, rest) = quoted.iter().find_map(|key| header.split_once(key.as_str()))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn shape(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let extents = inside.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    extents.map(|extent| extent.trim_end_matches('L').parse().ok()).collect()
}

/// Returns the element type, and whether its bytes must be swapped.
fn element(text: &str) -> Option<(Element, bool)> {
    if text.starts_with('[') {
        return Some((Element::Other("a structured type".to_owned()), false));
    }
    let mut rest = text.chars();
    let quote = rest.next().filter(|quote| ['\'', '"'].contains(quote))?;
    let (description, _) = rest.as_str().split_once(quote)?;
    let (swapped, kind) = match description.split_at_checked(1)? {
        (">", kind) => (true, kind),
        ("<" | "=" | "|", kind) => (false, kind),
        _ => (false, description),
    };
    let element = match kind {
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        "i8" => Element::I64,
        "i4" => Element::I32,
        _ => Element::Other(description.to_owned()),
    };
    Some((element, swapped))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::io::Write;

    use super::*;

    fn npy(version: u8, header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        if version == 1 {
            bytes.extend((header.len() as u16).to_le_bytes());
        } else {
            bytes.extend((header.len() as u32).to_le_bytes());
        }
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn both_orders_and_both_byte_orders_give_the_same_columns() {
        let c = npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", &floats(&[1., 2., 3., 4., 5., 6.]));
        let fortran = npy(2, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", &floats(&[1., 4., 2., 5., 3., 6.]));
        let big: Vec<u8> = [1_f32, 2., 3., 4., 5., 6.].iter().flat_map(|value| value.to_be_bytes()).collect();
        let big = npy(3, "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", &big);
        let expected = read_npy("c", &c).unwrap().columns_f32().unwrap();
        assert_eq!(expected.column(1), [2.0, 5.0]);
        assert_eq!(read_npy("f", &fortran).unwrap().columns_f32().unwrap(), expected);
        assert_eq!(read_npy("b", &big).unwrap().columns_f32().unwrap(), expected);
    }

    #[test]
    fn a_truncated_file_is_refused_wherever_it_ends() {
        let whole = npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", &[0; 16]);
        assert!(read_npy("a", &whole).is_ok());
        for end in 0..whole.len() {
            assert!(read_npy("a", &whole[..end]).is_err(), "{end} of {}", whole.len());
        }
    }

    #[test]
    fn headers_that_lie_or_lack_something_are_refused() {
        let huge = npy(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 99999999999), }", &[]);
        assert!(matches!(read_npy("a", &huge), Err(NpyError::Size { .. })));
        let none = npy(1, "{'descr': '<f8', 'fortran_order': False, }", &[]);
        assert!(matches!(read_npy("a", &none), Err(NpyError::Header { field: "shape", .. })));
        assert!(matches!(read_npy("a", b"PK\x03\x04"), Err(NpyError::Magic)));
        let objects = npy(1, "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", b"pickle");
        assert!(read_npy("a", &objects).unwrap().columns_f32().unwrap_err().to_string().contains("|O"));
    }

    #[test]
    fn archives_hold_named_tensors_packed_or_not() {
        let tensor = npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", &floats(&[7., 8.]));
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, method) in [("fc1.npy", zip::CompressionMethod::Stored), ("fc2.npy", zip::CompressionMethod::Deflated)] {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            archive.start_file(name, options).unwrap();
            archive.write_all(&tensor).unwrap();
        }
        let bytes = archive.finish().unwrap().into_inner();
        let tensors = read_npz(&bytes).unwrap();
        assert_eq!(tensors.iter().map(Tensor::name).collect::<Vec<_>>(), ["fc1", "fc2"]);
        assert_eq!(tensors[1].columns_f32().unwrap().column(1), [8.0]);
        assert!(read_npz(&bytes[..bytes.len() - 30]).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_read_holds_what_its_shape_says(
            version in 0_u8..5,
            description in "[<>=|]?[fiub][1248]|O|\\[\\('a', '<f4'\\)\\]",
            order in "True|False|None",
            shape in "\\(|[0-9]{1,20},|\\(([0-9]{1,2}L?,? ?){0,3}\\)|\\([0-9]{18,21},[0-9]{1,20}\\)",
            values in prop::collection::vec(any::<u8>(), 0..64),
            change in any::<(prop::sample::Index, u8)>(),
        ) {
            let header = format!("{{'descr': '{description}', 'fortran_order': {order}, 'shape': {shape}, }}");
            let mut bytes = npy(version, &header, &values);
            for changed in [false, true] {
                if changed {
                    let place = change.0.index(bytes.len());
                    bytes[place] = change.1;
                }
                let Ok(tensor) = read_npy("a", &bytes) else { continue };
                let held: u128 = tensor.shape().iter().map(|extent| *extent as u128).product();
                if let Ok(all) = tensor.values_f64() {
                    prop_assert_eq!(all.len() as u128, held);
                }
                let _ = (tensor.columns_f32(), tensor.columns_f64(), tensor.classes());
            }
        }

        #[test]
        fn no_archive_breaks_it(
            names in prop::collection::vec("[a/.]{0,6}(\\.npy)?", 0..3),
            values in prop::collection::vec(any::<u8>(), 0..64),
            changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
        ) {
            let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            let member = npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }", &values);
            for name in names {
                if archive.start_file(name, zip::write::SimpleFileOptions::default()).is_ok() {
                    archive.write_all(&member).expect("memory is writable");
                }
            }
            let mut bytes = archive.finish().expect("memory is writable").into_inner();
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            let _ = read_npz(&bytes);
        }
    }
}
