//! The mistakes in a grid file, which are reported all at once with line and column.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rotewatch::config::yaml::{Position, YamlError};

/// Why there is no grid.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not YAML.
    #[error("{origin}:{error}")]
    Yaml {
        /// The file's name, as the user gave it.
        origin: String,
        /// The parser's error, which begins with line and column.
        error: YamlError,
    },
    /// Keys or values are wrong: all of them, in the order of the file.
    #[error("{}", lines(origin, mistakes))]
    Mistakes {
        /// The file's name, as the user gave it.
        origin: String,
        /// What is wrong.
        mistakes: Vec<GridMistake>,
    },
}

fn lines(origin: &str, mistakes: &[GridMistake]) -> String {
    mistakes.iter().map(|mistake| format!("{origin}:{mistake}")).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct GridMistake {
    /// Its position.
    pub at: Position,
    /// The key, as `cells.clean.label-noise`.
    pub path: String,
    /// What is wrong.
    pub fault: GridFault,
}

impl fmt::Display for GridMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.at)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.escape_debug())?;
        }
        write!(f, "{}", self.fault)
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GridFault {
    /// No such key, and no such option of the trainer.
    #[error("unknown key{}", .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// The key occurs twice.
    #[error("duplicate key, first at {first}; remove one of them")]
    Duplicate {
        /// The first position.
        first: Position,
    },
    /// A key that cannot be left out.
    #[error("missing: {what}")]
    Missing {
        /// The missing value.
        what: &'static str,
    },
    /// The value has the wrong form.
    #[error("must be {wanted}")]
    Shape {
        /// The expected form.
        wanted: &'static str,
    },
    /// A word that this key does not accept.
    #[error("`{got}` is not one of {}", .known.join(", "))]
    Word {
        /// The word.
        got: String,
        /// The known ones.
        known: &'static [&'static str],
    },
    /// Not a seed.
    #[error("`{got}` is not a seed; use a whole number from 0 to 18446744073709551615")]
    Seed {
        /// What is there.
        got: String,
    },
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
