//! A verdict as every surface writes and reads it: one set of keys, all of them null where there is nothing to say.

use serde::{Deserialize, Serialize};

use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Alarm, Evidence, Harm, Kind, Verdict, VerdictWord, Weakness};

/// A verdict with the alarm that has the earliest onset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerdictRecord {
    /// The verdict; `None` if the run was not monitored.
    pub verdict: Option<VerdictWord>,
    /// The kind of memorization.
    pub kind: Option<Kind>,
    /// Whether it does harm.
    pub harm: Option<Harm>,
    /// The epoch at which it set in.
    pub onset_epoch: Option<Epoch>,
    /// The epoch that raised the alarm.
    pub alarm_epoch: Option<Epoch>,
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
        if let Some(Alarm { finding, alarm_epoch }) = verdict.and_then(Verdict::alarm).cloned() {
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
            Some(Verdict::CannotJudge { reason, remedy }) => {
                record.why = Some(reason.clone());
                record.remedy = Some(remedy.clone());
            }
            _ => {}
        }
        if let Some(Weakness { reason, remedy }) = verdict.and_then(Verdict::caveat) {
            record.why = Some(match record.why {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_not_there_is_null() {
        let learning = Verdict::Learning { ended: None, caveat: None };
        for (of, name) in [(None, Value::Null), (Some(&learning), json!("learning"))] {
            let document = serde_json::to_value(VerdictRecord::from(of)).unwrap();
            assert_eq!(document["verdict"], name);
            let rest: Vec<_> = document.as_object().unwrap().iter().filter(|(key, _)| *key != "verdict").collect();
            assert_eq!(rest.len(), 8);
            assert!(rest.iter().all(|(_, value)| value.is_null()), "{document:?}");
        }
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
