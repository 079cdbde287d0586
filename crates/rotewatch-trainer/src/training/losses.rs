//! Losses, summed as tensors over batches and read once at the end.

use tch::{Kind, Tensor, no_grad};

/// How well a network does on some examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// Mean cross-entropy per example, in nats.
    pub loss: f64,
    /// Share of examples whose most likely class is their label, 0 to 1.
    pub accuracy: f64,
}

/// Sums over batches, kept as tensors until the end.
pub(super) struct Sums {
    loss: Tensor,
    right: Tensor,
    rows: i64,
}

impl Sums {
    pub(super) fn new() -> Self {
        Sums { loss: Tensor::from(0.0_f64), right: Tensor::from(0_i64), rows: 0 }
    }

    /// Adds a batch: its mean loss, its logits and labels.
    pub(super) fn add(&mut self, mean_loss: &Tensor, logits: &Tensor, labels: &Tensor) {
        no_grad(|| {
            let rows = labels.numel() as i64;
            self.loss += mean_loss.to_kind(Kind::Double) * rows;
            self.right += logits.argmax(-1, false).eq_tensor(labels).sum(Kind::Int64);
            self.rows += rows;
        });
    }

    pub(super) fn losses(&self) -> Losses {
        let rows = self.rows as f64;
        Losses { loss: self.loss.double_value(&[]) / rows, accuracy: self.right.int64_value(&[]) as f64 / rows }
    }
}

/// Counts the examples whose prediction changed since the previous pass: the quantity of Label Wave (Yuan, Feng, Liu, ICLR 2024).
pub(super) struct Changes<'a> {
    predicted: &'a Tensor,
    changed: Tensor,
}

impl<'a> Changes<'a> {
    /// `predicted` has the predicted class of each example, and is updated.
    pub(super) fn new(predicted: &'a Tensor) -> Self {
        Changes { predicted, changed: Tensor::from(0_i64) }
    }

    /// Adds a batch: the rows of its examples, and their logits.
    pub(super) fn add(&mut self, rows: &Tensor, logits: &Tensor) {
        no_grad(|| {
            let newer = logits.argmax(-1, false);
            self.changed += self.predicted.index_select(0, rows).ne_tensor(&newer).sum(Kind::Int64);
            let _ = self.predicted.shallow_clone().index_copy_(0, rows, &newer);
        });
    }

    /// The share of all examples whose prediction changed.
    pub(super) fn share(&self) -> f64 {
        self.changed.int64_value(&[]) as f64 / self.predicted.numel() as f64
    }
}
