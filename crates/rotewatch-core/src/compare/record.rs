//! A comparison as every surface writes it.

use serde::Serialize;

use super::comparison::{Comparison, Parting, Side, TrackRecord};
use super::measured_network::{MeasurementSetup, Probe};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::Kind;

/// How networks were measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetupRecord {
    /// The layers in forward order.
    pub layers: Vec<LayerWidthRecord>,
    /// The rows, in words; `None` if unknown.
    pub probe: Option<String>,
}

/// A layer with its number of neurons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerWidthRecord {
    /// Its name.
    pub layer: String,
    /// Number of neurons; `None` if unknown.
    pub neurons: Option<usize>,
}

/// Two runs compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparisonRecord {
    /// How both were measured.
    #[serde(flatten)]
    pub setup: SetupRecord,
    /// Which preference both measures give.
    pub verdict: &'static str,
    /// The better run; `None` if neither is better.
    pub better: Option<String>,
    /// The epoch since which it has been better.
    pub since_epoch: Option<Epoch>,
    /// The same in one sentence.
    pub says: String,
    /// How often such verdicts were right on the paper's sweeps.
    pub track_record: Option<TrackRecord>,
    /// The kind of memorization to guard against.
    pub against: &'static str,
    /// Whether the runs' own verdicts decided that.
    pub by_verdicts: bool,
    /// The direction in words.
    pub direction: String,
    /// What the comparison takes for granted.
    pub doubt: Option<&'static str>,
    /// The last common epoch.
    pub epoch: Epoch,
    /// Both runs.
    pub runs: Vec<ComparedRun>,
    /// Each measure.
    pub measures: Vec<PartingRecord>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedRun {
    /// Its name.
    pub run: String,
    /// Its last epoch.
    pub last_epoch: Epoch,
    /// The kind of memorization that its verdict names.
    pub kind: Option<Kind>,
}

/// One measure of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartingRecord {
    /// The measure.
    pub measure: &'static str,
    /// Its values at the last common epoch.
    pub nats: [f64; 2],
    /// Their difference.
    pub difference_nats: f64,
    /// How much the difference fluctuates from epoch to epoch.
    pub fluctuation_nats: Option<f64>,
    /// The better run by this measure.
    pub better: Option<String>,
    /// The epoch since which it has been better.
    pub since_epoch: Option<Epoch>,
}

impl From<&MeasurementSetup> for SetupRecord {
    fn from(seen: &MeasurementSetup) -> Self {
        let layer = |(layer, neurons): &(String, Option<usize>)| LayerWidthRecord { layer: layer.clone(), neurons: *neurons };
        let probe = match &seen.probe {
            Probe::Unknown => None,
            told => Some(told.to_string()),
        };
        SetupRecord { layers: seen.layers.iter().map(layer).collect(), probe }
    }
}

impl From<&Comparison> for ComparisonRecord {
    fn from(of: &Comparison) -> Self {
        let name = |side: Side| of.name(side).to_owned();
        let better = |found: Option<(Side, Epoch)>| found.map(|(side, since)| (name(side), since)).unzip();
        let parting = |parting: &Parting| {
            let [first, second] = parting.nats;
            let (better, since_epoch) = better(parting.better);
            PartingRecord {
                measure: parting.measure.as_str(),
                nats: parting.nats,
                difference_nats: first - second,
                fluctuation_nats: parting.fluctuation_nats,
                better,
                since_epoch,
            }
        };
        let runs = of.names.iter().zip(of.last_epochs).zip(of.kinds);
        let run =
            |((run, last_epoch), kind): ((&String, Epoch), Option<Kind>)| ComparedRun { run: run.clone(), last_epoch, kind };
        let (winner, since_epoch) = better(of.preference.better());
        ComparisonRecord {
            setup: SetupRecord::from(&of.seen),
            verdict: of.preference.as_str(),
            better: winner,
            since_epoch,
            says: of.to_string(),
            track_record: of.track_record(),
            against: of.direction.feared.as_str(),
            by_verdicts: of.direction.by_verdicts,
            direction: of.direction.to_string(),
            doubt: of.seen.probe.doubt(),
            epoch: of.epoch,
            runs: runs.map(run).collect(),
            measures: of.partings.iter().map(parting).collect(),
        }
    }
}
