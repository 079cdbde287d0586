"""Lightning with one callback. Needs rotewatch in PATH or ROTEWATCH_BINARY, or a daemon at ROTEWATCH_URL."""

import contextlib
import logging
import os
import tempfile

import lightning.pytorch as pl
import torch
from noisy_digits import noisy_digits
from plain_loop import network
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rotewatch
from rotewatch.lightning import RotewatchCallback


class Digits(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        images, labels = batch
        loss = nn.functional.cross_entropy(self(images), labels)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def main() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    pl.seed_everything(0)
    examples = TensorDataset(*map(torch.from_numpy, noisy_digits(5000, label_noise=0.4, seed=1)))
    train_set, unseen = rotewatch.hold_out(examples, 1000)
    callback = RotewatchCallback(unseen, seen=train_set, run="lightning", wait=10)
    own_daemon = contextlib.nullcontext() if "ROTEWATCH_URL" in os.environ else rotewatch.private_daemon()
    with own_daemon, tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=30,
            accelerator="cpu",
            callbacks=[callback],
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Digits(), DataLoader(train_set, batch_size=128, shuffle=True))
    print(f"ended after {trainer.current_epoch} epochs: {callback.verdict.verdict}; {callback.verdict.why}")


if __name__ == "__main__":
    main()
