//! An alarm as hooks receive it: the JSON body and the environment.

use serde::Serialize;

use rotewatch_core::monitor::report::EpochReport;
use rotewatch_core::record::document;
use rotewatch_core::vocabulary::identity::{Attempt, RunName};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::{Alarm, Harm, Kind};

/// One alarm with its run and epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    run: RunName,
    attempt: Attempt,
    verdict: &'static str,
    epoch: Epoch,
    at_unix_seconds: f64,
    alarm: Alarm,
}

/// Identifies an onset. Alarms with equal values concern the same onset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Onset {
    /// The run.
    pub run: RunName,
    /// The attempt of the run.
    pub attempt: Attempt,
    /// The kind of memorization.
    pub kind: Kind,
    /// Whether it does harm.
    pub harm: Harm,
    /// The epoch at which memorization set in.
    pub epoch: Epoch,
}

impl Notice {
    /// One notice per alarm that the report's epoch raised.
    pub fn of(report: &EpochReport) -> impl Iterator<Item = Notice> {
        report.raised.iter().map(|alarm| Notice {
            run: report.run.name().clone(),
            attempt: report.run.attempt(),
            verdict: report.verdict.as_str(),
            epoch: report.epoch,
            at_unix_seconds: report.made_at_unix_seconds,
            alarm: alarm.clone(),
        })
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunName {
        &self.run
    }

    /// The attempt of the run.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// The alarm.
    #[must_use]
    pub fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// The onset. A hook fires only once for it.
    pub(super) fn onset(&self) -> Onset {
        let finding = &self.alarm.finding;
        Onset { run: self.run.clone(), attempt: self.attempt, kind: finding.kind, harm: finding.harm, epoch: finding.onset_epoch }
    }

    /// A key that is the same for every try of this alarm and different for every other alarm.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let finding = &self.alarm.finding;
        format!("{}-{}-{}-{}-{}", self.run, self.attempt, finding.kind.as_str(), finding.harm.as_str(), finding.onset_epoch)
    }

    /// The body, on one line without a line break at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        /// The members of the body.
        #[derive(Serialize)]
        struct Body<'a> {
            run: &'a RunName,
            attempt: Attempt,
            verdict: &'static str,
            epoch: Epoch,
            #[serde(flatten)]
            alarm: &'a Alarm,
            score: f64,
            time: f64,
            version: &'static str,
        }
        document(&Body {
            run: &self.run,
            attempt: self.attempt,
            verdict: self.verdict,
            epoch: self.epoch,
            alarm: &self.alarm,
            score: self.alarm.finding.score,
            time: self.at_unix_seconds,
            version: env!("CARGO_PKG_VERSION"),
        })
        .to_string()
    }

    /// The environment variables of a command, except the hook's name.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 13] {
        let finding = &self.alarm.finding;
        [
            ("ROTEWATCH_RUN", self.run.to_string()),
            ("ROTEWATCH_ATTEMPT", self.attempt.to_string()),
            ("ROTEWATCH_VERDICT", self.verdict.to_owned()),
            ("ROTEWATCH_KIND", finding.kind.as_str().to_owned()),
            ("ROTEWATCH_HARM", finding.harm.as_str().to_owned()),
            ("ROTEWATCH_ONSET_EPOCH", finding.onset_epoch.to_string()),
            ("ROTEWATCH_ALARM_EPOCH", self.alarm.alarm_epoch.to_string()),
            ("ROTEWATCH_EPOCH", self.epoch.to_string()),
            ("ROTEWATCH_SCORE", finding.score.to_string()),
            ("ROTEWATCH_WHY", finding.why.clone()),
            ("ROTEWATCH_REMEDY", finding.remedy.clone()),
            ("ROTEWATCH_TIME", self.at_unix_seconds.to_string()),
            ("ROTEWATCH_VERSION", env!("CARGO_PKG_VERSION").to_owned()),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rotewatch_core::vocabulary::verdict::{Evidence, Finding};
    use serde_json::{Value, json};

    /// An alarm of the run `digits` with this attempt.
    pub(in crate::hooks) fn notice(attempt: Attempt, kind: Kind, onset_epoch: u32) -> Notice {
        let evidence = Evidence {
            signal: "class_information_p90_nats".into(),
            value: 0.5,
            reference: f64::NAN,
            reference_epoch: Epoch(4),
            ratio: 0.25,
            threshold: 0.05,
        };
        let finding = Finding {
            kind,
            harm: Harm::Shown,
            score: 1.5,
            onset_epoch: Epoch(onset_epoch),
            layers: vec!["blocks.3/\"up\"".parse().expect("a good name")],
            evidence: vec![evidence],
            why: "it fell".into(),
            remedy: "go back".into(),
        };
        Notice {
            run: "digits".parse().expect("a good name"),
            attempt,
            verdict: "memorizing",
            epoch: Epoch(9),
            at_unix_seconds: 1.5e9,
            alarm: Alarm { finding, alarm_epoch: Epoch(8) },
        }
    }

    #[test]
    fn the_body_is_flat_and_knows_no_number_that_is_none() {
        let attempt = Attempt::draw();
        let body: Value = serde_json::from_str(&notice(attempt, Kind::Heuristic, 7).to_json()).expect("JSON");
        let expected = json!({
            "run": "digits", "attempt": attempt.to_string(), "verdict": "memorizing", "kind": "heuristic", "harm": "shown",
            "onset_epoch": 7, "alarm_epoch": 8, "epoch": 9, "layers": ["blocks.3/\"up\""], "score": 1.5,
            "evidence": [{"signal": "class_information_p90_nats", "value": 0.5, "reference": null, "reference_epoch": 4,
                          "ratio": 0.25, "threshold": 0.05}],
            "why": "it fell", "remedy": "go back", "time": 1.5e9, "version": env!("CARGO_PKG_VERSION"),
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn one_onset_has_one_key() {
        let attempt = Attempt::draw();
        let of = |kind, onset| notice(attempt, kind, onset).idempotency_key();
        assert_eq!(of(Kind::Heuristic, 7), of(Kind::Heuristic, 7));
        assert_ne!(of(Kind::Heuristic, 7), of(Kind::Heuristic, 8));
        assert_ne!(of(Kind::Heuristic, 7), of(Kind::ExampleLevel, 7));
        let mut suspected = notice(attempt, Kind::Heuristic, 7);
        suspected.alarm.finding.harm = Harm::Suspected;
        assert_ne!(of(Kind::Heuristic, 7), suspected.idempotency_key(), "harm that is shown later is told once more");
    }
}
