//! The tensors of a file of any known format.

use std::path::Path;

use super::npy::{self, NpyError};
use super::safetensors::{self, SafetensorsError};
use super::tensor::Tensor;

/// Why the bytes of a file give no tensors.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not a whole safetensors file.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// Not a whole NumPy file.
    #[error(transparent)]
    Npy(#[from] NpyError),
}

/// Reads the tensors in `bytes`, which were read from `path`.
///
/// The format is that of the file's ending (`.npy`, `.npz`, `.safetensors`), and where that says nothing, what the first bytes say. The
/// tensor of a `.npy` file has the name of the file.
///
/// # Errors
/// If the bytes are not a whole file of that format.
pub fn read<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<Tensor<'a>>, FileError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    Ok(match ending.as_str() {
        "npy" => vec![npy::read_npy(&stem, bytes)?],
        "npz" => npy::read_npz(bytes)?,
        "safetensors" => safetensors::read(bytes)?,
        _ if bytes.starts_with(npy::MAGIC) => vec![npy::read_npy(&stem, bytes)?],
        _ if bytes.starts_with(npy::ARCHIVE_MAGIC) => npy::read_npz(bytes)?,
        _ => safetensors::read(bytes)?,
    })
}
