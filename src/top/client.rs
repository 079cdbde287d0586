//! Reads from a daemon over HTTP.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use rotewatch_core::record::{EpochRecord, EpochsRecord, RunRecord};
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::units::Epoch;

/// How long an answer may take to begin, and to be received.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stream of events may be silent. The daemon sends three comments in this time to show that it is alive.
const SILENCE: Duration = Duration::from_secs(30);

/// An error when reading from a daemon.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no answer, or not in time.
    #[error("no answer: {reason}")]
    NoAnswer {
        /// The error of the connection.
        reason: ureq::Error,
    },
    /// The answer comes from another program, or from another version of the daemon.
    #[error("unexpected answer; is this a rotewatch daemon of the same version? {reason}")]
    Strange {
        /// The error of the parser.
        reason: serde_json::Error,
    },
}

#[derive(Debug, Deserialize)]
struct Runs {
    runs: Vec<RunRecord>,
}

/// Reads from one daemon.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    agent: Agent,
}

/// A stream of events, each with its id and the name of its run, if it is about one.
pub(super) struct Events(BufReader<ureq::BodyReader<'static>>);

impl Client {
    /// Creates a client of the daemon at `url`, such as `http://127.0.0.1:19787`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(ANSWER_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .user_agent(concat!("rotewatch/", env!("CARGO_PKG_VERSION")));
        Client { url: url.trim_end_matches('/').to_owned(), agent: Agent::new_with_config(config.build()) }
    }

    /// Returns the URL of the daemon.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Reads all runs.
    pub(super) fn runs(&self) -> Result<Vec<RunRecord>, ClientError> {
        self.read::<Runs>("runs").map(|all| all.runs)
    }

    /// Reads the epochs of a run after `after`; `None` if the run no longer exists.
    pub(super) fn epochs(&self, run: &RunName, after: Option<Epoch>) -> Result<Option<EpochsRecord<EpochRecord>>, ClientError> {
        let query = after.map_or_else(String::new, |after| format!("?after={after}"));
        match self.read(&format!("runs/{run}/epochs{query}")) {
            Ok(epochs) => Ok(Some(epochs)),
            Err(ClientError::NoAnswer { reason: ureq::Error::StatusCode(404) }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Subscribes to events from now on, or after the event `last`.
    pub(super) fn events(&self, last: Option<&str>) -> Result<Events, ClientError> {
        let request = self.agent.get(format!("{}/api/v1/events", self.url));
        let request = request.config().timeout_per_read(Some(SILENCE)).build();
        let request = match last {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        };
        let answer = request.call().map_err(|reason| ClientError::NoAnswer { reason })?;
        Ok(Events(BufReader::new(answer.into_body().into_reader())))
    }

    fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.agent.get(format!("{}/api/v1/{path}", self.url));
        let request = request.config().timeout_global(Some(ANSWER_TIMEOUT)).build();
        let no_answer = |reason| ClientError::NoAnswer { reason };
        let text = request.call().map_err(no_answer)?.body_mut().read_to_string().map_err(no_answer)?;
        serde_json::from_str(&text).map_err(|reason| ClientError::Strange { reason })
    }
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its id, to continue from.
    pub(super) id: Option<String>,
    /// The run that it is about; `None` for all runs.
    pub(super) run: Option<String>,
}

impl Iterator for Events {
    type Item = Event;

    /// Returns the next event that has data; `None` if the stream has ended, failed or become silent.
    fn next(&mut self) -> Option<Event> {
        next_event(&mut self.0)
    }
}

fn next_event(stream: &mut impl BufRead) -> Option<Event> {
    #[derive(Deserialize)]
    struct About {
        run: Option<String>,
    }
    let mut event = Event::default();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ").or_else(|| line.trim_end().split_once(':')) {
            Some(("id", id)) => event.id = Some(id.to_owned()),
            Some(("data", data)) => {
                event.run = serde_json::from_str::<About>(data).ok().and_then(|about| about.run);
                return Some(event);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_with_their_ids_and_comments_left_out() {
        let told = "retry: 1000\nid: a-1\nevent: status\ndata: {\"status\":\"resync\"}\n\n: alive\n\nid: a-2\nevent: epoch\n\
                    data: {\"run\":\"demo\",\"epoch\":3}\n\nid: a-3\nevent: ep";
        let mut stream = told.as_bytes();
        let event = |id: &str, run: Option<&str>| Some(Event { id: Some(id.into()), run: run.map(str::to_owned) });
        assert_eq!(next_event(&mut stream), event("a-1", None));
        assert_eq!(next_event(&mut stream), event("a-2", Some("demo")));
        assert_eq!(next_event(&mut stream), None, "an incomplete event is not returned");
    }

    #[test]
    fn nobody_there_is_said() {
        // No server can listen on port 0.
        let client = Client::new("http://127.0.0.1:0/");
        assert_eq!(client.url(), "http://127.0.0.1:0");
        assert!(matches!(client.runs(), Err(ClientError::NoAnswer { .. })));
    }
}
