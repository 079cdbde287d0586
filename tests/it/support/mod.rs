//! What the tests share: processes, requests, expositions, and activations with a known answer.

pub mod activations;
pub mod browser;
pub mod client;
pub mod exposition;
pub mod http;
pub mod log;
pub mod monitored;
pub mod need;
pub mod process;
pub mod running;
#[cfg(feature = "torch")]
pub mod training;
pub mod until;
