//! What makes the evidence of a run unfit for a verdict, and how people are told.

use crate::vocabulary::choices::Mode;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::rows::RowSet;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::Weakness;

/// The fewest rows of a set that a verdict may rest on: with 100 rows, the standard error of an error rate of 50 % is 5 points.
pub(super) const ROWS_LEAST: usize = 100;

/// What makes evidence unfit, in the order in which it is looked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// Nothing was received.
    Nothing,
    /// A set has too few rows: so many at most, or `None` if it once had enough.
    FewRows(RowSet, Option<usize>),
    /// Most row losses of a set are NaN or infinite.
    Losses(RowSet),
    /// The last layer was not received.
    Missing(LayerName),
    /// The activations of the last layer are NaN or infinite.
    NotFinite(LayerName),
    /// The last layer has the same values on all rows.
    Constant(LayerName),
    /// The last layer has too few finite rows for its bins.
    FewForBins(LayerName),
    /// All rows of a set have one label.
    OneLabel(RowSet, i64),
    /// The network predicts one class for every row, and there are no labels.
    OnePrediction,
    /// Every bit is as it was at an epoch.
    Identical(Epoch),
}

fn name_of(set: RowSet) -> &'static str {
    match set {
        RowSet::Unseen => "the probe",
        RowSet::Seen => "the set of seen rows",
    }
}

impl Fault {
    /// The reason and what to do, of a fault that lasts since an epoch.
    pub(super) fn in_words(&self, since: Epoch, source: Mode) -> Weakness {
        const DIVERGED: &str =
            "Stop the training, go back to weights before that epoch, and lower the learning rate or clip gradients";
        const DROPPED: &str = "See the trainer's log for frames that were dropped or refused";
        const SAMPLE: &str = "Send at least 100 rows of each set, better 1,000";
        let (reason, remedy) = match self {
            Fault::Nothing => (
                format!("no rows were received since epoch {since}"),
                DROPPED.into(),
            ),
            Fault::FewRows(RowSet::Unseen, _) if source == Mode::Stream => (
                format!("the sample of training batches has fewer than {ROWS_LEAST} rows since epoch {since}"),
                "Lower `sampling.every_steps`, or use a probe".into(),
            ),
            Fault::FewRows(set, Some(rows)) => {
                (format!("{} has {rows} rows; a verdict needs at least {ROWS_LEAST}", name_of(*set)), SAMPLE.into())
            }
            Fault::FewRows(set, None) => (
                format!("fewer than {ROWS_LEAST} rows of {} were received since epoch {since}", name_of(*set)),
                DROPPED.into(),
            ),
            Fault::Losses(set) => (
                format!("the losses of most rows of {} are NaN or infinite since epoch {since}", name_of(*set)),
                DIVERGED.into(),
            ),
            Fault::Missing(layer) => (
                format!("layer {layer} was not received since epoch {since}"),
                DROPPED.into(),
            ),
            Fault::NotFinite(layer) => {
                (format!("all activations of layer {layer} are NaN or infinite since epoch {since}"), DIVERGED.into())
            }
            Fault::Constant(layer) => (
                format!("every neuron of layer {layer} has the same value on all rows since epoch {since}"),
                "Look for dead units: lower the learning rate, and check initialisation and inputs".into(),
            ),
            Fault::FewForBins(layer) => {
                (format!("layer {layer} has too few rows with finite values for its bins since epoch {since}"), SAMPLE.into())
            }
            Fault::OneLabel(set, label) => (
                format!("all rows of {} have the label {label}", name_of(*set)),
                "Pass rows of all classes; a loader that is not shuffled may be sorted by class".into(),
            ),
            Fault::OnePrediction => (
                format!("the network predicts one class for every row since epoch {since}"),
                "Check that the rows are of all classes and that the training loss falls".into(),
            ),
            Fault::Identical(first) => (
                format!(
                    "the network's answers are the same to the last bit since epoch {first}: the watched model may not be the one that is trained"
                ),
                "Watch the object that the optimizer trains (the variable may have been rebound, as by a copy or a wrapper), and check \
                 that the learning rate is not 0"
                    .into(),
            ),
        };
        Weakness { reason, remedy }
    }
}
