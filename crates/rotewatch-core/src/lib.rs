//! The monitor of rotewatch: activations come in, measures and verdicts go out.
//!
//! A trainer offers the activations of its hidden layers through a [`Tap`](intake::tap::Tap). A monitoring thread computes, every epoch,
//! the entropy of each neuron and the mutual information of each pair; detectors turn these into a verdict. Whoever keeps or shows the
//! results is a [`Sink`](monitor::Sink). Deliberately absent: HTTP, files, a database, libtorch.
//!
//! | module | what it holds | imports |
//! |---|---|---|
//! | [`vocabulary`] | units, names, verdicts, the clock: plain values | |
//! | [`record`] | an epoch and a run as they are written and read | vocabulary |
//! | [`intake`] | the trainer's side of the channel: a run, admission and its counts, the tap | vocabulary, record |
//! | [`detect`] | one rule per file, and the judge that keeps an alarm standing | vocabulary, record |
//! | [`compare`] | finished networks in order; two trainings held against each other | vocabulary, record |
//! | [`monitor`] | the window, the report, the live runs, the thread | all of them |

#![warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing, clippy::string_slice)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "a panic in a test is a failure; clippy.toml allows the others"))]

pub mod compare;
pub mod detect;
pub mod intake;
pub mod monitor;
pub mod record;
pub mod vocabulary;
