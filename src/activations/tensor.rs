//! A tensor as stored in a file, and its conversions.

use std::borrow::Cow;

use rotewatch_info::measures::Columns;

/// The element type of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// IEEE half precision.
    F16,
    /// Brain floating point.
    BF16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// Signed 64-bit integers, the type of predicted classes.
    I64,
    /// Signed 32-bit integers.
    I32,
    /// Any other type, by its name in the file.
    Other(String),
}

impl Element {
    /// Returns the bytes per value, or `None` for a type that cannot be read.
    #[must_use]
    pub fn bytes(&self) -> Option<usize> {
        match self {
            Self::F16 | Self::BF16 => Some(2),
            Self::F32 | Self::I32 => Some(4),
            Self::F64 | Self::I64 => Some(8),
            Self::Other(_) => None,
        }
    }

    /// Returns whether the values are floating-point numbers, which the measures accept.
    #[must_use]
    pub fn floating(&self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Other(name) => f.write_str(name),
            known => write!(f, "{known:?}"),
        }
    }
}

/// The order of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The last axis runs fastest, as in C.
    RowMajor,
    /// The first axis runs fastest, as in Fortran.
    ColumnMajor,
}

/// Why a tensor cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The element type does not fit.
    #[error("tensor {name} holds {found}, expected {wanted}")]
    Element {
        /// The tensor's name.
        name: String,
        /// Its element type.
        found: Element,
        /// The accepted types.
        wanted: &'static str,
    },
    /// The shape does not fit.
    #[error("tensor {name} has shape {shape:?}, expected {wanted}")]
    Shape {
        /// The tensor's name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The accepted shapes.
        wanted: &'static str,
    },
}

