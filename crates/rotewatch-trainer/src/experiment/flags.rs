//! The parts of the trainer's command line that a grid uses.

use crate::options::TrainOptions;

/// Options that a cell cannot set, and why.
const RESERVED: [(&str, &str); 9] = [
    ("run", "every run is named after its cell and seed"),
    ("seed", "set seeds under `seeds`"),
    ("listen", "runs of an experiment have no live page"),
    ("state", "the state folder is in the output folder"),
    ("json", "the document is always recorded"),
    ("keep-serving", "runs of an experiment have no live page"),
    ("monitor", "an experiment needs the monitor's measurements"),
    ("stop-on-onset", "runs must continue after the alarm, to know what really happened"),
    ("data", "set it with --data or ROTEWATCH_DATA, because it differs between machines"),
];

/// An option of the trainer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainerOption {
    /// Its name without the dashes.
    pub name: String,
    /// Whether it is a switch, without a value.
    pub is_switch: bool,
}

/// The trainer's command line.
pub trait TrainerFlags {
    /// Every option.
    fn options(&self) -> Vec<TrainerOption>;

    /// Why the option refuses this value; `None` if it accepts it.
    fn value_fault(&self, option: &str, value: &str) -> Option<String>;

    /// The training that these arguments describe.
    ///
    /// # Errors
    /// Why the arguments are refused, in words.
    fn training(&self, arguments: &[String]) -> Result<TrainOptions, String>;
}

/// Why a cell cannot set this option; `None` if it can.
#[must_use]
pub fn reserved(option: &str) -> Option<&'static str> {
    // A configuration would change the measurements, but the record does not show it.
    let config =
        ("config", "runs are measured with the built-in settings; use --config of `rotewatch experiment` for other thresholds");
    RESERVED.into_iter().chain([config]).find(|(name, _)| *name == option).map(|(_, reason)| reason)
}

/// Options as arguments: `--name value`, a switch as `--name` or nothing.
#[must_use]
pub fn arguments(options: &[(String, String)], known: &[TrainerOption]) -> Vec<String> {
    let mut arguments = Vec::new();
    for (name, value) in options {
        let is_switch = known.iter().any(|option| option.is_switch && option.name == *name);
        match (is_switch, value.as_str()) {
            (true, "true") => arguments.push(format!("--{name}")),
            (true, _) => {}
            // With "=", a negative number is not taken for an option.
            (false, value) => arguments.push(format!("--{name}={value}")),
        }
    }
    arguments
}
