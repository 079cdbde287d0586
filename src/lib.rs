//! rotewatch watches a neural network while it trains and says when it starts to learn by rote.
//!
//! A trainer offers the activations of its hidden layers through a [`tap::Tap`]; a monitoring thread computes, every epoch, the
//! entropy of each neuron and the mutual information of each pair; detectors turn these into a verdict, which the trainer, a page
//! and Prometheus can read. After Bansal, Pruthi, Belinkov, "Measures of Information Reflect Memorization Patterns" (NeurIPS 2022).
//!
//! A module imports what stands above it in this map or beside it, never what stands below.
//!
//! | module | what it holds |
//! |---|---|
//! | [`units`], [`identity`], [`choices`], [`clock`], [`stop`], [`verdict`], [`newest`] | the ground: plain values |
//! | [`kernels`], [`info`], [`statistics`] | the mathematics |
//! | [`activations`], [`document`] | files of tensors, and of trainings |
//! | [`ranking`] | finished networks, put in order by their neurons |
//! | [`run`], [`gate`], [`event`], [`tap`], [`roster`] | the trainer's side of the channel |
//! | [`detect`] | rules that find memorization |
//! | [`wire`], [`window`], [`report`], [`retirement`], [`board`], [`hooks`], [`store`], [`monitor`] | the monitor's side of the channel, who is told of alarms, and the history |
//! | [`token`], [`state`], [`discovery`], [`ingest`] | what belongs to this user alone; where its processes are scraped; runs that are trained elsewhere |
//! | [`charts`], [`page`] | pictures; the live page, and the same page frozen in a file |
//! | [`watch`], [`yaml`], [`config`] | changed files; the configuration and its file |
//! | [`metrics`], [`serve`] | how it is seen from outside |
//! | [`training`], `torch` | the built-in trainer and the tap for tch (feature `torch`) |
//! | [`inbox`] | runs that come as files |
//! | [`experiment`] | grids of trainings, judged |
//! | [`top`] | the live view at a terminal |
//! | [`app`], [`signals`], [`logging`], [`cli`] | how it is put together |

// Where the library may panic, an `expect` of the lint says why it does not. Tests and benches may, so this is not in Cargo.toml.
#![warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing, clippy::string_slice)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "in a test a panic is a failure; clippy.toml has a word for the others"))]

pub mod activations;
pub mod app;
pub mod board;
pub mod charts;
pub mod choices;
pub mod cli;
pub mod clock;
pub mod config;
pub mod detect;
pub mod discovery;
pub mod document;
pub mod event;
pub mod experiment;
pub mod gate;
pub mod hooks;
pub mod identity;
pub mod inbox;
pub mod info;
pub mod ingest;
pub mod kernels;
pub mod logging;
pub mod metrics;
pub mod monitor;
pub mod newest;
pub mod page;
pub mod ranking;
pub mod report;
pub mod retirement;
pub mod roster;
pub mod run;
pub mod serve;
pub mod signals;
pub mod state;
pub mod statistics;
pub mod stop;
pub mod store;
mod sync;
pub mod tap;
pub mod token;
pub mod top;
#[cfg(feature = "torch")]
pub mod torch;
pub mod training;
pub mod units;
pub mod verdict;
pub mod watch;
pub mod window;
pub mod wire;
pub mod yaml;

pub use app::{Monitor, Setup};
