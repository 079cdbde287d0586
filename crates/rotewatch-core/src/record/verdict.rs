//! A verdict as every surface writes and reads it: one set of keys, all of them null where there is nothing to say.

use serde::{Deserialize, Serialize};

use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Alarm, Evidence, Harm, Kind, MemorizedShare, Verdict, VerdictWord, Weakness};

/// A verdict with the active alarm that has the earliest onset, or else with the last alarm that ended.
///
/// The word `verdict` alone says whether an alarm is active. The keys of an alarm that ended stay, so that it remains visible, and
/// `ended_epoch` tells it apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerdictRecord {
    /// The verdict; `None` if the run was not monitored.
    pub verdict: Option<VerdictWord>,
    /// The share of the training rows that the network knows by heart; `None` if that is unknown.
    pub memorized_share: Option<MemorizedShare>,
    /// The kind of memorization.
    pub kind: Option<Kind>,
    /// Whether it does harm.
    pub harm: Option<Harm>,
    /// The epoch at which it set in.
    pub onset_epoch: Option<Epoch>,
    /// The epoch that raised the alarm.
    pub alarm_epoch: Option<Epoch>,
    /// The epoch at which the alarm ended; `None` while it is active, and without an alarm.
    pub ended_epoch: Option<Epoch>,
    /// The layers that show it.
    pub layers: Option<Vec<LayerName>>,
    /// The numbers behind it.
    pub evidence: Option<Vec<Evidence>>,
    /// One sentence: why this is memorization, what is missing for a verdict, or why it is uncertain.
    pub why: Option<String>,
    /// One sentence: what to do.
    pub remedy: Option<String>,
}

impl From<Option<&Verdict>> for VerdictRecord {
    fn from(verdict: Option<&Verdict>) -> Self {
        let mut record = VerdictRecord { verdict: verdict.map(Verdict::word), ..VerdictRecord::default() };
        record.ended_epoch = verdict.and_then(Verdict::ended_epoch);
        if let Some(Alarm { finding, alarm_epoch }) = verdict.and_then(Verdict::last_alarm).cloned() {
            record.kind = Some(finding.kind);
            record.harm = Some(finding.harm);
            record.onset_epoch = Some(finding.onset_epoch);
            record.alarm_epoch = Some(alarm_epoch);
            record.layers = Some(finding.layers);
            record.evidence = Some(finding.evidence);
            record.why = Some(finding.why);
            record.remedy = Some(finding.remedy);
        }
        match verdict {
            Some(Verdict::TooEarly { reason }) => record.why = Some(reason.clone()),
            Some(Verdict::CannotJudge { reason, remedy, .. }) => {
                record.why = Some(reason.clone());
                record.remedy = Some(remedy.clone());
            }
            _ => {}
        }
        if let Some(Weakness { reason, remedy }) = verdict.and_then(Verdict::caveat) {
            record.why = Some(match record.why {
                // The alarm that ended is told as it was raised.
                Some(why) if record.ended_epoch.is_some() => why,
                Some(why) => format!("{why}. The newest epoch cannot be judged: {reason}"),
                None => reason.clone(),
            });
            record.remedy.get_or_insert_with(|| remedy.clone());
        }
        record
    }
}

impl From<&Verdict> for VerdictRecord {
    fn from(verdict: &Verdict) -> Self {
        VerdictRecord::from(Some(verdict))
    }
}

impl VerdictRecord {
    /// The same with the share of the training rows that the network knows by heart.
    #[must_use]
    pub fn with_share(self, memorized_share: Option<MemorizedShare>) -> Self {
        VerdictRecord { memorized_share, ..self }
    }

    /// The kind of the active alarm; `None` without one.
    #[must_use]
    pub fn active_kind(&self) -> Option<Kind> {
        self.kind.filter(|_| self.verdict == Some(VerdictWord::Memorizing))
    }

    /// The verdict in a few words, for a line in a list; empty if the run was not monitored.
    #[must_use]
    pub fn in_words(&self) -> String {
        let word = self.active_kind().map(Kind::in_words).or(self.verdict.map(VerdictWord::in_words)).unwrap_or_default();
        match self.alarm_that_ended() {
            Some(ended) => format!("{word}; {ended}"),
            None => word.to_owned(),
        }
    }

    /// "alarm at 10, ended at 13"; `None` unless the last alarm ended.
    #[must_use]
    pub fn alarm_that_ended(&self) -> Option<String> {
        let (alarm, ended) = (self.alarm_epoch?, self.ended_epoch?);
        Some(format!("alarm at {alarm}, ended at {ended}"))
    }

