//! The JSON form of verdicts and measures, the same in hooks, in `train --json` and over HTTP.
//!
//! JSON has no NaN and no infinity, so null stands for them. Null also stands for a value that does not exist (yet).

use serde_json::{Map, Value, json};

use crate::compare::{Comparison, Parting, Probe, Seen, Side};
use crate::detect::Hints;
use crate::monitor::live_runs::{EpochSummary, LayerSummary};
use crate::monitor::report::LayerStatistics;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Alarm, Evidence, Kind, Verdict};
use rotewatch_info::measures::blocks::block_means;
use rotewatch_info::measures::{Density, Distribution, PairMatrix, Quartiles};

/// Returns the number, or null for NaN and infinity.
#[must_use]
pub fn finite(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Returns the statistics by name.
#[must_use]
pub fn distribution(of: &Distribution) -> Value {
    of.by_name().into_iter().map(|(name, value)| (name.to_owned(), finite(value))).collect::<Map<_, _>>().into()
}

/// Returns `{kind, onset_epoch, alarm_epoch, layers, evidence, why, remedy}` of an alarm.
#[must_use]
pub fn alarm(alarm: &Alarm) -> Map<String, Value> {
    let finding = &alarm.finding;
    object(json!({
        "kind": finding.kind.as_str(),
        "onset_epoch": finding.onset_epoch.0,
        "alarm_epoch": alarm.alarm_epoch.0,
        "layers": finding.layers.iter().map(LayerName::as_str).collect::<Vec<_>>(),
        "evidence": finding.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "why": finding.why,
        "remedy": finding.remedy,
    }))
}

/// Returns `{verdict, ...}` with the keys of the alarm with the earliest onset; null without an alarm, and all null without a
/// verdict. While the verdict is *too early*, `why` says what is missing.
#[must_use]
pub fn verdict(verdict: Option<&Verdict>) -> Map<String, Value> {
    let mut document = match verdict.and_then(Verdict::alarm) {
        Some(standing) => alarm(standing),
        None => object(json!({
            "kind": null, "onset_epoch": null, "alarm_epoch": null, "layers": null, "evidence": null, "why": null, "remedy": null,
        })),
    };
    if let Some(Verdict::TooEarly { reason }) = verdict {
        document.insert("why".to_owned(), json!(reason));
    }
    document.insert("verdict".to_owned(), json!(verdict.map(Verdict::as_str)));
    document
}

/// Returns what the trainer's own metrics suggest; null for each hint that they do not give.
#[must_use]
pub fn hints(hints: &Hints) -> Value {
    json!({
        "label_wave_epoch": hints.label_wave_epoch.map(|epoch| epoch.0),
        "loss_gap_nats": hints.loss_gap.map(|gap| finite(gap.nats)),
        "loss_gap_lowest_nats": hints.loss_gap.map(|gap| finite(gap.lowest_nats)),
        "loss_gap_lowest_epoch": hints.loss_gap.map(|gap| gap.lowest_epoch.0),
    })
}

/// Returns `{epoch, metrics, rows, coverage, prediction_entropy_nats, verdict, hints, compute_seconds, made_at, layers}` of an epoch.
#[must_use]
pub fn epoch(epoch: &EpochSummary) -> Map<String, Value> {
    let metrics: Map<String, Value> = epoch.metrics.iter().map(|(name, value)| (name.to_owned(), finite(value))).collect();
    object(json!({
        "epoch": epoch.epoch.0,
        "metrics": metrics,
        "rows": epoch.rows,
        "coverage": epoch.coverage.map(finite),
        "prediction_entropy_nats": epoch.prediction_entropy_nats.map(finite),
        "verdict": epoch.verdict,
        "hints": hints(&epoch.hints),
        "compute_seconds": epoch.compute.as_secs_f64(),
        "made_at": epoch.made_at_unix_seconds,
        "layers": epoch.layers.iter().map(layer).collect::<Vec<_>>(),
    }))
}

/// Returns `{neurons, blocks, mutual_information_nats}` of a layer's pairs: the mean over each block of neighbouring neurons, at
/// most `most_blocks` per side. `diagonal` holds each neuron's entropy.
#[must_use]
pub fn matrix(pairs: &PairMatrix, diagonal: &[f64], most_blocks: usize) -> Map<String, Value> {
    let means = block_means(pairs, diagonal, most_blocks);
    let rows: Vec<Value> = means.iter().map(|row| row.iter().map(|nats| finite(*nats)).collect()).collect();
    object(json!({ "neurons": pairs.neurons(), "blocks": rows.len(), "mutual_information_nats": rows }))
}

/// Returns `{layers: [{layer, neurons}], probe}`, which describes how networks were measured; null for unknown values.
#[must_use]
pub fn seen(seen: &Seen) -> Map<String, Value> {
    let probe = match &seen.probe {
        Probe::Untold => None,
        told => Some(told.to_string()),
    };
    let layers = seen.layers.iter().map(|(name, neurons)| json!({ "layer": name, "neurons": neurons }));
    object(json!({ "layers": layers.collect::<Vec<_>>(), "probe": probe }))
}

/// Returns `{verdict, better, since_epoch, says, ...}` of a comparison of two runs; `better` is null if neither is better.
#[must_use]
pub fn comparison(of: &Comparison) -> Map<String, Value> {
    let better = |found: Option<(Side, Epoch)>| found.map_or((None, None), |(side, since)| (Some(of.name(side)), Some(since.0)));
    let part = |parting: &Parting| {
        let (better, since) = better(parting.better);
        let [first, second] = parting.nats;
        json!({
            "measure": parting.measure.as_str(),
            "nats": [finite(first), finite(second)],
            "difference_nats": finite(first - second),
            "fluctuation_nats": parting.fluctuation_nats.map(finite),
            "better": better,
            "since_epoch": since,
        })
    };
    let runs = of.names.iter().zip(of.last_epochs).zip(of.kinds);
    let run = |((name, last_epoch), kind): ((&String, Epoch), Option<Kind>)| json!({ "run": name, "last_epoch": last_epoch.0, "kind": kind.map(Kind::as_str) });
    let (winner, since) = better(of.preference.better());
    let mut document = seen(&of.seen);
    document.extend(object(json!({
        "verdict": of.preference.as_str(),
        "better": winner,
        "since_epoch": since,
        "says": of.to_string(),
        "track_record": of.track_record().map(|record| json!({ "right": record.right, "of": record.of })),
        "against": of.direction.claim.as_str(),
        "by_verdicts": of.direction.by_verdicts,
        "direction": of.direction.to_string(),
        "doubt": of.seen.probe.doubt(),
        "epoch": of.epoch.0,
        "runs": runs.map(run).collect::<Vec<_>>(),
        "measures": of.partings.iter().map(part).collect::<Vec<_>>(),
    })));
    document
}

/// Returns the keys and values of a JSON object.
///
/// # Panics
/// If the document is not an object.
#[must_use]
#[expect(clippy::panic, reason = "the panic is documented; every caller passes a literal object")]
pub fn object(document: Value) -> Map<String, Value> {
    match document {
        Value::Object(members) => members,
        other => panic!("{other} is not an object"),
    }
}

fn layer(layer: &LayerSummary) -> Value {
    let statistics = layer.statistics.as_ref();
    let optional = |of: fn(&LayerStatistics) -> Option<&_>| statistics.and_then(of).map(distribution);
    json!({
        "layer": layer.layer.as_str(),
        "neurons": layer.neurons,
        "entropy_network_box": layer.entropy_network_box.as_ref().map(quartiles),
        "mutual_information_density": layer.mutual_information_density.as_ref().map(density),
        "entropy_network_nats": statistics.map(|all| distribution(&all.entropy_network_nats)),
        "entropy_neuron_nats": statistics.map(|all| distribution(&all.entropy_neuron_nats)),
        "mutual_information_nats": optional(|all| all.mutual_information_nats.as_ref()),
        "mutual_information_ratio": optional(|all| all.mutual_information_ratio.as_ref()),
        "class_information_nats": optional(|all| all.class_information_nats.as_ref()),
    })
}

fn quartiles(of: &Quartiles) -> Value {
    let all = [of.p05, of.p25, of.p50, of.p75, of.p95];
    all.map(finite).to_vec().into()
}

fn density(of: &Density) -> Value {
    json!({ "from": finite(of.from), "to": finite(of.to), "counts": of.counts })
}

fn evidence(evidence: &Evidence) -> Value {
    json!({
        "signal": evidence.signal,
        "value": finite(evidence.value),
        "reference": finite(evidence.reference),
        "reference_epoch": evidence.reference_epoch.0,
        "ratio": finite(evidence.ratio),
        "threshold": finite(evidence.threshold),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_or_not_there_is_null() {
        assert_eq!(finite(f64::NAN), Value::Null);
        assert_eq!(finite(0.5), json!(0.5));
        let learning = Verdict::Learning { ended: None };
        for (of, name) in [(None, Value::Null), (Some(&learning), json!("learning"))] {
            let document = verdict(of);
            assert_eq!(document["verdict"], name);
            let rest: Vec<_> = document.iter().filter(|(key, _)| *key != "verdict").collect();
            assert_eq!(rest.len(), 7);
            assert!(rest.iter().all(|(_, value)| value.is_null()), "{document:?}");
        }
    }

    #[test]
    fn too_early_says_why() {
        let document = verdict(Some(&Verdict::TooEarly { reason: "no epoch 0".into() }));
        assert_eq!((&document["verdict"], &document["why"]), (&json!("too_early"), &json!("no epoch 0")));
    }
}
