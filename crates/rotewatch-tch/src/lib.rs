//! Watch a [tch](https://docs.rs/tch) training with rotewatch.
//!
//! [`tap::TensorTap`] passes the outputs of hidden layers to the monitor; [`diversity_penalty`] makes a differentiable penalty of entropy
//! and mutual information. The monitor itself (`Monitor`, `Config`) comes from the crate `rotewatch`, which links no libtorch.

#![warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing, clippy::string_slice)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "a panic in a test is a failure; clippy.toml allows the others"))]

pub mod diversity_penalty;
pub mod scores;
pub mod tap;
