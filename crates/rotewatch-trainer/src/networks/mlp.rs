//! Three hidden layers of 256 neurons: the network of the paper's MNIST study, on 14 x 14 pixels.

use tch::Tensor;
use tch::nn::{Linear, Module};

use super::layers::{Activation, Layer, Maker};
use rotewatch_tch::tap::Observe;

const WIDTH: i64 = 256;

pub(super) const LAYERS: &[Layer] =
    &[Layer { name: "hidden1", neurons: 256 }, Layer { name: "hidden2", neurons: 256 }, Layer { name: "hidden3", neurons: 256 }];

/// A multi-layer perceptron.
#[derive(Debug)]
pub(super) struct Mlp {
    hidden: Vec<(Linear, Activation)>,
    output: Linear,
}

impl Mlp {
    pub(super) fn new(maker: &mut Maker, features: i64, classes: i64) -> Self {
        let inputs = [features, WIDTH, WIDTH];
        let layers = LAYERS.iter().zip(inputs);
        let hidden = layers
            .map(|(layer, inputs)| {
                let linear = maker.linear(layer.name, inputs, WIDTH);
                (linear, maker.activation(layer.name, WIDTH, false))
            })
            .collect();
        Mlp { hidden, output: maker.linear("output", WIDTH, classes) }
    }

    pub(super) fn forward(&self, input: &Tensor, train: bool, observe: Observe) -> Tensor {
        let mut values = input.flatten(1, -1);
        for (index, (linear, activation)) in self.hidden.iter().enumerate() {
            let pre_activations = linear.forward(&values);
            observe(index, &pre_activations);
            values = activation.forward(&pre_activations, train);
        }
        self.output.forward(&values)
    }
}
