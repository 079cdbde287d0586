//! A training, as comparisons use it: the network after each epoch.

use super::measured_network::{LayerMeans, MeasuredNetwork};
use crate::record::catalogue::Measure;
use crate::record::{EpochRecord, TrainingDocument};
use crate::vocabulary::units::Epoch;

/// A training, finished or not.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingCurve {
    /// The network after its newest epoch.
    pub newest: MeasuredNetwork,
    /// The trained network after each epoch with the same measured layers as the newest one; ascending.
    pub epochs: Vec<(Epoch, LayerMeans)>,
}

impl TrainingCurve {
    /// From a recorded training; `None` if its last epoch was not measured.
    #[must_use]
    pub fn of_document(name: String, document: &TrainingDocument) -> Option<Self> {
        let newest = MeasuredNetwork::of_document(name, document)?;
        let layers = measured(document.epochs.last()?);
        // A mean over other layers cannot be compared with this one.
        let alike = document.epochs.iter().filter(|epoch| epoch.epoch > Epoch::UNTRAINED && measured(epoch) == layers);
        let epochs = alike.filter_map(|epoch| Some((epoch.epoch, LayerMeans::of_epoch(epoch)?))).collect();
        Some(TrainingCurve { newest, epochs })
    }

    /// The newest epoch; `None` for an untrained network.
    #[must_use]
    pub fn last_epoch(&self) -> Option<Epoch> {
        self.epochs.last().map(|(epoch, _)| *epoch)
    }
}

/// The name of each layer, and which measures it has.
fn measured(epoch: &EpochRecord) -> Vec<(&str, bool, bool)> {
    let layers = epoch.layers.iter();
    layers
        .map(|layer| {
            (
                layer.layer.as_str(),
                layer.figures.get(Measure::EntropyNetworkNats).is_some(),
                layer.figures.get(Measure::MutualInformationNats).is_some(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_in_which_other_layers_were_measured_are_left_out() {
        let layer = |name: &str, nats: f64| {
            format!(
                r#"{{"name": "{name}", "entropy_network_nats": {{"mean": {nats}}}, "mutual_information_nats": {{"mean": 0.5}}}}"#
            )
        };
        let epoch = |number: u32, layers: &[String]| {
            format!(r#"{{"epoch": {number}, "metrics": {{}}, "layers": [{}]}}"#, layers.join(", "))
        };
        let both = |nats| vec![layer("a", nats), layer("b", nats)];
        let epochs = [epoch(0, &both(0.0)), epoch(1, &both(1.0)), epoch(2, &[layer("a", 9.0)]), epoch(3, &both(3.0))];
        let document = format!(r#"{{"history": [{}]}}"#, epochs.join(", ")).parse().unwrap();
        let course = TrainingCurve::of_document("a".into(), &document).unwrap();
        let entropies: Vec<(u32, f64)> = course.epochs.iter().map(|(epoch, means)| (epoch.0, means.entropy_nats)).collect();
        assert_eq!(entropies, [(1, 1.0), (3, 3.0)]);
        assert_eq!((course.last_epoch(), course.newest.means.entropy_nats), (Some(Epoch(3)), 3.0));
    }
}
