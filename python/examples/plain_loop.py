"""A plain PyTorch loop that stops when the network starts to memorize wrong labels.

python plain_loop.py              starts a private daemon (rotewatch in PATH, or ROTEWATCH_BINARY)
python plain_loop.py --compile    the same, compiled
ROTEWATCH_URL=http://127.0.0.1:19787 python plain_loop.py    uses a running daemon
"""

import argparse
import contextlib
import os

import torch
from noisy_digits import noisy_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rotewatch

EPOCHS = 30


def network() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(100, 128),
        nn.ReLU(),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--compile", action="store_true", help="train a compiled network")
    arguments.add_argument("--label-noise", type=float, default=0.4)
    options = arguments.parse_args()

    torch.manual_seed(0)
    examples = TensorDataset(*map(torch.from_numpy, noisy_digits(5000, label_noise=options.label_noise, seed=1)))
    train_set, unseen = rotewatch.hold_out(examples, 1000)  # labelled as badly as the rest
    test_images, test_labels = map(torch.from_numpy, noisy_digits(1000, label_noise=0.0, seed=3))
    loader = DataLoader(train_set, batch_size=128, shuffle=True)

    model = network()
    if options.compile:
        model = torch.compile(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    own_daemon = contextlib.nullcontext() if "ROTEWATCH_URL" in os.environ else rotewatch.private_daemon()
    with own_daemon, rotewatch.watch(model, probe=unseen, seen=train_set, run="plain-loop", wait=10) as watcher:
        for epoch in range(1, EPOCHS + 1):
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(inputs), targets)
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                accuracy = (model(test_images).argmax(1) == test_labels).float().mean().item()
            verdict = watcher.epoch_end(train_loss=loss, test_accuracy=accuracy)
            print(f"epoch {epoch:2}  test {accuracy:.1%}  {verdict.verdict or verdict.problem}")
            if verdict.stop:
                print(f"stopped: {verdict.why}\nwhat to do: {verdict.remedy}")
                break


if __name__ == "__main__":
    main()
