//! Activations in files: bytes in, checked tensors out.
//!
//! [`safetensors`] reads the format in which trainers send frames, [`npy`] reads NumPy's formats, and [`file`](mod@file) reads either. A [`Tensor`] is a view with a name,
//! an element type and a shape; it converts to [`Columns`](rotewatch_info::measures::Columns). Sizes are checked before anything is allocated.

pub mod file;
pub mod npy;
pub mod safetensors;
mod tensor;

/// The names of the tensor with the predicted class of each row: that of frames, and its old name.
pub const PREDICTIONS: [&str; 2] = ["row:predictions", "predictions"];

pub use safetensors::{SafetensorsError, read as read_safetensors, without as without_tensors};
pub use tensor::{Element, Order, Tensor, TensorError};
