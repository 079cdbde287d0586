//! What a grid needs to know of the trainer's command line.

use crate::options::TrainOptions;

/// Options that an experiment sets itself, and why a cell cannot.
const RESERVED: [(&str, &str); 9] = [
    ("run", "every run is named after its cell and seed"),
    ("seed", "seeds stand under `seeds`"),
    ("listen", "runs of an experiment are not served"),
    ("state", "the state lies in the output folder"),
    ("json", "the document is what is recorded"),
    ("keep-serving", "runs of an experiment are not served"),
    ("monitor", "an experiment looks at what the monitor saw"),
    ("stop-on-onset", "truth needs the epochs after the alarm, too"),
    ("data", "it is named with --data or ROTEWATCH_DATA, since it differs between machines"),
];

/// An option of the trainer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainerOption {
    /// Its name without the dashes.
    pub name: String,
    /// Whether it stands alone, without a value.
    pub is_switch: bool,
}

/// The trainer's command line.
pub trait TrainerFlags {
    /// Every option.
    fn options(&self) -> Vec<TrainerOption>;

    /// Why the option would refuse this value; `None` if it takes it.
    fn value_fault(&self, option: &str, value: &str) -> Option<String>;

    /// The training that these arguments describe.
    ///
    /// # Errors
    /// Why there is no such training, in words.
    fn training(&self, arguments: &[String]) -> Result<TrainOptions, String>;
}

/// Why a cell cannot set this option; `None` if it can.
#[must_use]
pub fn reserved(option: &str) -> Option<&'static str> {
    // A configuration would change what is measured behind the back of the record.
    let config = ("config", "captures are measured with the built-in settings; --config chooses the thresholds that judge");
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
            // With "=" a negative number is no option.
            (false, value) => arguments.push(format!("--{name}={value}")),
        }
    }
    arguments
}
