//! Layers with weights from their own random generator.
//!
//! Weights and biases are uniform within 1 / sqrt(inputs of a neuron), as in PyTorch's Linear and Conv, which the first study of the
//! detection thresholds used. Nothing here uses libtorch's global generator, because other code in the process may draw from it.

use std::cell::RefCell;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use tch::nn::{self, BatchNorm, BatchNormConfig, Init, ModuleT, VarStore};
use tch::{Kind, Tensor};

/// A layer that can be observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name, such as `hidden1`, `conv2` or `block3.feedforward`.
    pub name: &'static str,
    /// Its neurons; the channels of a convolution.
    pub neurons: usize,
}

/// Makes the layers of a network, in forward order.
pub(super) struct Maker<'a> {
    pub(super) store: &'a VarStore,
    pub(super) weights: ChaCha8Rng,
    /// Passed to the layers, with a separate stream for each.
    pub(super) dropout: ChaCha8Rng,
    pub(super) batch_norm: bool,
    pub(super) dropout_share: f64,
}

impl Maker<'_> {
    /// A linear layer: rows x inputs to rows x outputs.
    pub(super) fn linear(&mut self, name: &str, inputs: i64, outputs: i64) -> nn::Linear {
        let (ws, bs) = self.weights(name, &[outputs, inputs]);
        nn::Linear { ws, bs: Some(bs) }
    }

    /// A convolution of 3 x 3 that keeps height and width.
    pub(super) fn conv(&mut self, name: &str, inputs: i64, outputs: i64) -> Conv {
        let (weight, bias) = self.weights(name, &[outputs, inputs, 3, 3]);
        Conv { weight, bias }
    }

    /// An embedding vector for each of `count` items, with numbers of variance 1: count x width.
    pub(super) fn embedding(&mut self, name: &str, count: i64, width: i64) -> Tensor {
        let vectors = self.uniform(&[count, width], 3.0_f32.sqrt());
        (self.store.root() / name).var_copy("weight", &vectors)
    }

    #[expect(clippy::indexing_slicing, reason = "weights have an axis of outputs and at least one of inputs")]
    fn weights(&mut self, name: &str, shape: &[i64]) -> (Tensor, Tensor) {
        let inputs: i64 = shape[1..].iter().product();
        let bound = 1.0 / (inputs as f32).sqrt();
        let (weight, bias) = (self.uniform(shape, bound), self.uniform(&shape[..1], bound));
        let path = self.store.root() / name;
        (path.var_copy("weight", &weight), path.var_copy("bias", &bias))
    }

    fn uniform(&mut self, shape: &[i64], bound: f32) -> Tensor {
        let count: i64 = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| bound * (2.0 * self.weights.random::<f32>() - 1.0)).collect();
        Tensor::from_slice(&values).view(shape)
    }

    /// The steps after a hidden layer: normalisation if enabled, `relu`, dropout if enabled.
    ///
    /// `maps` says whether it follows a convolution.
    pub(super) fn activation(&mut self, name: &str, neurons: i64, maps: bool) -> Activation {
        let path = self.store.root() / name / "norm";
        // By default, tch draws the scales from the global generator; PyTorch starts at 1.
        let config = BatchNormConfig { ws_init: Init::Const(1.0), ..BatchNormConfig::default() };
        let norm = self
            .batch_norm
            .then(|| if maps { nn::batch_norm2d(path, neurons, config) } else { nn::batch_norm1d(path, neurons, config) });
        let dropout = (self.dropout_share > 0.0).then(|| {
            let own_stream = self.dropout.get_stream() + 256;
            self.dropout.set_stream(own_stream);
            Dropout { share: self.dropout_share, random: RefCell::new(self.dropout.clone()) }
        });
        Activation { norm, dropout }
    }
}

/// A convolution of 3 x 3 with zero padding.
#[derive(Debug)]
pub(super) struct Conv {
    weight: Tensor,
    bias: Tensor,
}

impl Conv {
    pub(super) fn forward(&self, input: &Tensor) -> Tensor {
        input.conv2d(&self.weight, Some(&self.bias), 1, 1, 1, 1)
    }
}

/// The steps after a hidden layer.
#[derive(Debug)]
pub(super) struct Activation {
    norm: Option<BatchNorm>,
    dropout: Option<Dropout>,
}

impl Activation {
    pub(super) fn forward(&self, input: &Tensor, train: bool) -> Tensor {
        let active = match &self.norm {
            Some(norm) => norm.forward_t(input, train).relu(),
            None => input.relu(),
        };
        match &self.dropout {
            Some(dropout) if train => &active * dropout.mask(&active.size()),
            _ => active,
        }
    }
}

/// Sets a share of the outputs to 0 and scales up the others, so that the mean stays the same.
#[derive(Debug)]
struct Dropout {
    share: f64,
    random: RefCell<ChaCha8Rng>,
}

impl Dropout {
    /// 0 for dropped outputs, 1 / (1 - share) for the others; the share is exact to 1 / 65,536.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is in 0 to 1")]
    #[expect(clippy::expect_used, reason = "a tensor has no negative length")]
    fn mask(&self, shape: &[i64]) -> Tensor {
        let count = usize::try_from(shape.iter().product::<i64>()).expect("a shape has no negative length");
        let mut random = self.random.borrow_mut();
        let mut bytes = vec![0; 2 * count];
        random.fill_bytes(&mut bytes);
        let silenced_below = (self.share * 65_536.0).round() as u32;
        let kept = 1.0 / (1.0 - self.share) as f32;
        let (draws, _) = bytes.as_chunks();
        let draws = draws.iter().map(|pair| u32::from(u16::from_le_bytes(*pair)));
        let mask: Vec<f32> = draws.map(|draw| if draw < silenced_below { 0.0 } else { kept }).collect();
        Tensor::from_slice(&mask).view(shape).to_kind(Kind::Float)
    }
}
