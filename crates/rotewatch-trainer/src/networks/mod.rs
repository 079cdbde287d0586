//! The networks of the built-in trainer.
//!
//! The output of each Linear or Conv layer can be observed, before normalisation and `relu`: the pre-activations of the paper. The
//! output layer is not observed, because its neurons are the classes.

mod cnn;
mod layers;
mod mlp;
mod transformer;

pub use layers::Layer;

use tch::Tensor;
use tch::nn::VarStore;

use crate::data::seed::{Draw, generator};
use rotewatch_tch::tap::Observe;

use crate::options::{Model, TrainOptions};

/// A network with weights.
#[derive(Debug)]
pub struct Network {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Mlp(mlp::Mlp),
    // Boxed because they are much larger than the first.
    Cnn(Box<cnn::Cnn>),
    Transformer(Box<transformer::Transformer>),
}

impl Network {
    /// Creates the weights in the store. They depend only on the seed and the shapes.
    ///
    /// # Panics
    /// If the model cannot read the input: the MLP needs one number of features or channels x 14 x 14, the CNN the latter, the
    /// transformer the texts of `topics`. [`TrainOptions::check`] and the tasks ensure this.
    #[must_use]
    pub fn new(store: &VarStore, options: &TrainOptions, input_shape: &[i64], classes: i64) -> Self {
        let mut maker = layers::Maker {
            store,
            weights: generator(options.seed, Draw::Weights),
            dropout: generator(options.seed, Draw::Dropout),
            batch_norm: options.batch_norm,
            dropout_share: options.dropout,
        };
        let kind = match options.model {
            Model::Mlp => Kind::Mlp(mlp::Mlp::new(&mut maker, input_shape.iter().product(), classes)),
            Model::Cnn => Kind::Cnn(Box::new(cnn::Cnn::new(&mut maker, input_shape, classes))),
            Model::Transformer => Kind::Transformer(Box::new(transformer::Transformer::new(&mut maker, classes))),
        };
        Network { kind }
    }

