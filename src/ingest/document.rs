//! The JSON that clients send, read and checked: a declaration, the end of an epoch, the end of a run, a wish to stop.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use rotewatch_core::intake::event::{EpochMetrics, MetricError};
use rotewatch_core::intake::run::{Attempt, AttemptError, Declaration};
use rotewatch_core::vocabulary::choices::{Ending, Mode, Reduce, UnknownChoice};
use rotewatch_core::vocabulary::identity::{LayerName, NameError, RunName};

/// The most bytes that a document may have: a declaration of 4,096 layers with the longest names is half as long.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// The longest framework, probe digest and such, in bytes.
const TEXT_BYTES_MAX: usize = 128;
/// The longest reason to stop, in bytes.
const REASON_BYTES_MAX: usize = 1024;

/// Why a document was refused.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// Not JSON, not of the right shape, or with a key that nobody knows.
    #[error("the body is not as it should be: {0}")]
    Json(#[from] serde_json::Error),
    /// A name that cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An attempt that cannot be one.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// A word that is not among the known ones.
    #[error("{key}: {fault}")]
    Choice {
        /// The key.
        key: &'static str,
        /// The word, and those that are known.
        fault: UnknownChoice,
    },
    /// A metric that cannot be exported.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A text that is too long, or not printable.
    #[error("{key} is not of 1 to {limit} bytes without control characters")]
    Text {
        /// The key.
        key: &'static str,
        /// The most bytes it may have.
        limit: usize,
    },
    /// A layer has the name under which predictions are sent.
    #[error("a layer cannot be called {:?}: predicted classes are sent under that name", super::PREDICTIONS)]
    Reserved,
}

/// A run as its client declares it: compared as a whole, to tell a repetition from a contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRun {
    /// The client's id of this training.
    pub attempt: Attempt,
    /// The tapped layers in forward order.
    pub layers: Vec<LayerName>,
    /// Where the rows come from.
    pub mode: Mode,
    /// How maps and sequences became rows.
    pub reduce: Reduce,
    /// What the probe's rows are recognised by, if the client says so.
    pub probe_digest: Option<String>,
    /// The client's framework, for people.
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
    /// Reads the body of a declaration.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, DocumentError> {
        let raw: RawDeclaration = document(body)?;
        let layers: Vec<LayerName> = raw.layers.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        if layers.iter().any(|layer| layer.as_str() == super::PREDICTIONS) {
            return Err(DocumentError::Reserved);
        }
        let probe_digest = raw.probe_digest.map(|digest| text("probe_digest", digest, TEXT_BYTES_MAX)).transpose()?;
        let framework = raw.framework.map(|framework| text("framework", framework, TEXT_BYTES_MAX)).transpose()?;
        Ok(DeclaredRun {
            attempt: raw.attempt.parse()?,
            layers,
            mode: choice("mode", raw.mode.as_deref(), Mode::Probe)?,
            reduce: choice("reduce", raw.reduce.as_deref(), Reduce::Mean)?,
            probe_digest,
            framework: framework.unwrap_or_else(|| "unknown".to_owned()),
        })
    }

    /// The declaration that the run is opened with.
    pub(super) fn declaration(&self, run: RunName) -> Declaration {
        let streamed = || (self.mode == Mode::Stream).then(|| "training batches".to_owned());
        Declaration {
            run,
            layers: self.layers.clone(),
            source: self.mode,
            probe: self.probe_digest.clone().or_else(streamed),
            framework: self.framework.clone(),
        }
    }
}

/// Reads the body of an epoch's end: names to numbers, null for what is no number. An empty body has none.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn epoch_metrics(body: &[u8]) -> Result<EpochMetrics, DocumentError> {
    if body.is_empty() {
        return Ok(EpochMetrics::default());
    }
    let metrics: BTreeMap<String, Option<f64>> = document(body)?;
    let values = metrics.iter().map(|(name, value)| (name.as_str(), value.unwrap_or(f64::NAN)));
    Ok(EpochMetrics::new(values)?)
}

/// Reads the body of a run's end.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn ending(body: &[u8]) -> Result<Ending, DocumentError> {
    let raw: RawFinish = document(body)?;
    choice("status", Some(&raw.status), Ending::Finished)
}

/// Reads the body of a wish to stop: its reason.
///
/// # Errors
/// The first thing that is wrong with it.
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
            (r#"{"attempt": "ff", "layers": ["a"]}"#, "16 lowercase hexadecimal digits"),
            (r#"{"attempt": 255, "layers": ["a"]}"#, "expected a string"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a"], "colour": "red"}"#, "unknown field `colour`"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a"], "mode": "peek"}"#, "mode: `peek` is not one of probe, stream"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a\n"]}"#, "control characters"),
            (r#"{"attempt": "00000000000000ff", "layers": ["predictions"]}"#, "predicted classes"),
            (r#"{"attempt": "00000000000000ff", "layers": ["a"], "framework": ""}"#, "framework is not of 1 to 128 bytes"),
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