/// One tensor of a file. The number of bytes has been checked against the shape.
#[derive(Clone, Debug)]
pub struct Tensor<'a> {
    name: String,
    element: Element,
    shape: Vec<usize>,
    order: Order,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Tensor<'a> {
    /// Creates a tensor; the caller has checked that `bytes` has the length that shape and element type need.
    pub(super) fn new(name: String, element: Element, shape: Vec<usize>, order: Order, bytes: Cow<'a, [u8]>) -> Self {
        // The size of an unknown element type is unknown, and its number of values may overflow.
        let counted = |each: usize| shape.iter().try_fold(each as u128, |bytes, &extent| bytes.checked_mul(extent as u128));
        let is_whole = |each: usize| counted(each) == Some(bytes.len() as u128);
        debug_assert!(element.bytes().is_none_or(is_whole), "the reader checks the size");
        Self { name, element, shape, order, bytes }
    }

    /// Returns the same tensor with its own copy of the bytes.
    #[must_use]
    pub fn into_owned(self) -> Tensor<'static> {
        let Tensor { name, element, shape, order, bytes } = self;
        Tensor { name, element, shape, order, bytes: Cow::Owned(bytes.into_owned()) }
    }

    /// Returns the tensor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the element type.
    #[must_use]
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// Returns the size of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the numbers of rows and neurons, if there are two axes.
    ///
    /// # Errors
    /// [`TensorError::Shape`] otherwise.
    pub fn rows_and_neurons(&self) -> Result<(usize, usize), TensorError> {
        match self.shape[..] {
            [rows, neurons] => Ok((rows, neurons)),
            _ => Err(self.wrong_shape("two axes: rows x neurons")),
        }
    }

    /// Returns the number of rows, if there is one axis.
    ///
    /// # Errors
    /// [`TensorError::Shape`] otherwise.
    pub fn rows(&self) -> Result<usize, TensorError> {
        match self.shape[..] {
            [rows] => Ok(rows),
            _ => Err(self.wrong_shape("one axis: rows")),
        }
    }

    /// Returns the samples in single precision. Half precision is widened, double precision is rounded to nearest.
    ///
    /// # Errors
    /// If it does not have two axes or does not hold floating-point numbers.
    pub fn columns_f32(&self) -> Result<Columns<f32>, TensorError> {
        let (rows, neurons) = self.rows_and_neurons()?;
        let values = match self.element {
            Element::F16 => self.map(|bytes| half::f16::from_le_bytes(bytes).to_f32()),
            Element::BF16 => self.map(|bytes| half::bf16::from_le_bytes(bytes).to_f32()),
            Element::F32 => self.map(f32::from_le_bytes),
            Element::F64 => self.map(|bytes| f64::from_le_bytes(bytes) as f32),
            _ => return Err(self.wrong_element("floating-point numbers (F16, BF16, F32, F64)")),
        };
        Ok(self.columns(rows, neurons, values))
    }

    /// Returns the samples in single precision, row after row, of the chosen neurons (ascending) or of all. Half precision is
    /// widened, double precision is rounded to nearest.
    ///
    /// # Errors
    /// If it does not have two axes or does not hold floating-point numbers.
    ///
    /// # Panics
    /// If a chosen neuron does not exist, or the values are in Fortran order, which never occurs in a safetensors file.
    pub fn rows_f32(&self, chosen: Option<&[usize]>) -> Result<Vec<f32>, TensorError> {
        assert_eq!(self.order, Order::RowMajor, "only row-major tensors can be read row by row");
        let (_, neurons) = self.rows_and_neurons()?;
        match self.element {
            Element::F16 => Ok(self.chosen_rows(neurons, chosen, |bytes| half::f16::from_le_bytes(bytes).to_f32())),
            Element::BF16 => Ok(self.chosen_rows(neurons, chosen, |bytes| half::bf16::from_le_bytes(bytes).to_f32())),
            Element::F32 => Ok(self.chosen_rows(neurons, chosen, f32::from_le_bytes)),
            Element::F64 => Ok(self.chosen_rows(neurons, chosen, |bytes| f64::from_le_bytes(bytes) as f32)),
            _ => Err(self.wrong_element("floating-point numbers (F16, BF16, F32, F64)")),
        }
    }

    /// Returns the samples in double precision, for files that hold it.
    ///
    /// # Errors
    /// If it does not have two axes or does not hold F64.
    pub fn columns_f64(&self) -> Result<Columns<f64>, TensorError> {
        let (rows, neurons) = self.rows_and_neurons()?;
        if self.element != Element::F64 {
            return Err(self.wrong_element("F64"));
        }
        Ok(self.columns(rows, neurons, self.map(f64::from_le_bytes)))
    }

    /// Returns all values of a floating-point tensor of any shape, in double precision and in the order of the file.
    ///
    /// # Errors
    /// If it does not hold floating-point numbers.
    pub fn values_f64(&self) -> Result<Vec<f64>, TensorError> {
        match self.element {
            Element::F16 => Ok(self.map(|bytes| half::f16::from_le_bytes(bytes).to_f64())),
            Element::BF16 => Ok(self.map(|bytes| half::bf16::from_le_bytes(bytes).to_f64())),
            Element::F32 => Ok(self.map(|bytes| f64::from(f32::from_le_bytes(bytes)))),
            Element::F64 => Ok(self.map(f64::from_le_bytes)),
            _ => Err(self.wrong_element("floating-point numbers (F16, BF16, F32, F64)")),
        }
    }

    /// Returns the predicted classes: one integer per row.
    ///
    /// # Errors
    /// If it does not have one axis or does not hold I64 or I32.
    pub fn classes(&self) -> Result<Vec<i64>, TensorError> {
        self.rows()?;
        match self.element {
            Element::I64 => Ok(self.map(i64::from_le_bytes)),
            Element::I32 => Ok(self.map(|bytes| i64::from(i32::from_le_bytes(bytes)))),
            _ => Err(self.wrong_element("classes (I64 or I32)")),
        }
    }

    fn columns<V: rotewatch_info::measures::Value>(&self, rows: usize, neurons: usize, values: Vec<V>) -> Columns<V> {
        match self.order {
            Order::RowMajor => Columns::from_row_major(rows, neurons, &values),
            Order::ColumnMajor => Columns::from_neuron_major(rows, neurons, values),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a nonexistent chosen neuron is a bug of the caller; the panic is documented")]
    fn chosen_rows<const N: usize>(&self, neurons: usize, chosen: Option<&[usize]>, read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let Some(chosen) = chosen else { return self.map(read) };
        let (values, _) = self.bytes.as_chunks::<N>();
        let mut rows = Vec::with_capacity(values.len() / neurons.max(1) * chosen.len());
        for row in values.chunks_exact(neurons.max(1)) {
            rows.extend(chosen.iter().map(|&neuron| read(row[neuron])));
        }
        rows
    }

    fn map<const N: usize, T>(&self, read: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (values, rest) = self.bytes.as_chunks::<N>();
        debug_assert!(rest.is_empty(), "the reader checks the size");
        values.iter().map(|&bytes| read(bytes)).collect()
    }

    fn wrong_element(&self, wanted: &'static str) -> TensorError {
        TensorError::Element { name: self.name.clone(), found: self.element.clone(), wanted }
    }

    fn wrong_shape(&self, wanted: &'static str) -> TensorError {
        TensorError::Shape { name: self.name.clone(), shape: self.shape.clone(), wanted }
    }
}
