//! Parses the bytes of a request into the layers of a frame. All checks happen before memory is allocated for values.

use thiserror::Error;

use crate::activations::{Element, PREDICTIONS, SafetensorsError, Tensor, TensorError, read_safetensors};
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::rows::{RowNumbers, RowSet};

/// The prefix of the tensors that have one number for each row.
const ROW_PREFIX: &str = "row:";

/// The tensors that have one number for each row.
const ROW_TENSORS: [&str; 5] = ["row:losses", "row:errors", CLASSES, "row:confidence", "row:entropy"];

/// The predicted classes, and their name in clients of version 0.1.0.
const CLASSES: &str = PREDICTIONS[0];
const OLD_CLASSES: &str = PREDICTIONS[1];

/// Returns whether a tensor of this name can be no layer.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name == OLD_CLASSES || name.starts_with(ROW_PREFIX)
}

/// An error in a frame of activations.
#[derive(Debug, Error)]
pub enum FrameError {
    /// It is not valid safetensors.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// A tensor has the wrong number of axes.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A tensor belongs to no declared layer.
    #[error("tensor {name:?} is not a layer of this run; declared layers: {declared}")]
    Unknown {
        /// The tensor.
        name: String,
        /// The first few layers.
        declared: String,
    },
    /// A layer has an unsupported type.
    #[error("layer {name:?} has type {found}; send F32, F16 or BF16")]
    Element {
        /// The layer.
        name: String,
        /// Its type.
        found: Element,
    },
    /// A number of the rows has an unsupported type.
    #[error("{name} has type {found}; send {wanted}")]
    Number {
        /// The tensor.
        name: String,
        /// Its type.
        found: Element,
        /// The type that is read.
        wanted: Element,
    },
    /// A name with the prefix of row numbers that is none of them.
    #[error("{name:?} is not a number of a row; known: {}, and the old name {OLD_CLASSES}", ROW_TENSORS.join(", "))]
    UnknownNumber {
        /// The tensor.
        name: String,
    },
    /// The classes are there under both names.
    #[error("the frame has both {OLD_CLASSES} and {}; send one of them", CLASSES)]
    Twice,
    /// The tensors have different numbers of rows.
    #[error("{name:?} has {found} rows, but {first:?} has {rows}; all tensors of a frame must have the same rows")]
    Rows {
        /// The tensor.
        name: String,
        /// Its rows.
        found: usize,
        /// The first tensor.
        first: String,
        /// Its rows.
        rows: usize,
    },
    /// A layer has no rows or no neurons.
    #[error("layer {name:?} is empty: its shape is [{rows}, {neurons}]")]
    Empty {
        /// The layer.
        name: String,
        /// Its rows.
        rows: usize,
        /// Its neurons.
        neurons: usize,
    },
    /// The frame lacks what its set is measured by.
    #[error(
        "the frame has no {}, which {set} rows need",
        if *.set == RowSet::Unseen { "layer".to_owned() } else { format!("number of its rows ({})", ROW_TENSORS.join(", ")) }
    )]
    Nothing {
        /// The set.
        set: RowSet,
    },
}

