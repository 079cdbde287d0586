//! Validity: whether the evidence of a run can carry a verdict. Without it, the absence of an alarm would look like good news.
//!
//! While the evidence is unfit, the [`Judge`](super::Judge) shows it to no detector: none raises an alarm from it, and no alarm ends.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::fault::{Fault, ROWS_LEAST};
use super::{Condition, Observation};
use crate::vocabulary::choices::Mode;
use crate::vocabulary::rows::{EpochRows, OfSets, RowNumbers, RowSet};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::Weakness;

/// How many epochs in a row a fault must last if a single epoch may have it by accident, as when frames were dropped.
const LASTING: u32 = 3;

/// What the evidence of a run is worth after an epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// Why it can carry no verdict; `None` if it can.
    pub unfit: Option<Weakness>,
    /// Why a verdict that rests on it is less certain; `None` if there is no reason.
    pub caveat: Option<Weakness>,
}

/// Follows the evidence of one run.
///
/// The verdict rests on the last layer and on the numbers of the rows. Of each epoch from 1 on, the first fault in the order of `Fault`
/// counts. A fault that a single epoch can have by accident must last three epochs before the evidence is unfit; until then it is a
/// caveat.
#[derive(Debug, Default)]
pub struct Validity {
    /// The fault of the newest epoch, since when, and in how many epochs.
    lasting: Option<(Fault, Epoch, u32)>,
    /// The most rows that each set had in an epoch.
    rows_most: OfSets<usize>,
    /// Whether an epoch has had enough rows for its bins.
    was_reliable: bool,
    same: Option<Same>,
}

/// The newest epoch whose bits are compared with those of the next.
#[derive(Debug)]
struct Same {
    bits: Bits,
    since: Epoch,
    /// Epochs from 1 on with these bits.
    epochs: u32,
}

/// Digests of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bits {
    /// Of all activations; `None` if the epoch is from a history.
    activations: Option<u64>,
    /// Of all numbers of the rows; `None` if there are none.
    rows: Option<u64>,
    /// Whether the numbers of the rows alone tell two networks apart. Predicted classes do not: they settle in healthy trainings.
    rows_suffice: bool,
}

impl Bits {
    fn of(observation: &Observation) -> Self {
        let OfSets { unseen, seen } = &observation.rows;
        let known = [unseen, seen].into_iter().any(Option::is_some);
        let varies = |numbers: &RowNumbers| {
            [&numbers.losses, &numbers.confidence]
                .into_iter()
                .flatten()
                .any(|of| of.iter().any(|value| Some(value) != of.first()))
        };
        Bits {
            activations: observation.received.as_ref().and_then(|received| received.digest),
            rows: known.then(|| rows_digest(&observation.rows)),
            rows_suffice: unseen.as_deref().is_some_and(varies),
        }
    }

    /// Whether both epochs have the same bits, as far as is known.
    fn same_as(self, other: Bits) -> bool {
        let activations_known = self.activations.is_some() && other.activations.is_some();
        self.rows == other.rows && if activations_known { self.activations == other.activations } else { self.rows_suffice }
    }
}

fn rows_digest(rows: &EpochRows) -> u64 {
    let mut hasher = DefaultHasher::new();
    for set in RowSet::ALL {
        let Some(numbers) = rows.of(set) else { continue };
        for (name, values) in numbers.reals() {
            (name, values.as_ref().map(Vec::len)).hash(&mut hasher);
            values.iter().flatten().for_each(|value| value.to_bits().hash(&mut hasher));
        }
        numbers.predictions.hash(&mut hasher);
    }
    hasher.finish()
}

impl Validity {
    /// Adds an epoch and says what the evidence of the run is worth. Observations come in the order of their epochs.
    pub fn assess(&mut self, observation: &Observation) -> Assessment {
        let identical = self.identical(observation);
        if observation.epoch == Epoch::UNTRAINED {
            return Assessment::default();
        }
        for set in RowSet::ALL {
            let rows = rows_of(observation, set);
            *self.rows_most.of_mut(set) = rows.max(*self.rows_most.of(set));
        }
        let last = observation.layers.last();
        self.was_reliable |= last.is_some_and(|layer| layer.condition == Condition::Measured);
        let Some(fault) = self.fault(observation, identical) else {
            self.lasting = None;
            return Assessment { unfit: None, caveat: other_layers(observation).or_else(|| unlabelled(observation)) };
        };
        let (since, epochs) = match self.lasting.take() {
            Some((lasting, since, epochs)) if lasting == fault => (since, epochs + 1),
            _ => (observation.epoch, 1),
        };
        let weakness = fault.in_words(since, observation.source);
        let is_unfit = epochs >= LASTING || self.is_certain(&fault);
        self.lasting = Some((fault, since, epochs));
        if is_unfit {
            Assessment { unfit: Some(weakness), caveat: None }
        } else {
            Assessment { unfit: None, caveat: Some(weakness) }
        }
    }

