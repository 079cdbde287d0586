//! The measures of one layer, summed up: one distribution for each entry of the catalogue.

use std::collections::BTreeMap;
use std::fmt;

use rotewatch_info::measures::{Distribution, LayerMeasures};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::catalogue::Measure;

/// Mean and quantiles of every measure of a layer; a measure that the layer lacks is `None`.
///
/// In JSON it is an object with one key for each measure of the catalogue; a number that is not finite is null.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerFigures([Option<Distribution>; Measure::ALL.len()]);

impl LayerFigures {
    /// Sums up a layer's measures; `None` for a layer that was skipped.
    #[must_use]
    pub fn of(measures: &LayerMeasures) -> Option<Self> {
        let figures: LayerFigures = Measure::ALL.iter().map(|measure| (*measure, (measure.entry().of_layer)(measures))).collect();
        figures.get(Measure::EntropyNetworkNats).is_some().then_some(figures)
    }

    /// A measure's distribution.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "there is a place for every measure of the catalogue")]
    pub fn get(&self, measure: Measure) -> Option<&Distribution> {
        self.0[measure as usize].as_ref()
    }

    /// Sets a measure's distribution.
    #[expect(clippy::indexing_slicing, reason = "there is a place for every measure of the catalogue")]
    pub fn set(&mut self, measure: Measure, distribution: Option<Distribution>) {
        self.0[measure as usize] = distribution;
    }

    /// One statistic of a measure, named as in JSON; `None` if it is missing or not a finite number.
    #[must_use]
    pub fn statistic(&self, measure: Measure, statistic: &str) -> Option<f64> {
        let (_, value) = self.get(measure)?.by_name().into_iter().find(|(name, _)| *name == statistic)?;
        Some(value).filter(|value| value.is_finite())
    }

    /// The mean of a measure.
    #[must_use]
    pub fn mean(&self, measure: Measure) -> Option<f64> {
        self.statistic(measure, "mean")
    }

    /// Whether no measure is there: the layer was not measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Every measure with its distribution, in the order of the catalogue.
    pub fn iter(&self) -> impl Iterator<Item = (Measure, Option<&Distribution>)> {
        Measure::ALL.iter().copied().zip(self.0.iter().map(Option::as_ref))
    }
}

impl FromIterator<(Measure, Option<Distribution>)> for LayerFigures {
    fn from_iter<T: IntoIterator<Item = (Measure, Option<Distribution>)>>(all: T) -> Self {
        let mut figures = LayerFigures::default();
        for (measure, distribution) in all {
            figures.set(measure, distribution);
        }
        figures
    }
}

/// A distribution as an object with one key for each statistic; a number that is not finite is null.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByName(pub Distribution);

impl Serialize for ByName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.by_name())
    }
}

impl Serialize for LayerFigures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Measure::ALL.len()))?;
        for (measure, distribution) in self.iter() {
            map.serialize_entry(measure.name(), &distribution.copied().map(ByName))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for LayerFigures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = LayerFigures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the measures of a layer by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LayerFigures, A::Error> {
                let mut figures = LayerFigures::default();
                while let Some(key) = map.next_key::<String>()? {
                    let Some(measure) = Measure::ALL.iter().find(|measure| measure.name() == key) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    let statistics = map.next_value::<Option<BTreeMap<String, Option<f64>>>>()?;
                    figures.set(*measure, statistics.map(|by_name| distribution(&by_name)));
                }
                Ok(figures)
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

/// The statistics that are there; those that are missing or null are NaN.
fn distribution(by_name: &BTreeMap<String, Option<f64>>) -> Distribution {
    let of = |name: &str| by_name.get(name).copied().flatten().unwrap_or(f64::NAN);
    Distribution { mean: of("mean"), p05: of("p05"), p50: of("p50"), p90: of("p90"), p95: of("p95") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_a_key_for_every_measure_and_reads_back() {
        let mut figures = LayerFigures::default();
        let spread = Distribution { mean: 1.0, p05: f64::NAN, p50: 2.0, p90: 3.0, p95: 4.0 };
        figures.set(Measure::MutualInformationNats, Some(spread));
        let document = serde_json::to_value(&figures).unwrap();
        assert_eq!(document.as_object().unwrap().len(), Measure::ALL.len());
        assert_eq!(document["mutual_information_nats"]["p05"], serde_json::Value::Null);
        assert_eq!(document["class_information_nats"], serde_json::Value::Null);
        let back: LayerFigures = serde_json::from_value(document).unwrap();
        assert_eq!((back.mean(Measure::MutualInformationNats), back.get(Measure::ClassInformationNats)), (Some(1.0), None));
        assert_eq!(back.statistic(Measure::MutualInformationNats, "p05"), None);
    }

    #[test]
    fn measures_of_another_version_are_left_out() {
        let figures: LayerFigures =
            serde_json::from_str(r#"{"next_years_measure": {"mean": 1}, "entropy_neuron_nats": {"mean": 2}}"#).unwrap();
        assert_eq!(figures.iter().filter(|(_, figure)| figure.is_some()).count(), 1);
    }
}
