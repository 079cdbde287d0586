//! `POST hooks/alertmanager` receives the messages of Alertmanager's webhook. A firing alert stops the run that its label `run`
//! names. So any Prometheus expression can be a rule for early stopping.
//!
//! Alertmanager repeats alerts that keep firing, and sends a whole group when one alert of it changes. So each alert counts once,
//! by its fingerprint and its start time. An alert about an earlier attempt does not stop a new attempt of the run. A resolved
//! alert has no effect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, error, json};
use super::feed::EventFeed;
use rotewatch_core::intake::run::Run;
use rotewatch_core::intake::stop::StopReason;
use rotewatch_core::monitor::live_runs::LiveRuns;
use rotewatch_core::vocabulary::clock::{unix_seconds, unix_seconds_of};
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_core::vocabulary::newest::Newest;

/// Number of alerts that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 4096;
/// Longest fingerprint and longest start time, in bytes. Those of Alertmanager have 16 and 35.
const KEY_BYTES_MAX: usize = 128;
/// Largest difference between the clocks of Prometheus and of this machine, in seconds.
const CLOCKS_APART_SECONDS: f64 = 60.0;
/// Longest reason for stopping a run, in characters.
const REASON_CHARS_MAX: usize = 512;

/// A message. Other keys are ignored, since Alertmanager sends more of them and may add new ones.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    alerts: Vec<Alert>,
    #[serde(default)]
    truncated_alerts: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: Status,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: String,
    fingerprint: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

#[cfg(any(test, fuzzing))]
impl Message {
    /// Asserts the properties of every message that can be parsed.
    pub(super) fn check(&self) {
        for alert in &self.alerts {
            let reason = alert.reason();
            assert!(reason.chars().count() <= REASON_CHARS_MAX && !reason.contains(char::is_control), "{reason:?}");
            let _ = alert.run();
        }
    }
}

impl Alert {
    fn name(&self) -> &str {
        self.labels.get("alertname").map_or("without a name", String::as_str)
    }

    /// What distinguishes it from other alerts.
    fn key(&self) -> (String, String) {
        (self.fingerprint.clone(), self.starts_at.clone())
    }

    /// The reason that its run is stopped for.
    fn reason(&self) -> String {
        let summary = self.annotations.get("summary").map(|summary| format!(": {summary}")).unwrap_or_default();
        let text = format!("alert {}{summary}", self.name());
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(REASON_CHARS_MAX).collect()
    }

    /// Whether the alert began before the run was declared, and so is about an earlier attempt. False if the time is not valid.
    fn is_older_than(&self, run: &Run) -> bool {
        let age = unix_seconds_of(&self.starts_at).map(|starts_at| unix_seconds() - starts_at);
        age.is_some_and(|age| age > run.age().as_secs_f64() + CLOCKS_APART_SECONDS)
    }

    /// Whether the alert is about another daemon than `instance`.
    fn is_of_another(&self, instance: Option<&str>) -> bool {
        let of = self.labels.get("instance").map(String::as_str);
        of.zip(instance).is_some_and(|(of, instance)| of != instance)
    }

    /// Returns the run that the alert is about, or a description of what is wrong.
    fn run(&self) -> Result<RunName, String> {
        let name = self.labels.get("run").ok_or_else(|| {
            format!("alert {} has no label `run`: keep it in the rule's expression, or route the alert elsewhere", self.name())
        })?;
        if self.fingerprint.len().max(self.starts_at.len()) > KEY_BYTES_MAX {
            return Err(format!("alert {}: its fingerprint or startsAt is longer than {KEY_BYTES_MAX} bytes", self.name()));
        }
        name.parse().map_err(|fault| format!("alert {}: {fault}", self.name()))
    }
}

/// The alerts that were already acted on, by fingerprint and start time.
type Remembered = Newest<REMEMBERED, (String, String)>;

/// Handles Alertmanager's messages.
#[derive(Debug, Default)]
pub(super) struct AlertDesk(Mutex<Remembered>);

