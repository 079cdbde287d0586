//! From the bytes of a request to a frame's layers: what is wrong is found before anything is allocated for values.

use thiserror::Error;

use crate::activations::{Element, SafetensorsError, Tensor, TensorError, read_safetensors};
use rotewatch_core::vocabulary::identity::LayerName;

/// The tensor that holds the predicted class of each row.
pub const PREDICTIONS: &str = "predictions";

/// Why activations were refused.
#[derive(Debug, Error)]
pub enum FrameError {
    /// No safetensors.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// A tensor of the wrong number of axes.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A tensor that belongs to no layer.
    #[error("tensor {name:?} is no layer of this run, which declared {declared}")]
    Unknown {
        /// The tensor.
        name: String,
        /// The first few layers.
        declared: String,
    },
    /// A layer in a type that is not taken.
    #[error("layer {name:?} holds {found}; F32, F16 and BF16 are taken")]
    Element {
        /// The layer.
        name: String,
        /// What it holds.
        found: Element,
    },
    /// Predictions in a type that is not taken.
    #[error("{PREDICTIONS} hold {found}; I64 is taken")]
    Predictions {
        /// What they hold.
        found: Element,
    },
    /// Rows that do not go together.
    #[error("{name:?} has {found} rows where {first:?} has {rows}: a frame holds the same rows of every layer")]
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
    /// A layer without a row or a neuron.
    #[error("layer {name:?} has shape [{rows}, {neurons}]: there is nothing in it")]
    Empty {
        /// The layer.
        name: String,
        /// Its rows.
        rows: usize,
        /// Its neurons.
        neurons: usize,
    },
    /// No layer at all.
    #[error("there is no layer in it")]
    NoLayer,
}

/// A frame whose types, shapes and sizes are right; the values still lie where they were received.
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
    /// The first thing that is wrong.
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
        // Says which shape is wanted.
        _ => Err(tensor.classes().err().map_or(FrameError::NoLayer, FrameError::Tensor)),
    }
}

/// The first few names, for an error.
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
