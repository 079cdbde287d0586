//! Code shared by the tests: processes, requests, expositions, and activations with known results.

pub mod activations;
pub mod browser;
pub mod catalogue;
pub mod certificate;
pub mod client;
pub mod dashboard;
pub mod exposition;
pub mod hooked;
pub mod http;
pub mod log;
pub mod monitored;
pub mod need;
pub mod process;
pub mod promql;
pub mod raw;
pub mod recorded;
pub mod running;
pub mod servers;
pub mod tmux;
pub mod trainer;
pub mod training;
pub mod until;
