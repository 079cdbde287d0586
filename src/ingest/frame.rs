//! Parses the bytes of a request into the layers of a frame. All checks happen before memory is allocated for values.

use thiserror::Error;

use crate::activations::{Element, SafetensorsError, Tensor, TensorError, read_safetensors};
use rotewatch_core::vocabulary::identity::LayerName;

/// The tensor that holds the predicted class of each row.
pub const PREDICTIONS: &str = "predictions";

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
    /// The predictions have an unsupported type.
    #[error("{PREDICTIONS} have type {found}; send I64")]
    Predictions {
        /// Their type.
        found: Element,
    },
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
    /// The frame has no layer.
    #[error("the frame has no layer")]
    NoLayer,
}

/// A frame with checked types, shapes and sizes. The values are still in the received bytes.
#[derive(Debug)]
pub struct ReceivedFrame<'a> {
    /// Rows of every tensor.
    pub rows: usize,
    /// One entry per declared layer, in declared order, with its neurons.
    pub layers: Vec<Option<(usize, Tensor<'a>)>>,
    /// The predicted class of each row.
    pub predictions: Option<Tensor<'a>>,
}

impl<'a> ReceivedFrame<'a> {
    /// Checks the bytes against the run's declared layers.
    ///
    /// # Errors
    /// The first error that is found.
    ///
    /// # Cost
    /// Parses the header, of at most 1 MiB; values are neither read nor copied.
    pub fn read(bytes: &'a [u8], declared: &[LayerName]) -> Result<Self, FrameError> {
        let mut layers: Vec<Option<(usize, Tensor<'a>)>> = declared.iter().map(|_| None).collect();
        let mut predictions = None;
        let mut first: Option<(String, usize)> = None;
        for tensor in read_safetensors(bytes)? {
            let name = tensor.name().to_owned();
            let rows = if name == PREDICTIONS {
                let rows = rows_of_predictions(&tensor)?;
                predictions = Some(tensor);
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
        let (_, rows) = first.filter(|_| layers.iter().any(Option::is_some)).ok_or(FrameError::NoLayer)?;
        Ok(ReceivedFrame { rows, layers, predictions })
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

fn rows_of_predictions(tensor: &Tensor<'_>) -> Result<usize, FrameError> {
    if *tensor.element() != Element::I64 {
        return Err(FrameError::Predictions { found: tensor.element().clone() });
    }
    match tensor.shape() {
        [rows] => Ok(*rows),
        // This error names the expected shape.
        _ => Err(tensor.classes().err().map_or(FrameError::NoLayer, FrameError::Tensor)),
    }
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
        let frame = ReceivedFrame::read(&bytes, &layers(&["b", "missing", "a"])).unwrap();
        assert_eq!(frame.rows, 3);
        let neurons: Vec<_> = frame.layers.iter().map(|layer| layer.as_ref().map(|(neurons, _)| *neurons)).collect();
        assert_eq!(neurons, [Some(1), None, Some(2)]);
        assert_eq!(frame.predictions.unwrap().classes().unwrap(), [0; 3]);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_break_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ReceivedFrame::read(&bytes, &layers(&["a"])).is_err());
        }

        #[test]
        fn a_frame_that_ends_early_is_refused(end in 0..good().len()) {
            prop_assert!(ReceivedFrame::read(&good()[..end], &layers(&["a", "b"])).is_err());
        }

        #[test]
        fn what_is_taken_of_a_damaged_header_fits_its_bytes(at in 0..good().len(), byte: u8) {
            let mut bytes = good();
            bytes[at] = byte;
            if let Ok(frame) = ReceivedFrame::read(&bytes, &layers(&["a", "b"])) {
                for (neurons, tensor) in frame.layers.iter().flatten() {
                    prop_assert_eq!(tensor.rows_f32(None).unwrap().len(), frame.rows * neurons);
                }
                if let Some(predictions) = &frame.predictions {
                    prop_assert_eq!(predictions.classes().unwrap().len(), frame.rows);
                }
            }
        }

        #[test]
        fn a_shape_that_its_bytes_do_not_hold_is_refused(rows: u64, neurons: u64, begin: u64, end: u64) {
            let shape = format!(r#"{{"a":{{"dtype":"F32","shape":[{rows},{neurons}],"data_offsets":[{begin},{end}]}}}}"#);
            let fits = u128::from(rows) * u128::from(neurons) == 16 && (begin, end) == (0, 64);
            prop_assert_eq!(ReceivedFrame::read(&file(&shape, &[0; 64]), &layers(&["a"])).is_ok(), fits);
        }
    }
}
