//! The daemon of rotewatch as a library: the monitor of `rotewatch-core` with its configuration, history, hooks and HTTP server.
//!
//! [`Monitor`] starts all of it; a trainer in the same process declares its run there and receives a tap. A trainer that uses tch adds the
//! crate `rotewatch-tch`. A module imports what comes before it in this table, never what comes after it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`activations`] | files of tensors: safetensors, npy, npz |
//! | [`state`] | what belongs to one user: the state folder, its token, the list of scrape targets |
//! | [`hooks`] | webhooks and commands that receive alarms |
//! | [`config`] | the configuration and the web configuration: read, checked, followed while they change |
//! | [`history`] | every run, epoch and alarm in one SQLite file |
//! | [`ingest`] | runs that are trained elsewhere, over HTTP and from files |
//! | [`metrics`] | Prometheus |
//! | [`page`] | the live page, and the same page frozen in a file |
//! | [`serve`] | HTTP |
//! | [`top`] | the live view at a terminal |
//! | [`app`] | the composition root |
//! | [`cli`] | the commands |

#![warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing, clippy::string_slice)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "a panic in a test is a failure; clippy.toml allows the others"))]

pub mod activations;
pub mod app;
pub mod cli;
pub mod config;
pub mod history;
pub mod hooks;
pub mod ingest;
pub mod metrics;
pub mod page;
pub mod serve;
pub mod state;
pub mod top;

pub use app::{Monitor, Setup};