    /// The layers that can be observed, in forward order.
    #[must_use]
    pub fn layers(&self) -> &'static [Layer] {
        match self.kind {
            Kind::Mlp(_) => mlp::LAYERS,
            Kind::Cnn(_) => cnn::LAYERS,
            Kind::Transformer(_) => transformer::LAYERS,
        }
    }

    /// The logits of a batch: rows x classes.
    ///
    /// In training, batch normalisation uses the batch's own statistics, and dropout is active. Otherwise the pass changes neither the
    /// network nor any generator.
    ///
    /// # Panics
    /// If the batch does not have the shape that the network was created for.
    pub fn forward(&self, input: &Tensor, train: bool, observe: Observe) -> Tensor {
        match &self.kind {
            Kind::Mlp(mlp) => mlp.forward(input, train, observe),
            Kind::Cnn(cnn) => cnn.forward(input, train, observe),
            Kind::Transformer(transformer) => transformer.forward(input, train, observe),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, no_grad};

    fn network(options: &TrainOptions, input_shape: &[i64]) -> (VarStore, Network) {
        let store = VarStore::new(Device::Cpu);
        let network = Network::new(&store, options, input_shape, 10);
        (store, network)
    }

    fn input(rows: i64) -> Tensor {
        let values: Vec<f32> = (0..rows * 196).map(|index| (index % 97) as f32 / 97.0).collect();
        Tensor::from_slice(&values).view([rows, 1, 14, 14])
    }

    fn observed_shapes(network: &Network) -> (Vec<(usize, Vec<i64>)>, Tensor) {
        let mut shapes = Vec::new();
        let logits = network.forward(&input(4), false, &mut |layer, values| shapes.push((layer, values.size())));
        (shapes, logits)
    }

    #[test]
    fn an_mlp_shows_its_three_hidden_layers() {
        let (_store, network) = network(&TrainOptions::default(), &[1, 14, 14]);
        let (shapes, logits) = observed_shapes(&network);
        assert_eq!(shapes, (0..3).map(|layer| (layer, vec![4, 256])).collect::<Vec<_>>());
        assert_eq!(logits.size(), [4, 10]);
        let names: Vec<_> = network.layers().iter().map(|layer| (layer.name, layer.neurons)).collect();
        assert_eq!(names, [("hidden1", 256), ("hidden2", 256), ("hidden3", 256)]);
    }

    #[test]
    fn a_cnn_shows_its_maps_and_its_hidden_layer() {
        let options = TrainOptions { model: Model::Cnn, ..TrainOptions::default() };
        let (_store, network) = network(&options, &[1, 14, 14]);
        let (shapes, logits) = observed_shapes(&network);
        assert_eq!(shapes, [(0, vec![4, 32, 14, 14]), (1, vec![4, 64, 7, 7]), (2, vec![4, 128])]);
        assert_eq!(logits.size(), [4, 10]);
        let sizes: Vec<i64> = network.layers().iter().map(|layer| i64::try_from(layer.neurons).unwrap()).collect();
        assert_eq!(sizes, shapes.iter().map(|(_, shape)| shape[1]).collect::<Vec<_>>());
    }

    #[test]
    fn a_transformer_shows_what_its_feed_forward_layers_give_for_every_position() {
        let options = TrainOptions { model: Model::Transformer, ..TrainOptions::default() };
        let (_store, network) = network(&options, &[16]);
        let texts = Tensor::arange(64, (tch::Kind::Int64, Device::Cpu)).view([4, 16]);
        let mut shapes = Vec::new();
        let logits = network.forward(&texts, false, &mut |layer, values| shapes.push((layer, values.size())));
        assert_eq!(shapes, (0..3).map(|layer| (layer, vec![4, 16, 128])).collect::<Vec<_>>());
        assert_eq!(logits.size(), [4, 10]);
        // The output depends on the order of the tokens.
        let turned = texts.flip([1]);
        assert!(network.forward(&turned, false, &mut |_, _| ()) != logits);
    }

    #[test]
    fn what_is_observed_is_before_the_relu() {
        for model in [Model::Mlp, Model::Cnn] {
            let options = TrainOptions { model, batch_norm: true, ..TrainOptions::default() };
            let (_store, network) = network(&options, &[1, 14, 14]);
            let _ = network.forward(&input(4), true, &mut |_, values| assert!(values.min().double_value(&[]) < 0.0));
        }
    }

    #[test]
    fn weights_depend_on_the_seed_and_on_nothing_drawn_before() {
        let options = TrainOptions::default();
        let first = observed_shapes(&network(&options, &[1, 14, 14]).1).1;
        let _ = Tensor::randn([100], tch::kind::FLOAT_CPU);
        let second = observed_shapes(&network(&options, &[1, 14, 14]).1).1;
        assert!(first == second);
        let other = TrainOptions { seed: 2, ..options };
        assert!(first != observed_shapes(&network(&other, &[1, 14, 14]).1).1);
    }

    #[test]
    fn dropout_is_active_in_training_only_and_keeps_the_mean() {
        let options = TrainOptions { dropout: 0.5, ..TrainOptions::default() };
        let (_store, network) = network(&options, &[1, 14, 14]);
        let pass = |train| no_grad(|| network.forward(&input(64), train, &mut |_, _| ()));
        let evaluated = pass(false);
        assert!(evaluated == pass(false));
        let (first, second) = (pass(true), pass(true));
        assert!(first != second);
        let mean = (0..200).fold(Tensor::zeros_like(&evaluated), |sum, _| sum + pass(true)) / 200.0;
        let error = (mean - &evaluated).abs().mean(tch::Kind::Double).double_value(&[]);
        let single = (first - &evaluated).abs().mean(tch::Kind::Double).double_value(&[]);
        assert!(error < single / 4.0, "{error} against {single} of one pass");
    }
}
