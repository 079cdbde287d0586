//! Reads the tensors of a file in any known format.

use std::path::Path;

use super::npy::{self, NpyError};
use super::safetensors::{self, SafetensorsError};
use super::tensor::Tensor;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not a complete safetensors file.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// Not a complete NumPy file.
    #[error(transparent)]
    Npy(#[from] NpyError),
}

/// Reads the tensors in `bytes`, which were read from `path`.
///
/// The file's extension decides the format (`.npy`, `.npz`, `.safetensors`); with another extension, the first bytes decide. The
/// tensor of a `.npy` file is named after the file.
///
/// # Errors
/// If the bytes are not a complete file of that format.
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
