//! The trainer's side of the channel: what a run declares, who gets in, and what crosses.
//!
//! ```text
//! trainer -> tap -> gate (is there room?) -> bounded channel of events -> monitor
//! ```
//!
//! The tap asks for room before it copies an activation; what finds none is dropped and counted by reason.

pub mod event;
pub mod gate;
pub mod open_runs;
pub mod run;
pub mod stop;
mod sync;
pub mod tap;
pub mod widths;
