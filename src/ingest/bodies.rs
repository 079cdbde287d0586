//! Parses and checks the JSON documents that clients send: a declaration, the end of an epoch, the end of a run, a request to stop.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use rotewatch_core::intake::run::Declaration;
use rotewatch_core::vocabulary::choices::{Ending, Mode, Reduce, Task, UnknownChoice};
use rotewatch_core::vocabulary::identity::{Attempt, AttemptError, LayerName, NameError, RunName};
use rotewatch_core::vocabulary::metrics::{EpochMetrics, MetricError};

/// Largest size of a document, in bytes. A declaration of 4,096 layers with the longest names has half of that.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// Longest framework name, probe digest and similar text, in bytes.
const TEXT_BYTES_MAX: usize = 128;
/// Longest reason to stop, in bytes.
const REASON_BYTES_MAX: usize = 1024;

/// An error in a document.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// It is not JSON, has a wrong type, or an unknown key.
    #[error("invalid JSON document: {0}")]
    Json(#[from] serde_json::Error),
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An attempt id is not valid.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// A word is not one of the known ones.
    #[error("{key}: {fault}")]
    Choice {
        /// The key.
        key: &'static str,
        /// The word, and the known ones.
        fault: UnknownChoice,
    },
    /// A metric is not valid.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A text is empty, too long, or has control characters.
    #[error("{key} must have 1 to {limit} bytes and no control characters")]
    Text {
        /// The key.
        key: &'static str,
        /// Its largest number of bytes.
        limit: usize,
    },
    /// A layer has a name that is reserved for the numbers of rows.
    #[error("a layer cannot be named \"{layer}\": `predictions` and names with `row:` are the numbers of rows; rename the layer")]
    Reserved {
        /// The layer.
        layer: LayerName,
    },
    /// The layer of features is not a layer of the run.
    #[error("features_layer \"{layer}\" is not among the layers")]
    Features {
        /// The layer.
        layer: LayerName,
    },
}