    /// Whether a fault is no accident of one epoch.
    fn is_certain(&self, fault: &Fault) -> bool {
        match fault {
            Fault::Losses(_) | Fault::NotFinite(_) | Fault::Constant(_) | Fault::OneLabel(..) => true,
            Fault::FewRows(_, most) => most.is_some(),
            Fault::FewForBins(_) => !self.was_reliable,
            Fault::Identical(_) => self.same.as_ref().is_some_and(|same| same.epochs >= LASTING),
            Fault::Nothing | Fault::Missing(_) | Fault::OnePrediction => false,
        }
    }

    fn fault(&self, observation: &Observation, identical: Option<Epoch>) -> Option<Fault> {
        let rows = &observation.rows;
        if rows_of(observation, RowSet::Unseen) == 0 && rows.seen.is_none() && measured_nothing(observation) {
            return Some(Fault::Nothing);
        }
        for set in RowSet::ALL {
            let known = rows.of(set).is_some() || (set == RowSet::Unseen && observation.received.is_some());
            let (now, most) = (rows_of(observation, set), *self.rows_most.of(set));
            if known && now < ROWS_LEAST {
                return Some(Fault::FewRows(set, Some(most).filter(|most| *most < ROWS_LEAST)));
            }
        }
        let not_finite = |set: &RowSet| rows.of(*set).as_deref().is_some_and(mostly_not_finite);
        if let Some(set) = RowSet::ALL.into_iter().find(|set| not_finite(set)) {
            return Some(Fault::Losses(set));
        }
        if let Some(last) = observation.layers.last() {
            let layer = last.layer.clone();
            let missing = observation.received.as_ref().is_some_and(|received| received.missing.contains(&layer));
            match last.condition {
                _ if missing => return Some(Fault::Missing(layer)),
                Condition::NotFinite => return Some(Fault::NotFinite(layer)),
                Condition::Constant => return Some(Fault::Constant(layer)),
                Condition::FewRows => return Some(Fault::FewForBins(layer)),
                Condition::Measured => {}
            }
        }
        let one_label = |set: RowSet| Some(Fault::OneLabel(set, only_label(rows.of(set).as_deref()?)?));
        if let Some(fault) = RowSet::ALL.into_iter().find_map(one_label) {
            return Some(fault);
        }
        if let Some(since) = identical {
            return Some(Fault::Identical(since));
        }
        let one_prediction = observation.prediction_entropy_nats == Some(0.0) && !is_labelled(observation);
        one_prediction.then_some(Fault::OnePrediction)
    }

    /// The first epoch that has the same bits as this one; `None` for an epoch with bits of its own.
    fn identical(&mut self, observation: &Observation) -> Option<Epoch> {
        // An epoch of which frames were dropped says nothing of the others.
        let is_whole = rows_of(observation, RowSet::Unseen) >= *self.rows_most.of(RowSet::Unseen);
        let bits = Bits::of(observation);
        if !is_whole || (bits.activations.is_none() && bits.rows.is_none()) {
            return None;
        }
        let trained = u32::from(observation.epoch > Epoch::UNTRAINED);
        match &mut self.same {
            Some(same) if bits.same_as(same.bits) => {
                same.epochs += trained;
                same.bits = bits;
                Some(same.since)
            }
            same => {
                *same = Some(Same { bits, since: observation.epoch, epochs: trained });
                None
            }
        }
    }
}

/// The number of rows of a set; 0 if it is unknown.
fn rows_of(observation: &Observation, set: RowSet) -> usize {
    let of_numbers = observation.rows.of(set).as_deref().and_then(RowNumbers::rows);
    let received = observation.received.as_ref().filter(|_| set == RowSet::Unseen).map(|received| received.rows);
    of_numbers.max(received).unwrap_or(0)
}

