//! The mathematics of rotewatch: how varied a layer's neurons are, and how much they repeat each other.
//!
//! Everything is pure: numbers in, numbers out, no clock, no file, no thread but the pool that is passed in. All information is in
//! nats (natural logarithm). After Bansal, Pruthi, Belinkov, "Measures of Information Reflect Memorization Patterns" (NeurIPS 2022).
//!
//! | module | what it holds |
//! |---|---|
//! | [`choice`] | settings that are one of a few words |
//! | [`kernels`] | the innermost loops, one variant per instruction set, all with the same bits; the home of `unsafe` |
//! | [`measures`] | binning, entropy, pairwise and class information, surprisal, nearest neighbours, shuffle bias |
//! | [`statistics`] | intervals, Kendall's tau, AUROC: for comparisons of networks and of methods |

#![warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::indexing_slicing, clippy::string_slice)]
#![cfg_attr(test, allow(clippy::string_slice, reason = "a panic in a test is a failure; clippy.toml allows the others"))]

pub mod choice;
pub mod kernels;
pub mod measures;
pub mod statistics;
