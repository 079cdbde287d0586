//! Code shared by the tests: processes, requests, expositions, and activations with known results.

pub(crate) mod activations;
pub(crate) mod browser;
pub(crate) mod catalogue;
pub(crate) mod certificate;
pub(crate) mod client;
pub(crate) mod dashboard;
pub(crate) mod exposition;
pub(crate) mod hooked;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod monitored;
pub(crate) mod need;
pub(crate) mod process;
pub(crate) mod promql;
pub(crate) mod raw;
pub(crate) mod recorded;
pub(crate) mod running;
pub(crate) mod servers;
pub(crate) mod tmux;
pub(crate) mod trainer;
pub(crate) mod training;
pub(crate) mod until;