fn measured_nothing(observation: &Observation) -> bool {
    observation.layers.iter().all(|layer| layer.condition == Condition::NotFinite)
        && observation.received.as_ref().is_none_or(|received| received.rows == 0)
        && (observation.received.is_some() || observation.layers.is_empty())
}

/// Whether more than half of the losses are NaN or infinite; of the confidence where there are no losses.
fn mostly_not_finite(numbers: &RowNumbers) -> bool {
    let values = numbers.losses.as_ref().or(numbers.confidence.as_ref());
    values.is_some_and(|values| 2 * values.iter().filter(|value| !value.is_finite()).count() > values.len())
}

/// The label of all rows, as far as it shows: a prediction of this class is always right, one of another class always wrong, and most are
/// right.
fn only_label(numbers: &RowNumbers) -> Option<i64> {
    let (errors, predictions) = (numbers.errors.as_ref()?, numbers.predictions.as_ref()?);
    let mut rows = errors.iter().zip(predictions);
    let (_, label) = rows.clone().find(|(error, _)| **error == 0.0)?;
    let right = errors.iter().filter(|error| **error == 0.0).count();
    let expected = |prediction: &i64| if prediction == label { 0.0 } else { 1.0 };
    let only = 2 * right > errors.len() && rows.all(|(error, prediction)| *error == expected(prediction));
    only.then_some(*label)
}

/// Whether there is what the network's own consensus is judged by, instead of labels of unseen rows.
fn has_consensus(observation: &Observation) -> bool {
    let OfSets { unseen, seen } = &observation.rows;
    unseen.as_deref().is_some_and(|unseen| unseen.predictions.is_some())
        && seen.as_deref().is_some_and(|seen| seen.errors.is_some() || seen.losses.is_some())
        && observation.neighbour_agreement.is_some()
}

fn is_labelled(observation: &Observation) -> bool {
    let labelled = |numbers: &RowNumbers| numbers.losses.is_some() || numbers.errors.is_some();
    RowSet::ALL.into_iter().all(|set| observation.rows.of(set).as_deref().is_some_and(labelled))
}

/// What is wrong with a layer that the verdict does not rest on.
fn other_layers(observation: &Observation) -> Option<Weakness> {
    let (_, others) = observation.layers.split_last()?;
    others.iter().find_map(|layer| {
        let what = match layer.condition {
            Condition::NotFinite => "was not measured: its activations are NaN or infinite, or were not received",
            Condition::Constant => "has the same values on all rows",
            Condition::FewRows | Condition::Measured => return None,
        };
        let reason = format!("layer {} {what}", layer.layer);
        Some(Weakness { reason, remedy: format!("Look at layer {}: it adds nothing to the verdict", layer.layer) })
    })
}

