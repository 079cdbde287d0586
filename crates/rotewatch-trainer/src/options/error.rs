//! What can be wrong with the options of a training.

/// What is wrong with the options of a training.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// A step of the learning rate that cannot be parsed.
    #[error("learning-rate step `{got}` is not EPOCH:FACTOR, such as 20:0.1 (epoch from 1, factor above 0)")]
    LrStep {
        /// What was written.
        got: String,
    },
    /// A step of the learning rate after the last epoch.
    #[error(
        "--lr-step changes the learning rate at epoch {epoch}, after the last epoch {epochs}; use an earlier step or more --epochs"
    )]
    LrStepTooLate {
        /// The epoch of the step.
        epoch: u32,
        /// The last epoch.
        epochs: u32,
    },
    /// A number out of range.
    #[error("--{option} is {got}, but must be {range}")]
    OutOfRange {
        /// The option, without its dashes.
        option: &'static str,
        /// What was written.
        got: f64,
        /// The range, in words.
        range: &'static str,
    },
    /// A count of 0.
    #[error("--{option} must be at least 1")]
    None {
        /// The option, without its dashes.
        option: &'static str,
    },
    /// More rows than a task of rendered examples provides.
    #[error("--{option} is {got}, but this task renders at most {most}")]
    TooMany {
        /// The option, without its dashes.
        option: &'static str,
        /// What was requested.
        got: usize,
        /// The maximum.
        most: usize,
    },
    /// Options that do not fit together.
    #[error("{options} makes no sense: {reason}; {instead}")]
    Meaningless {
        /// The options.
        options: &'static str,
        /// Why not.
        reason: &'static str,
        /// What to do about it.
        instead: &'static str,
    },
}
