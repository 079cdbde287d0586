"""A training that uses every source of randomness, to test that the client changes none of them."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rotewatch import Watcher


def network(hidden: int = 16) -> nn.Module:
    """A network with batch norm, dropout and in-place activation functions."""
    return nn.Sequential(
        nn.Linear(8, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(0.3),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, 3),
    )


def examples(rows: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randn(rows, 8, generator=generator)
    return inputs, inputs[:, :3].argmax(dim=1)


def losses(
    watched: Callable[[nn.Module, DataLoader], Watcher] | None = None,
    *,
    epochs: int = 4,
    prepare: Callable[[nn.Module], nn.Module] = lambda model: model,
    each_epoch: Callable[[int], None] = lambda epoch: None,
) -> list[float]:
    """Returns the loss of every step, watched or not."""
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    bare = network()
    model = prepare(bare)
    loader = DataLoader(TensorDataset(*examples()), batch_size=16, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    watcher = watched(model, loader) if watched is not None else None
    curve = []
    for epoch in range(1, epochs + 1):
        each_epoch(epoch)
        for inputs, labels in loader:
            noisy = inputs + random.random() * 0.1 + float(np.random.rand()) * 0.1
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(noisy), labels)
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        if watcher is not None:
            watcher.epoch_end(train_loss=curve[-1])
    if watcher is not None:
        watcher.close()
    return curve
