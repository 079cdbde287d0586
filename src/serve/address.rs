//! Parses the paths below `/api/v1/` and their queries.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use rotewatch_core::compare::FearedKind;
use rotewatch_core::vocabulary::choices::UnknownChoice;
use rotewatch_core::vocabulary::identity::{Attempt, AttemptError, LayerName, NameError, RunName};
use rotewatch_core::vocabulary::rows::RowSet;
use rotewatch_core::vocabulary::units::Epoch;

/// The path prefix of the API.
pub(super) const PREFIX: &str = "/api/v1/";

/// A resource of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// The event stream.
    Events,
    /// A comparison of two runs.
    Comparison,
    /// All runs.
    Runs,
    /// One run.
    Run(RunName),
    /// Summaries of a run's epochs.
    Epochs(RunName),
    /// The verdict on a run.
    Verdict(RunName),
    /// The surprisal of each row of a run's window.
    Surprisal(RunName),
    /// The mutual information of a layer's neurons.
    Matrix(RunName, LayerName),
    /// Receives an epoch's activations.
    Activations(RunName, Epoch),
    /// Receives the end of an epoch.
    End(RunName, Epoch),
    /// Receives the end of a run.
    Finish(RunName),
    /// Receives a request to stop a run.
    Stop(RunName),
    /// Receives Alertmanager's messages.
    Alerts,
    /// The scrape targets on this machine, for Prometheus.
    Targets,
}

/// An error in a path or a query.
#[derive(Debug, Error)]
pub(super) enum AddressError {
    /// No such path.
    #[error("no such route; docs/protocol.md lists all routes")]
    NoRoute,
    /// The path is not percent-encoded UTF-8.
    #[error("the path is not percent-encoded UTF-8")]
    Encoding,
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An attempt id is not valid.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// A value is not a number, or is out of range.
    #[error("{what} {text:?} is not a whole number in 0..{most}")]
    Number {
        /// What the number counts.
        what: &'static str,
        /// The text that was received.
        text: String,
        /// The largest value that is accepted.
        most: u64,
    },
    /// `rows` names no set of rows.
    #[error("rows: {0}")]
    Rows(#[from] UnknownChoice),
    /// `wait` is not a number of seconds.
    #[error("wait {text:?} is not a number of seconds")]
    Wait {
        /// The text that was received.
        text: String,
    },
    /// `against` is not a known kind of memorization.
    #[error("against {text:?} is not one of heuristic, example-level")]
    Against {
        /// The text that was received.
        text: String,
    },
    /// A required parameter is missing.
    #[error("the parameter {name} is missing")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A parameter is unknown to this route, or given twice.
    #[error("the parameter {name:?} is unknown to this route, or was given twice")]
    Parameter {
        /// Its name.
        name: String,
    },
}

impl Resource {
    /// Parses the part of a path after [`PREFIX`].
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

    /// The label under which its requests are counted.
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

    /// The methods that it accepts.
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

/// The parameters of a query; each is read once.
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Parses a query.
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

    /// Returns the attempt; it is required.
    pub(super) fn attempt(&mut self) -> Result<Attempt, AddressError> {
        Ok(self.0.remove("attempt").ok_or(AddressError::Missing { name: "attempt" })?.parse()?)
    }

    /// Returns the name of a run; it is required.
    pub(super) fn run(&mut self, name: &'static str) -> Result<RunName, AddressError> {
        Ok(self.0.remove(name).ok_or(AddressError::Missing { name })?.parse()?)
    }

    /// Returns the instance that the request is meant for, if it is given.
    pub(super) fn instance(&mut self) -> Option<String> {
        self.0.remove("instance")
    }

    /// Returns the kind of memorization to compare for, if it is given.
    pub(super) fn against(&mut self) -> Result<Option<FearedKind>, AddressError> {
        let known = |text: String| {
            FearedKind::ALL.into_iter().find(|feared| feared.as_str() == text).ok_or(AddressError::Against { text })
        };
        self.0.remove("against").map(known).transpose()
    }

    /// Returns the set that the rows of a frame belong to; the rows that are not trained on if it is not given.
    pub(super) fn row_set(&mut self) -> Result<RowSet, AddressError> {
        Ok(self.0.remove("rows").map_or(Ok(RowSet::Unseen), |word| word.parse())?)
    }

    /// Returns a whole number up to `most`, if it is given.
    pub(super) fn number(&mut self, name: &'static str, most: u64) -> Result<Option<u64>, AddressError> {
        self.0.remove(name).map(|text| number(name, &text, most)).transpose()
    }

    /// Returns the seconds of `wait`; 0 if it is not given.
    pub(super) fn wait_seconds(&mut self) -> Result<f64, AddressError> {
        let Some(text) = self.0.remove("wait") else { return Ok(0.0) };
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        seconds.ok_or(AddressError::Wait { text })
    }

    /// Returns an error if a parameter is left that was not read.
    pub(super) fn end(self) -> Result<(), AddressError> {
        self.0.into_keys().next().map_or(Ok(()), |name| Err(AddressError::Parameter { name }))
    }
}

fn number(what: &'static str, text: &str, most: u64) -> Result<u64, AddressError> {
    let all_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| all_digits && *number <= most);
    number.ok_or_else(|| AddressError::Number { what, text: text.to_owned(), most })
}

/// Decodes percent-encoded text.
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
