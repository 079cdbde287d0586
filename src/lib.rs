//! rotewatch watches a neural network while it trains and says when it starts to learn by rote.

pub mod config;
pub mod watch;
pub mod yaml;
