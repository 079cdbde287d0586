//! What a path below `/api/v1/` and its query name.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::identity::{LayerName, NameError, RunName};
use crate::ranking::Claim;
use crate::run::{Attempt, AttemptError};
use crate::units::Epoch;

/// Where the API begins.
pub(super) const PREFIX: &str = "/api/v1/";

/// A thing that the API knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// What happens to them.
    Events,
    /// Two runs held against each other.
    Comparison,
    /// All runs.
    Runs,
    /// One run.
    Run(RunName),
    /// The epochs of a run, in brief.
    Epochs(RunName),
    /// What its reports add up to.
    Verdict(RunName),
    /// How surprising each row of its window is.
    Surprisal(RunName),
    /// The mutual information of a layer's neurons.
    Matrix(RunName, LayerName),
    /// Where an epoch's activations go.
    Activations(RunName, Epoch),
    /// Where an epoch's end goes.
    End(RunName, Epoch),
    /// Where a run's end goes.
    Finish(RunName),
    /// Where a wish to stop goes.
    Stop(RunName),
    /// Where Alertmanager's messages go.
    Alerts,
    /// Where this machine's rotewatch is scraped.
    Targets,
}

/// Why a path or a query names nothing.
#[derive(Debug, Error)]
pub(super) enum AddressError {
    /// No such path.
    #[error("there is no such route: docs/protocol.md lists them")]
    NoRoute,
    /// A part of the path that is not percent-encoded UTF-8.
    #[error("the path is not percent-encoded UTF-8")]
    Encoding,
    /// A name that cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An attempt that cannot be one.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// A number that is none, or out of range.
    #[error("{what} {text:?} is not a whole number in 0..{most}")]
    Number {
        /// What it is the number of.
        what: &'static str,
        /// The text as given.
        text: String,
        /// The largest that is taken.
        most: u64,
    },
    /// A time that is none.
    #[error("wait {text:?} is not a number of seconds")]
    Wait {
        /// The text as given.
        text: String,
    },
    /// A fear that is none.
    #[error("against {text:?} is not one of heuristic, example-level")]
    Against {
        /// The text as given.
        text: String,
    },
    /// A parameter that must be there.
    #[error("the parameter {name} is missing")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A parameter that this route does not know, or that stands there twice.
    #[error("the parameter {name:?} is unknown here or stands there twice")]
    Parameter {
        /// Its name.
        name: String,
    },
}

impl Resource {
    /// Reads what follows [`PREFIX`].
    pub(super) fn read(path: &str) -> Result<Self, AddressError> {
        let parts: Vec<String> = path.split('/').map(decoded).collect::<Result<_, _>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let run = |name: &str| name.parse::<RunName>();
        let epoch = |text: &str| number("epoch", text, u64::from(u32::MAX)).map(|epoch| Epoch(epoch as u32));
        Ok(match parts[..] {
            ["events"] => Resource::Events,
            ["sd"] => Resource::Targets,
            ["hooks", "alertmanager"] => Resource::Alerts,
            ["compare"] => Resource::Comparison,
            ["runs"] => Resource::Runs,
            ["runs", name] => Resource::Run(run(name)?),
            ["runs", name, "epochs"] => Resource::Epochs(run(name)?),
            ["runs", name, "verdict"] => Resource::Verdict(run(name)?),
            ["runs", name, "surprisal"] => Resource::Surprisal(run(name)?),
            ["runs", name, "layers", layer, "matrix"] => Resource::Matrix(run(name)?, layer.parse()?),
            ["runs", name, "epochs", number, "activations"] => Resource::Activations(run(name)?, epoch(number)?),
            ["runs", name, "epochs", number, "end"] => Resource::End(run(name)?, epoch(number)?),
            ["runs", name, "finish"] => Resource::Finish(run(name)?),
            ["runs", name, "stop"] => Resource::Stop(run(name)?),
            _ => return Err(AddressError::NoRoute),
        })
    }

