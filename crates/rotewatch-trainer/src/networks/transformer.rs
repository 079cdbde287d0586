//! Three blocks of self-attention and feed-forward layers, normalised before each (Xiong et al. 2020), over token sequences.
//!
//! The output of the first layer of each feed-forward pair can be observed, before its `relu`: the memories of a transformer (Geva et
//! al. 2021). The classes are computed from the mean over positions.

use tch::nn::{self, LayerNorm, Linear, Module};
use tch::{Kind, Tensor};

use super::layers::{Activation, Layer, Maker};
use crate::data::topics::{LENGTH, VOCABULARY};
use rotewatch_tch::tap::Observe;

const WIDTH: i64 = 64;
const HEADS: i64 = 4;
const HEAD_WIDTH: i64 = WIDTH / HEADS;
const FEEDFORWARD_WIDTH: i64 = 128;

pub(super) const LAYERS: &[Layer] = &[
    Layer { name: "block1.feedforward", neurons: 128 },
    Layer { name: "block2.feedforward", neurons: 128 },
    Layer { name: "block3.feedforward", neurons: 128 },
];

/// A small transformer that reads the whole text at once.
#[derive(Debug)]
pub(super) struct Transformer {
    tokens: Tensor,
    positions: Tensor,
    blocks: Vec<Block>,
    last_norm: LayerNorm,
    output: Linear,
}

#[derive(Debug)]
struct Block {
    attention_norm: LayerNorm,
    /// Queries, keys and values side by side.
    attention_in: Linear,
    attention_out: Linear,
    feedforward_norm: LayerNorm,
    feedforward_in: Linear,
    activation: Activation,
    feedforward_out: Linear,
}

impl Transformer {
    pub(super) fn new(maker: &mut Maker, classes: i64) -> Self {
        let tokens = maker.embedding("tokens", VOCABULARY, WIDTH);
        let positions = maker.embedding("positions", LENGTH, WIDTH);
        let blocks = (1..=LAYERS.len()).map(|number| Block::new(maker, number)).collect();
        let last_norm = norm(maker, "norm");
        Transformer { tokens, positions, blocks, last_norm, output: maker.linear("output", WIDTH, classes) }
    }

    /// The logits of rows x tokens, i64.
    pub(super) fn forward(&self, input: &Tensor, train: bool, observe: Observe) -> Tensor {
        let mut stream = Tensor::embedding(&self.tokens, input, -1, false, false) + &self.positions;
        for (index, block) in self.blocks.iter().enumerate() {
            stream = &stream + block.attend(&stream);
            let memories = block.feedforward_in.forward(&block.feedforward_norm.forward(&stream));
            observe(index, &memories);
            // Not in place: the backward pass needs the input of the normalisation.
            stream = &stream + block.feedforward_out.forward(&block.activation.forward(&memories, train));
        }
        let text = self.last_norm.forward(&stream).mean_dim(1, false, Kind::Float);
        self.output.forward(&text)
    }
}

impl Block {
    fn new(maker: &mut Maker, number: usize) -> Self {
        let name = |part: &str| format!("block{number}-{part}");
        Block {
            attention_norm: norm(maker, &name("attention-norm")),
            attention_in: maker.linear(&name("attention-in"), WIDTH, 3 * WIDTH),
            attention_out: maker.linear(&name("attention-out"), WIDTH, WIDTH),
            feedforward_norm: norm(maker, &name("feedforward-norm")),
            feedforward_in: maker.linear(&name("feedforward-in"), WIDTH, FEEDFORWARD_WIDTH),
            activation: maker.activation(&name("feedforward"), FEEDFORWARD_WIDTH, false),
            feedforward_out: maker.linear(&name("feedforward-out"), FEEDFORWARD_WIDTH, WIDTH),
        }
    }

    /// The attention output of every position: rows x positions x width.
    #[expect(clippy::indexing_slicing, reason = "a stream is rows x positions x width")]
    fn attend(&self, stream: &Tensor) -> Tensor {
        let [rows, positions] = [stream.size()[0], stream.size()[1]];
        let by_head =
            self.attention_in.forward(&self.attention_norm.forward(stream)).view([rows, positions, 3, HEADS, HEAD_WIDTH]);
        let part = |index| by_head.select(2, index).transpose(1, 2);
        let [queries, keys, values] = [part(0), part(1), part(2)];
        let scores = queries.matmul(&keys.transpose(2, 3)) / (HEAD_WIDTH as f64).sqrt();
        let taken = scores.softmax(-1, Kind::Float).matmul(&values).transpose(1, 2);
        self.attention_out.forward(&taken.reshape([rows, positions, WIDTH]))
    }
}

fn norm(maker: &Maker, name: &str) -> LayerNorm {
    nn::layer_norm(maker.store.root() / name, vec![WIDTH], nn::LayerNormConfig::default())
}
