"""Hugging Face with one callback. Needs rotewatch in PATH or ROTEWATCH_BINARY, or a daemon at ROTEWATCH_URL."""

import contextlib
import os
import tempfile

import torch
from noisy_digits import noisy_digits
from plain_loop import network
from torch import nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

import rotewatch
from rotewatch.transformers import RotewatchCallback


class Digits(nn.Module):
    """A model for the Trainer, which passes inputs and labels as keyword arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> SequenceClassifierOutput:
        logits = self.network(images)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class Examples(Dataset):
    def __init__(self, examples: int, *, label_noise: float, seed: int) -> None:
        self.images, self.labels = map(torch.from_numpy, noisy_digits(examples, label_noise=label_noise, seed=seed))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        return {"images": self.images[place], "labels": self.labels[place]}


def main() -> None:
    torch.manual_seed(0)
    train_set, unseen = rotewatch.hold_out(Examples(5000, label_noise=0.4, seed=1), 1000)
    callback = RotewatchCallback(unseen, seen=train_set, run="transformers", wait=10)
    own_daemon = contextlib.nullcontext() if "ROTEWATCH_URL" in os.environ else rotewatch.private_daemon()
    with own_daemon, tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=30,
            per_device_train_batch_size=128,
            learning_rate=1e-3,
            lr_scheduler_type="constant",
            logging_strategy="epoch",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=0,
        )
        trainer = Trainer(Digits(), arguments, train_dataset=train_set, callbacks=[callback])
        trainer.train()
    print(f"ended after {trainer.state.epoch:.0f} epochs: {callback.verdict.verdict}; {callback.verdict.why}")


if __name__ == "__main__":
    main()
