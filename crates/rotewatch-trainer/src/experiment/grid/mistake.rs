//! What can be wrong with a grid file, told all at once with line and column.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rotewatch::config::yaml::{Position, YamlError};

/// Why there is no grid.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not YAML.
    #[error("{origin}:{error}")]
    Yaml {
        /// The file's name, as the user gave it.
        origin: String,
        /// What the parser says, beginning with line and column.
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
    /// Where it stands.
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
    #[error("unknown{}", .nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// The key stands twice.
    #[error("stands twice, first at {first}")]
    Duplicate {
        /// Where it stood first.
        first: Position,
    },
    /// A key that cannot be left out.
    #[error("missing: {what}")]
    Missing {
        /// What belongs there.
        what: &'static str,
    },
    /// Another kind of value belongs there.
    #[error("must be {wanted}")]
    Shape {
        /// What belongs there.
        wanted: &'static str,
    },
    /// A word that is none of this key.
    #[error("`{got}` is not one of {}", .known.join(", "))]
    Word {
        /// The word.
        got: String,
        /// The known ones.
        known: &'static [&'static str],
    },
    /// Not a seed.
    #[error("`{got}` is not a seed: a whole number from 0 to 18446744073709551615")]
    Seed {
        /// What is there.
        got: String,
    },
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
