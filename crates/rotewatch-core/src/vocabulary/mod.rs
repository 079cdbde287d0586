//! The ground that everything stands on: plain values and checked names, and the one reader of time.

pub mod choices;
pub mod clock;
pub mod identity;
pub mod metrics;
pub mod newest;
pub mod rows;
pub mod units;
pub mod verdict;
