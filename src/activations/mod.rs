//! Activations in files: bytes in, checked tensors out.
//!
//! [`safetensors`] reads the one format that trainers speak over the wire, [`npy`] what NumPy saves, [`file`](mod@file) whichever it is; a [`Tensor`] is a view that knows its name, its
//! element type and its shape, and becomes [`Columns`](rotewatch_info::measures::Columns) on request. Sizes are checked before anything is allocated.

pub mod file;
pub mod npy;
pub mod safetensors;
mod tensor;

pub use safetensors::{SafetensorsError, read as read_safetensors};
pub use tensor::{Element, Order, Tensor, TensorError};
