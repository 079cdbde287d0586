//! What can be wrong with a grid file, told all at once with line and column.

use crate::config::section::mistake_lines;
use crate::config::{ConfigError, Fault, Mistake};

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
    /// What can be wrong with the keys of any file.
    #[error(transparent)]
    Key(#[from] Fault),
    /// An option that does not go with this report.
    #[error("only a sweep goes over an option")]
    NoSweep,
    /// The same seed tunes and judges one variation.
    #[error("seed {seed} of {variation} is listed twice; a run that tunes cannot judge")]
    SeedTwice {
        /// The seed.
        seed: u64,
        /// Whose.
        variation: String,
    },
    /// A role without seeds.
    #[error("there are no seeds for the role {role}")]
    NoSeeds {
        /// The role.
        role: &'static str,
    },
    /// An option that the experiment sets itself.
    #[error("cannot be set by a cell: {reason}")]
    Reserved {
        /// Why not.
        reason: &'static str,
    },
    /// A value that the trainer refuses.
    #[error("{says}")]
    Value {
        /// What the trainer says.
        says: String,
    },
    /// A combination of options that the trainer refuses.
    #[error("{variation}: {says}")]
    Combination {
        /// Which.
        variation: String,
        /// What the trainer says.
        says: String,
    },
    /// A name that no run can have.
    #[error("the run would be called {name:?}: {says}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        says: String,
    },
    /// Two runs of one name.
    #[error("the run {name} exists already; give the cell another name")]
    NameTwice {
        /// The name.
        name: String,
    },
}