/// A run as its client declares it. Compared as a whole, to distinguish a repeated declaration from a different one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRun {
    /// The client's id of this training.
    pub attempt: Attempt,
    /// The tapped layers in forward order.
    pub layers: Vec<LayerName>,
    /// Where the rows come from.
    pub mode: Mode,
    /// How maps and sequences are reduced to rows.
    pub reduce: Reduce,
    /// Identifies the probe's rows, if the client sends it.
    pub probe_digest: Option<String>,
    /// Identifies the rows of the training set that pass through the network too; `None` if there are none.
    pub seen_digest: Option<String>,
    /// What the network's outputs are, if the client knows.
    pub task: Option<Task>,
    /// The layer that has the classifier's input.
    pub features_layer: Option<LayerName>,
    /// The client's framework, for display.
    pub framework: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDeclaration {
    attempt: String,
    layers: Vec<String>,
    mode: Option<String>,
    reduce: Option<String>,
    probe_digest: Option<String>,
    seen_digest: Option<String>,
    task: Option<String>,
    features_layer: Option<String>,
    framework: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFinish {
    status: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStop {
    reason: String,
}

impl DeclaredRun {
    /// Parses the body of a declaration.
    ///
    /// # Errors
    /// The first error in it.
    pub fn read(body: &[u8]) -> Result<Self, DocumentError> {
        let raw: RawDeclaration = document(body)?;
        let layers: Vec<LayerName> = raw.layers.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        if let Some(layer) = layers.iter().find(|layer| super::is_reserved(layer.as_str())) {
            return Err(DocumentError::Reserved { layer: layer.clone() });
        }
        let features_layer: Option<LayerName> = raw.features_layer.map(|name| name.parse()).transpose()?;
        if let Some(layer) = features_layer.as_ref().filter(|layer| !layers.contains(layer)) {
            return Err(DocumentError::Features { layer: layer.clone() });
        }
        let probe_digest = raw.probe_digest.map(|digest| text("probe_digest", digest, TEXT_BYTES_MAX)).transpose()?;
        let seen_digest = raw.seen_digest.map(|digest| text("seen_digest", digest, TEXT_BYTES_MAX)).transpose()?;
        let task = raw.task.map(|word| choice("task", Some(&word), Task::Classes)).transpose()?;
        let framework = raw.framework.map(|framework| text("framework", framework, TEXT_BYTES_MAX)).transpose()?;
        Ok(DeclaredRun {
            attempt: raw.attempt.parse()?,
            layers,
            mode: choice("mode", raw.mode.as_deref(), Mode::Probe)?,
            reduce: choice("reduce", raw.reduce.as_deref(), Reduce::Mean)?,
            probe_digest,
            seen_digest,
            task,
            features_layer,
            framework: framework.unwrap_or_else(|| "unknown".to_owned()),
        })
    }

    /// Returns the declaration that the run is opened with.
    pub(super) fn declaration(&self, run: RunName) -> Declaration {
        let streamed = || (self.mode == Mode::Stream).then(|| "training batches".to_owned());
        Declaration {
            run,
            layers: self.layers.clone(),
            source: self.mode,
            probe: self.probe_digest.clone().or_else(streamed),
            seen: self.seen_digest.clone(),
            task: self.task,
            features: self.features_layer.clone(),
            framework: self.framework.clone(),
        }
    }
}

/// Parses the body of an epoch's end: metric names to numbers, null for NaN or infinity. An empty body has no metrics.
///
/// # Errors
/// The first error in it.
pub fn epoch_metrics(body: &[u8]) -> Result<EpochMetrics, DocumentError> {
    if body.is_empty() {
        return Ok(EpochMetrics::default());
    }
    let metrics: BTreeMap<String, Option<f64>> = document(body)?;
    let values = metrics.iter().map(|(name, value)| (name.as_str(), value.unwrap_or(f64::NAN)));
    Ok(EpochMetrics::new(values)?)
}

/// Parses the body of a run's end.
///
/// # Errors
/// The first error in it.
pub fn ending(body: &[u8]) -> Result<Ending, DocumentError> {
    let raw: RawFinish = document(body)?;
    choice("status", Some(&raw.status), Ending::Finished)
}

/// Parses the body of a request to stop, and returns its reason.
///
/// # Errors
/// The first error in it.
pub fn stop_reason(body: &[u8]) -> Result<String, DocumentError> {
    let raw: RawStop = document(body)?;
    text("reason", raw.reason, REASON_BYTES_MAX)
}

fn document<T: DeserializeOwned>(body: &[u8]) -> Result<T, DocumentError> {
    Ok(serde_json::from_slice(body)?)
}

fn choice<T: std::str::FromStr<Err = UnknownChoice>>(
    key: &'static str,
    word: Option<&str>,
    default: T,
) -> Result<T, DocumentError> {
    word.map_or(Ok(default), |word| word.parse().map_err(|fault| DocumentError::Choice { key, fault }))
}

fn text(key: &'static str, text: String, limit: usize) -> Result<String, DocumentError> {
    let fits = (1..=limit).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(DocumentError::Text { key, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_needs_an_attempt_and_layers_alone() {
        let least = DeclaredRun::read(br#"{"attempt": "00000000000000ff", "layers": ["fc1", "fc2"]}"#).unwrap();
        assert_eq!((least.mode, least.reduce, least.framework.as_str()), (Mode::Probe, Reduce::Mean, "unknown"));
        let all = br#"{"attempt": "00000000000000ff", "layers": ["fc1", "fc2"], "mode": "stream", "reduce": "last",
            "probe_digest": null, "framework": "pytorch"}"#;
        assert_eq!(DeclaredRun::read(all).unwrap().mode, Mode::Stream);
    }

    #[test]
    fn what_is_wrong_with_a_declaration_is_said() {
        for (body, says) in [
            ("", "EOF"),
            ("[]", "invalid length 0"),
            (r#"{"layers": []}"#, "missing field `attempt`"),
            (r#"{"attempt": "ff", "layers": ["a"]}"#, "16 random lowercase hexadecimal digits"),
            (r#"{"attempt": 255, "layers": ["a"]}"#, "expected a string"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a"], "colour": "red"}"#, "unknown field `colour`"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a"], "mode": "peek"}"#, "mode: `peek` is not one of probe, stream"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a\n"]}"#, "control characters"),
            (r#"{"attempt": "00000000000000ff", "layers": ["predictions"]}"#, "are the numbers of rows"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a"], "framework": ""}"#, "framework must have 1 to 128 bytes"),
        ] {
            let refused = DeclaredRun::read(body.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(says), "{body}: {refused}");
        }
    }

    #[test]
    fn a_loss_may_be_no_number_but_not_a_text() {
        let metrics = epoch_metrics(br#"{"train_loss": null, "train_accuracy": 1}"#).unwrap();
        assert!(metrics.get("train_loss").is_some_and(f64::is_nan));
        assert_eq!(metrics.get("train_accuracy"), Some(1.0));
        assert_eq!(epoch_metrics(b"").unwrap(), EpochMetrics::default());
        for bad in ["{\"train_loss\": \"1\"}", "{\"Loss\": 1}", "{\"loss\": NaN}", "{\"loss\": 1e999}", "[1]"] {
            assert!(epoch_metrics(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
