//! `POST hooks/alertmanager`: what Alertmanager's webhook sends. A firing alert stops the run that its label `run` names, so
//! that any expression of Prometheus can be a rule for early stopping.
//!
//! Alertmanager repeats what goes on firing, and sends a whole group when one of it changes. So an alert counts once, by its
//! fingerprint and the time at which it started: a new attempt of a run is not stopped for what was said of the old one. A resolved
//! alert changes nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Site;
use super::answer::{Answer, error, json};
use crate::clock::{unix_seconds, unix_seconds_of};
use crate::identity::RunName;
use crate::newest::Newest;
use crate::run::Run;
use crate::stop::StopReason;
use crate::wire::object;

/// Alerts that are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 4096;
/// The longest fingerprint, and the longest time, in bytes: those of Alertmanager have 16 and 35.
const KEY_BYTES_MAX: usize = 128;
/// How far apart the clocks of Prometheus and of this machine may be, in seconds.
const CLOCKS_APART_SECONDS: f64 = 60.0;
/// The longest reason that a run is given, in characters.
const REASON_CHARS_MAX: usize = 512;

/// A message. Keys that are not named here are Alertmanager's business, and new ones may come.
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
    /// Asserts what holds of every message that can be read.
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

    /// What tells it from others.
    fn key(&self) -> (String, String) {
        (self.fingerprint.clone(), self.starts_at.clone())
    }

    /// What its run is told.
    fn reason(&self) -> String {
        let summary = self.annotations.get("summary").map(|summary| format!(": {summary}")).unwrap_or_default();
        let text = format!("alert {}{summary}", self.name());
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(REASON_CHARS_MAX).collect()
    }

    /// Whether it began before a run was declared, so that it is about an earlier attempt. A time that cannot be read is none.
    fn is_older_than(&self, run: &Run) -> bool {
        let age = unix_seconds_of(&self.starts_at).map(|starts_at| unix_seconds() - starts_at);
        age.is_some_and(|age| age > run.age().as_secs_f64() + CLOCKS_APART_SECONDS)
    }

    /// Whether it is about another daemon than the one that a message is meant for, if it is meant for one.
    fn is_of_another(&self, instance: Option<&str>) -> bool {
        let of = self.labels.get("instance").map(String::as_str);
        of.zip(instance).is_some_and(|(of, instance)| of != instance)
    }

    /// The run that it is about, or what is wrong with it.
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

/// The alerts that have stopped what they could, by their fingerprint and start.
type Remembered = Newest<REMEMBERED, (String, String)>;

/// Where Alertmanager's messages arrive.
#[derive(Debug, Default)]
pub(super) struct AlertDesk(Mutex<Remembered>);

impl AlertDesk {
    /// Does what a message asks for, and says what came of each firing alert. An alert that cannot be acted on is an error, which
    /// Alertmanager logs and does not repeat; the others of the same message count all the same.
    ///
    /// With `instance`, alerts whose label of this name says otherwise are passed over: names of runs need not differ between daemons.
    pub(super) fn answer(&self, site: &Site, instance: Option<&str>, body: &[u8]) -> Answer {
        let message: Message = match serde_json::from_slice(body) {
            Ok(message) => message,
            Err(fault) => {
                let says = format!("the body is not what Alertmanager's webhook sends (version 4): {fault}");
                return error(StatusCode::UNPROCESSABLE_ENTITY, says);
            }
        };
        if message.truncated_alerts > 0 {
            tracing::warn!(alerts = message.truncated_alerts, "Alertmanager left alerts out: raise max_alerts of its webhook");
        }
        let (mut stopped, mut ignored, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for alert in message.alerts.iter().filter(|alert| alert.status == Status::Firing) {
            match alert.run() {
                Err(fault) => faults.push(fault),
                Ok(run) => match self.stop(site, instance, alert, &run) {
                    Ok(()) => stopped.push(run.as_str().to_owned()),
                    Err(why) => ignored.push(json!({ "alert": alert.name(), "run": run.as_str(), "reason": why })),
                },
            }
        }
        let mut document = object(json!({ "stopped": stopped, "ignored": ignored }));
        if faults.is_empty() {
            return json(StatusCode::OK, &Value::Object(document));
        }
        document.insert("error".to_owned(), json!(faults.join("; ")));
        json(StatusCode::UNPROCESSABLE_ENTITY, &Value::Object(document))
    }

    /// Asks a run to stop, unless there is a reason not to.
    fn stop(&self, site: &Site, instance: Option<&str>, alert: &Alert, name: &RunName) -> Result<(), &'static str> {
        if alert.is_of_another(instance) {
            return Err("the alert is about another instance");
        }
        // Not remembered: a daemon that was restarted may know the run again by the time this comes again.
        let view = site.board.runs().get(name).cloned().ok_or("there is no such run here")?;
        if alert.is_older_than(&view.run) {
            return Err("the alert began before this attempt of the run");
        }
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).note(alert.key(), ()) {
            return Err("this alert came before");
        }
        if !view.run.is_open() {
            return Err("the run is over");
        }
        if !view.run.stop().request(StopReason::Asked { reason: alert.reason() }) {
            return Err("the run was asked to stop before");
        }
        tracing::info!(run = %name, alert = alert.name(), "asked to stop by Alertmanager");
        site.events.stop_asked(&view.run);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(fingerprint: &str, starts_at: &str) -> Alert {
        let document = json!({ "status": "firing", "labels": {}, "startsAt": starts_at, "fingerprint": fingerprint });
        serde_json::from_value(document).expect("all that is needed")
    }

    #[test]
    fn an_alert_counts_once_and_the_oldest_are_forgotten() {
        let mut remembered = Remembered::default();
        let mut is_new = |fingerprint: &str, starts_at: &str| remembered.note(alert(fingerprint, starts_at).key(), ());
        assert!(is_new("a", "1"));
        assert!(!is_new("a", "1"));
        assert!(is_new("a", "2"), "it fires anew");
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
