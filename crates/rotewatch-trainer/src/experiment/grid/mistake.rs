//! The mistakes in a grid file, which are reported all at once with line and column.

use rotewatch::config::document::{ConfigError, Fault, Mistake, mistake_lines};

/// Why there is no grid.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// The file cannot be read, or is not YAML.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// Keys or values are wrong: all of them, in the order of the file.
    #[error("{}", mistake_lines(origin, mistakes))]
    Mistakes {
        /// The file's name, as the user gave it.
        origin: String,
        /// What is wrong.
        mistakes: Vec<GridMistake>,
    },
}

/// One thing that is wrong, and where.
pub type GridMistake = Mistake<GridFault>;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GridFault {
    /// A mistake that the keys of any file can have.
    #[error(transparent)]
    Key(#[from] Fault),
    /// `over` without a sweep.
    #[error("`over` is only for a sweep")]
    NoSweep,
    /// The same seed occurs twice for one variation.
    #[error("seed {seed} of {variation} is listed twice; use different seeds for tune and judge")]
    SeedTwice {
        /// The seed.
        seed: u64,
        /// The variation.
        variation: String,
    },
    /// A role without seeds.
    #[error("no seeds for the role {role}; add them under `seeds`")]
    NoSeeds {
        /// The role.
        role: &'static str,
    },
    /// An option that the experiment sets itself.
    #[error("a cell cannot set this: {reason}")]
    Reserved {
        /// Why it cannot.
        reason: &'static str,
    },
    /// A value that the trainer refuses.
    #[error("{says}")]
    Value {
        /// The trainer's message.
        says: String,
    },
    /// A combination of options that the trainer refuses.
    #[error("{variation}: {says}")]
    Combination {
        /// The variation.
        variation: String,
        /// The trainer's message.
        says: String,
    },
    /// A name that no run can have.
    #[error("this cell makes the run name {name:?}: {says}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        says: String,
    },
    /// Two runs of one name.
    #[error("duplicate run name {name}; give the cell another name")]
    NameTwice {
        /// The name.
        name: String,
    },
}