/// A frame with checked types, shapes and sizes. The values are still in the received bytes.
#[derive(Debug)]
pub struct ReceivedFrame<'a> {
    /// Rows of every tensor.
    pub rows: usize,
    /// One entry per declared layer, in declared order, with its neurons.
    pub layers: Vec<Option<(usize, Tensor<'a>)>>,
    /// The numbers of the rows, in the order of [`ROW_TENSORS`].
    numbers: [Option<Tensor<'a>>; ROW_TENSORS.len()],
}

impl<'a> ReceivedFrame<'a> {
    /// Checks the bytes against the run's declared layers. Unseen rows need a layer, seen rows a number.
    ///
    /// # Errors
    /// The first error that is found.
    ///
    /// # Cost
    /// Parses the header, of at most 1 MiB; values are neither read nor copied.
    pub fn read(bytes: &'a [u8], declared: &[LayerName], set: RowSet) -> Result<Self, FrameError> {
        let mut layers: Vec<Option<(usize, Tensor<'a>)>> = declared.iter().map(|_| None).collect();
        let mut numbers: [Option<Tensor<'a>>; ROW_TENSORS.len()] = [const { None }; ROW_TENSORS.len()];
        let mut first: Option<(String, usize)> = None;
        for tensor in read_safetensors(bytes)? {
            let name = tensor.name().to_owned();
            let rows = if is_reserved(&name) {
                let known = if name == OLD_CLASSES { CLASSES } else { &name };
                let number = numbers.iter_mut().zip(ROW_TENSORS).find(|(_, number)| *number == known);
                let (number, _) = number.ok_or_else(|| FrameError::UnknownNumber { name: name.clone() })?;
                let rows = rows_of_number(&tensor, known)?;
                if number.replace(tensor).is_some() {
                    return Err(FrameError::Twice);
                }
                rows
            } else {
                let place = layers.iter_mut().zip(declared).find(|(_, layer)| layer.as_str() == name);
                let (place, _) = place.ok_or_else(|| FrameError::Unknown { name: name.clone(), declared: listed(declared) })?;
                let (rows, neurons) = rows_and_neurons(&tensor)?;
                *place = Some((neurons, tensor));
                rows
            };
            let (first_name, first_rows) = first.get_or_insert_with(|| (name.clone(), rows));
            if rows != *first_rows {
                return Err(FrameError::Rows { name, found: rows, first: first_name.clone(), rows: *first_rows });
            }
        }
        let enough = match set {
            RowSet::Unseen => layers.iter().any(Option::is_some),
            RowSet::Seen => numbers.iter().any(Option::is_some),
        };
        let (_, rows) = first.filter(|(_, rows)| enough && *rows > 0).ok_or(FrameError::Nothing { set })?;
        Ok(ReceivedFrame { rows, layers, numbers })
    }

    /// The bytes that the numbers of the rows take in memory.
    #[must_use]
    pub fn number_bytes(&self) -> u64 {
        self.numbers.iter().flatten().filter_map(|tensor| tensor.element().bytes()).sum::<usize>() as u64 * self.rows as u64
    }

    /// Reads the numbers of the rows.
    #[must_use]
    pub fn numbers(&self) -> RowNumbers {
        let [losses, errors, predictions, confidence, entropy] = &self.numbers;
        // Types and shapes were checked when the frame was read.
        let reals = |tensor: &Option<Tensor<'_>>| {
            Some(tensor.as_ref()?.values_f64().ok()?.into_iter().map(|value| value as f32).collect())
        };
        RowNumbers {
            losses: reals(losses),
            errors: reals(errors),
            predictions: predictions.as_ref().and_then(|tensor| tensor.classes().ok()),
            confidence: reals(confidence),
            entropy: reals(entropy),
        }
    }
}

fn rows_and_neurons(tensor: &Tensor<'_>) -> Result<(usize, usize), FrameError> {
    if !matches!(tensor.element(), Element::F32 | Element::F16 | Element::BF16) {
        return Err(FrameError::Element { name: tensor.name().to_owned(), found: tensor.element().clone() });
    }
    let (rows, neurons) = tensor.rows_and_neurons()?;
    if rows == 0 || neurons == 0 {
        return Err(FrameError::Empty { name: tensor.name().to_owned(), rows, neurons });
    }
    Ok((rows, neurons))
}

/// The rows of a tensor that has one number for each.
fn rows_of_number(tensor: &Tensor<'_>, name: &str) -> Result<usize, FrameError> {
    let wanted = if name == CLASSES { Element::I64 } else { Element::F32 };
    if *tensor.element() != wanted {
        return Err(FrameError::Number { name: tensor.name().to_owned(), found: tensor.element().clone(), wanted });
    }
    tensor.rows().map_err(FrameError::Tensor)
}

/// Lists the first few names, for an error message.
fn listed(declared: &[LayerName]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = declared.iter().take(SHOWN).map(LayerName::as_str).collect();
    if declared.len() > SHOWN {
        names.push("...");
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layers(names: &[&str]) -> Vec<LayerName> {
        names.iter().map(|name| name.parse().expect("a good name")).collect()
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    /// Layers `a` and `b` of 3 rows, and predictions.
    fn good() -> Vec<u8> {
        let header = r#"{"a":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[3,1],
            "data_offsets":[24,30]},"predictions":{"dtype":"I64","shape":[3],"data_offsets":[30,54]}}"#;
        file(header, &[0; 54])
    }

    #[test]
    fn layers_stand_in_the_order_in_which_they_were_declared() {
        let bytes = good();
        let frame = ReceivedFrame::read(&bytes, &layers(&["b", "missing", "a"]), RowSet::Unseen).unwrap();
        assert_eq!(frame.rows, 3);
        let neurons: Vec<_> = frame.layers.iter().map(|layer| layer.as_ref().map(|(neurons, _)| *neurons)).collect();
        assert_eq!(neurons, [Some(1), None, Some(2)]);
        assert_eq!(frame.numbers(), RowNumbers::of_predictions(vec![0; 3]));
    }

    #[test]
    fn numbers_of_rows_need_no_layer() {
        let header = r#"{"row:losses":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "row:predictions":{"dtype":"I64","shape":[2],"data_offsets":[8,24]}}"#;
        let data = [1.5_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
        let bytes = file(header, &[data, 3_i64.to_le_bytes().repeat(2)].concat());
        let frame = ReceivedFrame::read(&bytes, &layers(&["a"]), RowSet::Seen).unwrap();
        let numbers = frame.numbers();
        assert_eq!((frame.rows, frame.number_bytes(), &numbers.predictions), (2, 24, &Some(vec![3, 3])));
        assert!(numbers.losses.is_some_and(|losses| losses[0] == 1.5 && losses[1].is_nan()));
    }

    #[test]
    fn what_is_wrong_with_a_number_is_said() {
        let one = |name: &str, dtype: &str, shape: &str, bytes: usize| {
            let header = format!(r#"{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{bytes}]}}}}"#);
            ReceivedFrame::read(&file(&header, &vec![0; bytes]), &layers(&["a"]), RowSet::Seen).unwrap_err().to_string()
        };
        let known = "row:losses, row:errors, row:predictions, row:confidence, row:entropy";
        assert_eq!(
            one("row:loss", "F32", "[2]", 8),
            format!("\"row:loss\" is not a number of a row; known: {known}, and the old name predictions")
        );
        assert_eq!(one("row:losses", "F16", "[2]", 4), "row:losses has type F16; send F32");
        assert_eq!(one("predictions", "I32", "[2]", 8), "predictions has type I32; send I64");
        assert!(one("row:entropy", "F32", "[2,1]", 8).contains("one axis: rows"));
        assert_eq!(
            one("row:losses", "F32", "[0]", 0),
            format!("the frame has no number of its rows ({known}), which seen rows need")
        );
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_break_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ReceivedFrame::read(&bytes, &layers(&["a"]), RowSet::Unseen).is_err());
        }

        #[test]
        fn a_frame_that_ends_early_is_refused(end in 0..good().len()) {
            prop_assert!(ReceivedFrame::read(&good()[..end], &layers(&["a", "b"]), RowSet::Unseen).is_err());
        }

        #[test]
        fn what_is_taken_of_a_damaged_header_fits_its_bytes(at in 0..good().len(), byte: u8) {
            let mut bytes = good();
            bytes[at] = byte;
            if let Ok(frame) = ReceivedFrame::read(&bytes, &layers(&["a", "b"]), RowSet::Unseen) {
                for (neurons, tensor) in frame.layers.iter().flatten() {
                    prop_assert_eq!(tensor.rows_f32(None).unwrap().len(), frame.rows * neurons);
                }
                prop_assert!(frame.numbers().rows().is_none_or(|rows| rows == frame.rows));
            }
        }

        #[test]
        fn a_shape_that_its_bytes_do_not_hold_is_refused(rows: u64, neurons: u64, begin: u64, end: u64) {
            let shape = format!(r#"{{"a":{{"dtype":"F32","shape":[{rows},{neurons}],"data_offsets":[{begin},{end}]}}}}"#);
            let fits = u128::from(rows) * u128::from(neurons) == 16 && (begin, end) == (0, 64);
            prop_assert_eq!(ReceivedFrame::read(&file(&shape, &[0; 64]), &layers(&["a"]), RowSet::Unseen).is_ok(), fits);
        }
    }
}
