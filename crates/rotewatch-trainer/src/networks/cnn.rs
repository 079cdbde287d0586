//! Two convolutions of 3 x 3, each followed by pooling to half the size, then a hidden linear layer.
//!
//! Without the hidden layer, such a small network could not fit wrong labels at all: the last maps, 3 x 3, would go straight to the
//! classes.

use tch::Tensor;
use tch::nn::{Linear, Module};

use super::layers::{Activation, Conv, Layer, Maker};
use rotewatch_tch::tap::Observe;

const CHANNELS: [i64; 2] = [32, 64];
const WIDTH: i64 = 128;
/// 14 pixels halved twice, rounded down.
const POOLED_SIDE: i64 = 3;

pub(super) const LAYERS: &[Layer] =
    &[Layer { name: "conv1", neurons: 32 }, Layer { name: "conv2", neurons: 64 }, Layer { name: "hidden1", neurons: 128 }];

/// A small convolutional network.
#[derive(Debug)]
pub(super) struct Cnn {
    convolutions: Vec<(Conv, Activation)>,
    hidden: (Linear, Activation),
    output: Linear,
}

impl Cnn {
    #[expect(clippy::indexing_slicing, reason = "pictures have an axis of channels, and three layers are named above")]
    pub(super) fn new(maker: &mut Maker, input_shape: &[i64], classes: i64) -> Self {
        let inputs = [input_shape[0], CHANNELS[0]];
        let mut convolutions = Vec::new();
        for ((layer, inputs), outputs) in LAYERS.iter().zip(inputs).zip(CHANNELS) {
            let conv = maker.conv(layer.name, inputs, outputs);
            convolutions.push((conv, maker.activation(layer.name, outputs, true)));
        }
        let name = LAYERS[2].name;
        let linear = maker.linear(name, CHANNELS[1] * POOLED_SIDE * POOLED_SIDE, WIDTH);
        let hidden = (linear, maker.activation(name, WIDTH, false));
        Cnn { convolutions, hidden, output: maker.linear("output", WIDTH, classes) }
    }

    pub(super) fn forward(&self, input: &Tensor, train: bool, observe: Observe) -> Tensor {
        let mut maps = input.shallow_clone();
        for (index, (conv, activation)) in self.convolutions.iter().enumerate() {
            let pre_activations = conv.forward(&maps);
            observe(index, &pre_activations);
            maps = activation.forward(&pre_activations, train).max_pool2d(2, 2, 0, 1, false);
        }
        let (linear, activation) = &self.hidden;
        let pre_activations = linear.forward(&maps.flatten(1, -1));
        observe(self.convolutions.len(), &pre_activations);
        self.output.forward(&activation.forward(&pre_activations, train))
    }
}