impl AlertDesk {
    /// Stops the runs that a message names, and lists the result for each firing alert. An alert that cannot be acted on gives an
    /// error status, which Alertmanager logs and does not retry. The other alerts of the message are still acted on.
    ///
    /// With `instance`, alerts with another `instance` label are ignored, since several daemons may have runs of the same name.
    pub(super) fn answer(&self, runs: &LiveRuns, events: &EventFeed, instance: Option<&str>, body: &[u8]) -> Answer {
        let message: Message = match serde_json::from_slice(body) {
            Ok(message) => message,
            Err(fault) => {
                let says = format!("the body is not a message of Alertmanager's webhook, version 4: {fault}");
                return error(StatusCode::UNPROCESSABLE_ENTITY, says);
            }
        };
        if message.truncated_alerts > 0 {
            tracing::warn!(alerts = message.truncated_alerts, "Alertmanager left alerts out; raise max_alerts of its webhook");
        }
        let (mut stopped, mut ignored, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for alert in message.alerts.iter().filter(|alert| alert.status == Status::Firing) {
            match alert.run() {
                Err(fault) => faults.push(fault),
                Ok(name) => match self.stop(runs, instance, alert, &name) {
                    Ok(run) => {
                        events.stop_asked(&run);
                        stopped.push(name.as_str().to_owned());
                    }
                    Err(why) => ignored.push(json!({ "alert": alert.name(), "run": name.as_str(), "reason": why })),
                },
            }
        }
        if faults.is_empty() {
            return json(StatusCode::OK, &json!({ "stopped": stopped, "ignored": ignored }));
        }
        let error = faults.join("; ");
        json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "stopped": stopped, "ignored": ignored, "error": error }))
    }

    /// Asks a run to stop, and returns it; or returns why the alert is ignored.
    fn stop(&self, runs: &LiveRuns, instance: Option<&str>, alert: &Alert, name: &RunName) -> Result<Arc<Run>, &'static str> {
        if alert.is_of_another(instance) {
            return Err("the alert is about another instance");
        }
        // Not remembered: a restarted daemon may know the run again when Alertmanager repeats the alert.
        let view = runs.runs().get(name).cloned().ok_or("no such run")?;
        if alert.is_older_than(&view.run) {
            return Err("the alert began before this attempt of the run");
        }
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).note(alert.key(), ()) {
            return Err("this alert was already received");
        }
        if !view.run.is_open() {
            return Err("the run has ended");
        }
        if !view.run.stop().request(StopReason::Asked { reason: alert.reason() }) {
            return Err("the run was already asked to stop");
        }
        tracing::info!(run = %name, alert = alert.name(), "asked to stop by Alertmanager");
        Ok(Arc::clone(&view.run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(fingerprint: &str, starts_at: &str) -> Alert {
        let document = json!({ "status": "firing", "labels": {}, "startsAt": starts_at, "fingerprint": fingerprint });
        serde_json::from_value(document).expect("all required fields")
    }

    #[test]
    fn an_alert_counts_once_and_the_oldest_are_forgotten() {
        let mut remembered = Remembered::default();
        let mut is_new = |fingerprint: &str, starts_at: &str| remembered.note(alert(fingerprint, starts_at).key(), ());
        assert!(is_new("a", "1"));
        assert!(!is_new("a", "1"));
        assert!(is_new("a", "2"), "it fires again");
        for number in 0..REMEMBERED {
            assert!(is_new("b", &number.to_string()));
        }
        assert!(is_new("a", "1"));
    }

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        let mut told = alert("a", "1");
        assert_eq!(told.reason(), "alert without a name");
        told.labels.insert("alertname".into(), "Onset".into());
        told.annotations.insert("summary".into(), format!("it\nis so {}", "x".repeat(9999)));
        let reason = told.reason();
        assert!(reason.starts_with("alert Onset: it is so x") && reason.chars().count() == REASON_CHARS_MAX, "{reason}");
    }

    proptest::proptest! {
        #[test]
        fn no_message_breaks_it(
            status in "firing|resolved|[a-z]{0,4}",
            label in "run|alertname|summary|\\PC{0,4}",
            text in "\\PC{0,40}",
            control in "[\\x00-\\x1f]{0,3}",
            key in "[0-9a-f]{0,300}",
            cut: proptest::sample::Index,
        ) {
            let text = format!("{text}{control}{text}");
            let alert = json!({
                "status": status, "labels": { label.as_str(): text, "alertname": text }, "annotations": { "summary": text },
                "startsAt": key, "fingerprint": key,
            });
            let whole = json!({ "alerts": [alert], "truncatedAlerts": 1 }).to_string();
            for body in [whole.as_bytes(), &whole.as_bytes()[..cut.index(whole.len())]] {
                if let Ok(message) = serde_json::from_slice::<Message>(body) {
                    message.check();
                }
            }
        }
    }
}