    /// Whether an alarm that ended would belong here and is not named.
    #[must_use]
    pub fn lacks_ended(&self) -> bool {
        self.verdict == Some(VerdictWord::Learning) && self.ended_epoch.is_none()
    }

    /// Adds an alarm that ended, of which the history knows from its own table alone.
    #[must_use]
    pub fn with_ended(self, alarm: Alarm, epoch: Epoch) -> Self {
        let ended = VerdictRecord::from(&Verdict::Learning { ended: Some((alarm, epoch)), caveat: None });
        VerdictRecord { verdict: self.verdict, memorized_share: self.memorized_share, ..ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::verdict::Finding;
    use serde_json::{Value, json};

    #[test]
    fn what_is_not_there_is_null() {
        let learning = Verdict::Learning { ended: None, caveat: None };
        for (of, name) in [(None, Value::Null), (Some(&learning), json!("learning"))] {
            let document = serde_json::to_value(VerdictRecord::from(of)).unwrap();
            assert_eq!(document["verdict"], name);
            let rest: Vec<_> = document.as_object().unwrap().iter().filter(|(key, _)| *key != "verdict").collect();
            assert_eq!(rest.len(), 10);
            assert!(rest.iter().all(|(_, value)| value.is_null()), "{document:?}");
        }
    }

    fn alarm() -> Alarm {
        let finding = Finding {
            kind: Kind::ExampleLevel,
            harm: Harm::Shown,
            score: 1.5,
            onset_epoch: Epoch(7),
            layers: Vec::new(),
            evidence: Vec::new(),
            why: "errors rose".into(),
            remedy: "keep epoch 7".into(),
        };
        Alarm { finding, alarm_epoch: Epoch(10) }
    }

    #[test]
    fn an_alarm_that_ended_stays_with_both_epochs() {
        let ended = VerdictRecord::from(&Verdict::Learning { ended: Some((alarm(), Epoch(13))), caveat: None });
        let document = serde_json::to_value(&ended).unwrap();
        let keys = ["verdict", "kind", "harm", "onset_epoch", "alarm_epoch", "ended_epoch", "why", "remedy"];
        let expected = json!(["learning", "example_level", "shown", 7, 10, 13, "errors rose", "keep epoch 7"]);
        assert_eq!(json!(keys.map(|key| document[key].clone())), expected);
        assert_eq!((ended.active_kind(), ended.in_words().as_str()), (None, "learning; alarm at 10, ended at 13"));
        assert_eq!(VerdictRecord { verdict: ended.verdict, ..VerdictRecord::default() }.with_ended(alarm(), Epoch(13)), ended);
    }

    #[test]
    fn an_alarm_that_is_active_has_not_ended() {
        let active = VerdictRecord::from(&Verdict::Memorizing { alarms: vec![alarm()], caveat: None });
        assert_eq!((active.alarm_epoch, active.ended_epoch), (Some(Epoch(10)), None));
        assert_eq!(active.active_kind(), Some(Kind::ExampleLevel));
        assert_eq!(active.in_words(), Kind::ExampleLevel.in_words());
    }

    #[test]
    fn the_memorized_share_is_read_back() {
        let share = MemorizedShare { estimate: 0.31, low: 0.27, high: 0.35 };
        let record = VerdictRecord::from(&Verdict::Learning { ended: None, caveat: None }).with_share(Some(share));
        let document = serde_json::to_value(&record).unwrap();
        assert_eq!(document["memorized_share"], json!({"estimate": 0.31, "low": 0.27, "high": 0.35}));
        assert_eq!(serde_json::from_value::<VerdictRecord>(document).unwrap(), record);
        assert_eq!(share.to_string(), "about 31 % (27 to 35 %) of the training rows are known by heart");
    }

    #[test]
    fn too_early_says_why() {
        let record = VerdictRecord::from(&Verdict::TooEarly { reason: "no epoch 0".into() });
        assert_eq!((record.verdict, record.why.as_deref()), (Some(VerdictWord::TooEarly), Some("no epoch 0")));
    }

    #[test]
    fn numbers_that_are_not_finite_are_null_and_read_back_as_nan() {
        let text = r#"{"signal": "s", "value": null, "reference": 1.0, "reference_epoch": 2, "ratio": 0.5, "threshold": 0.1}"#;
        let evidence: Evidence = serde_json::from_str(text).unwrap();
        assert!(evidence.value.is_nan());
        assert_eq!(serde_json::to_value(&evidence).unwrap()["value"], Value::Null);
    }
}
