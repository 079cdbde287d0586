//! An epoch and a run as they are written and read.

pub mod json;
pub mod training;