    /// The word under which requests for it are counted.
    pub(super) fn route(&self) -> &'static str {
        match self {
            Resource::Events => "/api/v1/events",
            Resource::Comparison => "/api/v1/compare",
            Resource::Runs => "/api/v1/runs",
            Resource::Run(_) => "/api/v1/runs/{run}",
            Resource::Epochs(_) => "/api/v1/runs/{run}/epochs",
            Resource::Verdict(_) => "/api/v1/runs/{run}/verdict",
            Resource::Surprisal(_) => "/api/v1/runs/{run}/surprisal",
            Resource::Matrix(..) => "/api/v1/runs/{run}/layers/{layer}/matrix",
            Resource::Activations(..) => "/api/v1/runs/{run}/epochs/{epoch}/activations",
            Resource::End(..) => "/api/v1/runs/{run}/epochs/{epoch}/end",
            Resource::Finish(_) => "/api/v1/runs/{run}/finish",
            Resource::Stop(_) => "/api/v1/runs/{run}/stop",
            Resource::Alerts => "/api/v1/hooks/alertmanager",
            Resource::Targets => "/api/v1/sd",
        }
    }

    /// The methods that it takes.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Resource::Events => "GET",
            Resource::Comparison
            | Resource::Runs
            | Resource::Epochs(_)
            | Resource::Verdict(_)
            | Resource::Surprisal(_)
            | Resource::Matrix(..)
            | Resource::Targets => "GET, HEAD",
            Resource::Run(_) => "GET, HEAD, PUT",
            Resource::Activations(..) | Resource::End(..) | Resource::Finish(_) | Resource::Stop(_) | Resource::Alerts => "POST",
        }
    }
}

/// The parameters of a query, each taken once.
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query.
    pub(super) fn read(query: Option<&str>) -> Result<Self, AddressError> {
        let query = query.unwrap_or_default();
        // The parser of forms takes whatever comes: what cannot be decoded is refused before.
        decoded(query)?;
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if parameters.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(AddressError::Parameter { name: name.into_owned() });
            }
        }
        Ok(Parameters(parameters))
    }

    /// The attempt, which must be named.
    pub(super) fn attempt(&mut self) -> Result<Attempt, AddressError> {
        Ok(self.0.remove("attempt").ok_or(AddressError::Missing { name: "attempt" })?.parse()?)
    }

    /// A run, which must be named.
    pub(super) fn run(&mut self, name: &'static str) -> Result<RunName, AddressError> {
        Ok(self.0.remove(name).ok_or(AddressError::Missing { name })?.parse()?)
    }

    /// Which daemon is meant, if somebody says.
    pub(super) fn instance(&mut self) -> Option<String> {
        self.0.remove("instance")
    }

    /// What is feared, if somebody says.
    pub(super) fn against(&mut self) -> Result<Option<Claim>, AddressError> {
        let known =
            |text: String| Claim::ALL.into_iter().find(|claim| claim.as_str() == text).ok_or(AddressError::Against { text });
        self.0.remove("against").map(known).transpose()
    }

    /// A whole number up to `most`, if it is there.
    pub(super) fn number(&mut self, name: &'static str, most: u64) -> Result<Option<u64>, AddressError> {
        self.0.remove(name).map(|text| number(name, &text, most)).transpose()
    }

    /// The seconds of `wait`; 0 without it.
    pub(super) fn wait_seconds(&mut self) -> Result<f64, AddressError> {
        let Some(text) = self.0.remove("wait") else { return Ok(0.0) };
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        seconds.ok_or(AddressError::Wait { text })
    }

    /// Nothing else may be left.
    pub(super) fn end(self) -> Result<(), AddressError> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(AddressError::Parameter { name }))
    }
}

fn number(what: &'static str, text: &str, most: u64) -> Result<u64, AddressError> {
    let all_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| all_digits && *number <= most);
    number.ok_or_else(|| AddressError::Number { what, text: text.to_owned(), most })
}

