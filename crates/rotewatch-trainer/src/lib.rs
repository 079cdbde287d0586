//! The built-in libtorch trainer of rotewatch, and grids of trainings that judge its alarm.
//!
//! A training is a function of its options: every draw (pictures, labels, weights, batches, shifts, dropout) comes from
//! generators of its own, seeded by [`TrainOptions::seed`](options::TrainOptions), never from libtorch's global one.
//! So nothing that runs beside it in the process, the monitoring included, can change a loss.
//!
//! | module | what it holds |
//! |---|---|
//! | [`options`] | what a training can be asked to do; plain values |
//! | [`data`] | rendered digits, MNIST, circles, made-up texts: examples with their labels |
//! | [`networks`] | MLP, CNN, transformer |
//! | [`training`] | a training's loop, losses and checkpoints |
//! | [`experiment`] | grids of trainings: recorded, judged and reported |
//! | [`command`] | `train` and `experiment` on the command line |

#![warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing, clippy::string_slice)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "a panic in a test is a failure; clippy.toml allows the others"))]

pub mod command;
pub mod data;
pub mod experiment;
pub mod networks;
pub mod options;
pub mod training;