/// Without losses of both sets, only the information of the neurons speaks, which is weak evidence (`benches/record/alarm.md`).
fn unlabelled(observation: &Observation) -> Option<Weakness> {
    if is_labelled(observation) || has_consensus(observation) {
        return None;
    }
    let (reason, remedy) = match observation.source {
        Mode::Probe => (
            "the evidence is weak: losses of seen and unseen rows are unknown, so the network's neurons alone are judged",
            "Send seen rows and the labels of both sets (Python: `seen=` and `loss=`), and watch the accuracy on held-out examples",
        ),
        Mode::Stream => (
            "the evidence is weak: only training batches are measured, so the network's neurons alone are judged",
            "Send a probe of examples that are not trained on, and seen rows, both with labels (Python: `probe=`, `seen=` and `loss=`)",
        ),
    };
    Some(Weakness { reason: reason.into(), remedy: remedy.into() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{observation, params};
    use super::super::{Judge, Received};
    use super::*;
    use crate::vocabulary::verdict::{Harm, Verdict};

    const ROWS: usize = 200;

    /// What is wrong with an epoch.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Sent {
        /// Nothing.
        Sound,
        /// The same bits as in each other epoch of this kind.
        Frozen,
        Layer(Condition),
        OtherLayer(Condition),
        MissingLayer,
        NoFrames,
        UnseenRows(usize),
        SeenRows(usize),
        NanLosses(RowSet),
        OneLabel,
        /// Sound, without losses and errors.
        Unlabelled,
        UnlabelledOneClass,
        Streamed,
    }

    /// The numbers of a set whose labels are 0 to 9 in turn; the loss falls slowly.
    fn numbers(rows: usize, epoch: usize) -> RowNumbers {
        let row = |row: usize| f32::from(u16::try_from(row).expect("few rows"));
        RowNumbers {
            losses: Some((0..rows).map(|at| 0.3 + 0.001 * row(at) - 0.002 * row(epoch)).collect()),
            errors: Some((0..rows).map(|at| f32::from(u8::from(at % 4 == 0))).collect()),
            predictions: Some((0..rows).map(|at| (at % 10 + usize::from(at % 4 == 0)) as i64 % 10).collect()),
            ..RowNumbers::default()
        }
    }

    fn epoch(at: usize, sent: Sent) -> Observation {
        let mut of = observation(at, Some(0.5), Some(0.2));
        let mut other = of.layers[0].clone();
        other.layer = "fc1".parse().expect("a good name");
        of.layers.insert(0, other);
        let bits = if sent == Sent::Frozen { 0 } else { at };
        let mut sets = OfSets { unseen: numbers(ROWS, bits), seen: numbers(ROWS, bits) };
        let mut received = Received { rows: ROWS, digest: Some(bits as u64), missing: Vec::new() };
        let last = of.layers.len() - 1;
        match sent {
            Sent::Sound | Sent::Frozen => {}
            Sent::Layer(condition) => of.layers[last].condition = condition,
            Sent::OtherLayer(condition) => of.layers[0].condition = condition,
            Sent::MissingLayer => {
                of.layers[last].condition = Condition::NotFinite;
                received.missing.push(of.layers[last].layer.clone());
            }
            Sent::NoFrames => {
                of.layers.iter_mut().for_each(|layer| layer.condition = Condition::NotFinite);
                received = Received::default();
            }
            Sent::UnseenRows(rows) => {
                sets.unseen = numbers(rows, at);
                received.rows = rows;
            }
            Sent::SeenRows(rows) => sets.seen = numbers(rows, at),
            Sent::NanLosses(set) => {
                sets.of_mut(set).losses.iter_mut().flatten().take(ROWS / 2 + 1).for_each(|loss| *loss = f32::NAN);
            }
            Sent::OneLabel => {
                let predictions = (0..ROWS).map(|row| if row % 3 == 0 { 5 } else { 7 }).collect();
                let errors = (0..ROWS).map(|row| f32::from(u8::from(row % 3 == 0))).collect();
                sets.unseen = RowNumbers { predictions: Some(predictions), errors: Some(errors), ..sets.unseen };
            }
            Sent::Unlabelled | Sent::UnlabelledOneClass | Sent::Streamed => {
                sets.unseen = RowNumbers::of_predictions(sets.unseen.predictions.unwrap_or_default());
            }
        }
        of.rows = EpochRows { unseen: Some(Arc::new(sets.unseen)), seen: Some(Arc::new(sets.seen)) };
        match sent {
            Sent::NoFrames => of.rows = EpochRows::default(),
            Sent::Unlabelled => of.rows.seen = None,
            Sent::UnlabelledOneClass => {
                of.rows.seen = None;
                of.prediction_entropy_nats = Some(0.0);
            }
            Sent::Streamed => {
                of.rows.seen = None;
                of.source = Mode::Stream;
            }
            _ => {}
        }
        of.received = Some(received);
        of
    }

    fn verdicts(series: &[Sent]) -> Vec<Verdict> {
        let mut judge = Judge::new(None);
        series.iter().enumerate().map(|(at, sent)| judge.judge(&epoch(at, *sent), &params()).verdict).collect()
    }

    /// A description, what is sent from epoch 0 on, the words of the verdicts by their first letters, and a part of the last reason.
    type Case = (&'static str, &'static [Sent], &'static str, Option<&'static str>);

    #[test]
    fn a_run_is_judged_only_by_evidence_that_is_fit() {
        use Sent::{
            Frozen, Layer, MissingLayer, NanLosses, NoFrames, OneLabel, OtherLayer, SeenRows, Sound, Streamed, Unlabelled,
            UnlabelledOneClass, UnseenRows,
        };
        let table: [Case; 22] = [
            ("a sound run", &[Sound; 6], "tlllll", None),
            ("the untrained network alone", &[Layer(Condition::NotFinite)], "t", None),
            (
                "NaN in mid-run",
                &[Sound, Sound, Layer(Condition::NotFinite), Layer(Condition::NotFinite)],
                "tlcc",
                Some("all activations of layer fc3 are NaN or infinite since epoch 2"),
            ),
            ("NaN that passes", &[Sound, Sound, Layer(Condition::NotFinite), Sound], "tlcl", None),
            (
                "constant neurons",
                &[Sound, Sound, Sound, Layer(Condition::Constant)],
                "tllc",
                Some("every neuron of layer fc3 has the same value on all rows since epoch 3"),
            ),
            (
                "a constant layer that the verdict does not rest on",
                &[Sound, OtherLayer(Condition::Constant)],
                "tl",
                Some("layer fc1 has the same values"),
            ),
            (
                "losses that are NaN",
                &[Sound, Sound, NanLosses(RowSet::Seen)],
                "tlc",
                Some("losses of most rows of the set of seen rows"),
            ),
            ("losses that are NaN", &[Sound, NanLosses(RowSet::Unseen)], "tc", Some("losses of most rows of the probe are NaN")),
            ("another model is trained", &[Frozen; 5], "tllcc", Some("to the last bit since epoch 0")),
            (
                "the variable is rebound later",
                &[Sound, Sound, Frozen, Frozen, Frozen],
                "tlllc",
                Some("since epoch 2: the watched model"),
            ),
            ("two epochs without a change", &[Sound, Sound, Frozen, Frozen, Sound], "tllll", None),
            (
                "lost frames among frozen epochs",
                &[Frozen, Frozen, Frozen, UnseenRows(150), Frozen],
                "tlllc",
                Some("since epoch 0"),
            ),
            ("a probe of 64 rows", &[UnseenRows(64), UnseenRows(64)], "tc", Some("the probe has 64 rows")),
            ("64 seen rows", &[SeenRows(64), SeenRows(64)], "tc", Some("the set of seen rows has 64 rows")),
            ("an epoch whose frames were dropped", &[Sound, Sound, UnseenRows(64), Sound], "tlll", None),
            (
                "frames are dropped for good",
                &[Sound, Sound, UnseenRows(64), UnseenRows(64), UnseenRows(64)],
                "tlllc",
                Some("fewer than 100 rows of the probe were received since epoch 2"),
            ),
            (
                "no frames any more",
                &[Sound, Sound, NoFrames, NoFrames, NoFrames],
                "tlllc",
                Some("no rows were received since epoch 2"),
            ),
            (
                "a layer is no longer sent",
                &[Sound, Sound, MissingLayer, MissingLayer, MissingLayer],
                "tlllc",
                Some("layer fc3 was not received since epoch 2"),
            ),
            (
                "too few rows for the bins",
                &[Layer(Condition::FewRows); 2],
                "tc",
                Some("too few rows with finite values for its bins"),
            ),
            ("a probe of one class", &[OneLabel, OneLabel], "tc", Some("all rows of the probe have the label 7")),
            ("no labels", &[Unlabelled; 4], "ttll", Some("the evidence is weak: losses of seen and unseen rows are unknown")),
            (
                "no labels and one predicted class",
                &[UnlabelledOneClass; 4],
                "ttlc",
                Some("predicts one class for every row since epoch 1"),
            ),
        ];
        for (why, series, expected, reason) in table {
            let verdicts = verdicts(series);
            let words: String = verdicts.iter().map(|verdict| &verdict.as_str()[..1]).collect();
            assert_eq!(words, expected, "{why}: {verdicts:?}");
            let said = match verdicts.last() {
                Some(Verdict::CannotJudge { reason, remedy, .. }) if !remedy.is_empty() => Some(reason.clone()),
                Some(verdict) => verdict.caveat().map(|caveat| caveat.reason.clone()),
                None => None,
            };
            assert_eq!(said.is_some(), reason.is_some(), "{why}: {said:?}");
            assert!(said.as_ref().is_none_or(|said| said.contains(reason.unwrap_or_default())), "{why}: {said:?}");
        }
        let streamed = verdicts(&[Streamed; 4]);
        assert!(streamed[3].to_string().starts_with("learning; the evidence is weak: only training batches"), "{}", streamed[3]);
    }

    #[test]
    fn without_predictions_and_labels_nothing_can_be_judged() {
        let mut judge = Judge::new(None);
        let mut judge = |at| {
            let mut of = observation(at, None, Some(0.2));
            of.prediction_entropy_nats = None;
            judge.judge(&of, &params()).verdict
        };
        assert!(matches!(judge(0), Verdict::TooEarly { .. }));
        let verdict = judge(1);
        assert!(matches!(&verdict, Verdict::CannotJudge { reason, .. } if reason.contains("no predictions")), "{verdict}");
    }

    /// Six epochs: class information rises and falls, which raises an alarm at epoch 3.
    fn alarmed() -> Judge {
        let mut judge = Judge::new(None);
        for (at, class) in [0.1, 0.9, 0.9, 0.6, 0.6, 0.6].into_iter().enumerate() {
            let verdict = judge.judge(&observation(at, Some(class), Some(0.2)), &params()).verdict;
            assert_eq!(verdict.alarm().is_some(), at >= 3, "{verdict}");
        }
        judge
    }

    #[test]
    fn unfit_epochs_neither_end_an_alarm_nor_hide_it_nor_raise_one() {
        let mut judge = alarmed();
        for at in 6..16 {
            let mut of = observation(at, Some(0.0), Some(0.0));
            of.layers[0].condition = Condition::NotFinite;
            let verdict = judge.judge(&of, &params()).verdict;
            assert_eq!(verdict.alarm().map(|alarm| (alarm.alarm_epoch.0, alarm.finding.harm)), Some((3, Harm::Suspected)));
            assert!(
                verdict.to_string().ends_with("; all activations of layer fc3 are NaN or infinite since epoch 6"),
                "{verdict}"
            );
        }
        let mut judge = Judge::new(None);
        for at in 0..10 {
            let mut of = observation(at, Some(if at < 4 { 0.9 } else { 0.0 }), Some(0.0));
            of.layers[0].condition = if at < 4 { Condition::Measured } else { Condition::Constant };
            assert_eq!(judge.judge(&of, &params()).raised, [], "constant neurons are no memorization");
        }
    }

    /// An epoch as it is read from a history.
    fn past(of: Observation) -> Observation {
        let received = of.received.map(|received| Received { digest: None, missing: Vec::new(), ..received });
        Observation { received, ..of }
    }

    #[test]
    fn an_epoch_without_frames_is_judged_after_a_restart_as_it_was_before() {
        let verdicts = |read: fn(Observation) -> Observation| {
            let mut judge = Judge::new(None);
            let sent = [Sent::Sound, Sent::Sound, Sent::NoFrames, Sent::Sound, Sent::NoFrames, Sent::NoFrames, Sent::NoFrames];
            let judge = |(at, sent): (usize, Sent)| judge.judge(&read(epoch(at, sent)), &params()).verdict.to_string();
            sent.into_iter().enumerate().map(judge).collect::<Vec<_>>()
        };
        let live = verdicts(|of| of);
        assert!(live[2].starts_with("learning") && live[6].contains("no rows were received since epoch 4"), "{live:?}");
        assert_eq!(verdicts(past), live);
    }

    #[test]
    fn an_epoch_of_a_history_is_compared_by_its_rows() {
        let mut judge = Judge::new(None);
        let words = (0..5).map(|at| {
            let frozen = epoch(at, Sent::Frozen);
            let of = if at > 2 { frozen } else { past(frozen) };
            judge.judge(&of, &params()).verdict.as_str()
        });
        assert_eq!(words.collect::<Vec<_>>(), ["too_early", "learning", "learning", "cannot_judge", "cannot_judge"]);
    }

    #[test]
    fn predicted_classes_that_settle_are_not_frozen() {
        let mut validity = Validity::default();
        for at in 0..6 {
            let mut of = epoch(at, Sent::Unlabelled);
            of.rows.unseen = epoch(0, Sent::Unlabelled).rows.unseen;
            assert_eq!(validity.assess(&of).unfit, None, "the activations change");
            assert_eq!(validity.assess(&past(of)).unfit, None, "predictions alone are no proof");
        }
    }
}