/// Text of which every byte may be written `%xx`.
fn decoded(text: &str) -> Result<String, AddressError> {
    let is_escape =
        |behind: &str| behind.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    // The decoder would leave a `%` that begins no escape as it is.
    if !text.split('%').skip(1).all(is_escape) {
        return Err(AddressError::Encoding);
    }
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| AddressError::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_layer_may_hold_whatever_is_encoded() {
        let run: RunName = "a.b".parse().unwrap();
        let read = |path| Resource::read(path).unwrap();
        assert_eq!(read("runs/a.b/layers/block%2Fup%20%22%C3%A9%22/matrix"), {
            Resource::Matrix(run.clone(), "block/up \"é\"".parse().unwrap())
        });
        assert_eq!(read("runs/a%2Eb/epochs/7/end"), Resource::End(run.clone(), Epoch(7)));
        assert_eq!(read("runs/a.b"), Resource::Run(run));
        assert_eq!(read("runs"), Resource::Runs);
    }

    #[test]
    fn paths_that_name_nothing_say_why() {
        for (path, says) in [
            ("", "no such route"),
            ("runs/", "run name \"\""),
            ("runs/a/nothing", "no such route"),
            ("runs/a%2Fb", "run name \"a/b\""),
            ("runs/a%", "percent-encoded"),
            ("runs/a%g0", "percent-encoded"),
            ("runs/a%+1", "percent-encoded"),
            ("runs/a%2\u{e9}", "percent-encoded"),
            ("runs/%ff", "percent-encoded"),
            ("runs/a/epochs/-1/end", "epoch \"-1\""),
            ("runs/a/epochs/+1/end", "epoch \"+1\""),
            ("runs/a/epochs/4294967296/end", "0..4294967295"),
            ("runs/a/layers/%0a/matrix", "control characters"),
        ] {
            let refused = Resource::read(path).unwrap_err().to_string();
            assert!(refused.contains(says), "{path:?}: {refused}");
        }
    }

    #[test]
    fn parameters_are_taken_once_and_none_is_passed_over() {
        let mut query = Parameters::read(Some("attempt=00000000000000ff&seq=3&wait=1.5")).unwrap();
        assert_eq!(query.attempt().unwrap().to_string(), "00000000000000ff");
        assert_eq!(query.number("seq", u64::MAX).unwrap(), Some(3));
        assert_eq!(query.wait_seconds().unwrap(), 1.5);
        assert!(query.end().is_ok());
        assert!(Parameters::read(None).unwrap().attempt().is_err());
        assert!(Parameters::read(Some("seq=1&seq=2")).is_err());
        assert!(Parameters::read(Some("sequence=1")).unwrap().end().is_err());
        let mut spaced = Parameters::read(Some("instance=a+b%2Bc")).unwrap();
        assert_eq!(spaced.instance().unwrap(), "a b+c", "as forms write it");
        for bad in ["wait=%", "wait=1%0", "%f=1", "wait=%ff", "wait=%%31"] {
            assert!(matches!(Parameters::read(Some(bad)), Err(AddressError::Encoding)), "{bad}");
        }
        for bad in ["wait=-1", "wait=nan", "wait=inf", "wait=soon"] {
            assert!(Parameters::read(Some(bad)).unwrap().wait_seconds().is_err(), "{bad}");
        }
    }

    fn encoded(name: &str) -> String {
        let bytes: Vec<String> = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        bytes.concat()
    }

    proptest! {
        #[test]
        fn no_path_and_no_query_breaks_it(path in "(runs|events|sd|hooks|epochs|layers|end|[a-z0-9%./?&=+-]{0,6}|\\PC|/){0,12}") {
            if let Ok(resource) = Resource::read(&path) {
                prop_assert!(resource.route().starts_with(PREFIX) && !resource.methods().is_empty());
            }
            if let Ok(mut query) = Parameters::read(Some(&path)) {
                let _ = (query.attempt(), query.number("seq", 7), query.wait_seconds(), query.end());
            }
        }

        #[test]
        fn what_is_encoded_is_read_back(
            run in "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
            layer in "\\PC{1,20}",
            epoch: u32,
        ) {
            let read = Resource::read(&format!("runs/{}/layers/{}/matrix", encoded(&run), encoded(&layer)));
            if let Ok(layer) = layer.parse() {
                prop_assert_eq!(read.ok(), Some(Resource::Matrix(run.parse().expect("a good name"), layer)));
            }
            let read = Resource::read(&format!("runs/{run}/epochs/{epoch}/end"));
            prop_assert_eq!(read.ok(), Some(Resource::End(run.parse().expect("a good name"), Epoch(epoch))));
        }
    }
}
