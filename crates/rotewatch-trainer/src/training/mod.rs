//! One training: its loop, its losses and the weights that it keeps.

pub mod checkpoints;
pub mod losses;
pub mod trainer;
