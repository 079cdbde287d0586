"""Passes of fixed rows through a network, in evaluation mode, without moving the training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

ROWS_A_BATCH = 500


@dataclass(frozen=True)
class Pass:
    """What a pass of rows gives."""

    outputs: torch.Tensor
    #: The input of the network's last linear layer, averaged over positions.
    features: torch.Tensor


@contextmanager
def evaluated(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, and the random numbers as they were before.

    PyTorch's fused encoders are off, as in the client: they round differently on each device.
    """
    state, training = torch.get_rng_state(), network.training
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(training)
        torch.backends.mha.set_fastpath_enabled(fused)
        torch.set_rng_state(state)


def run(network: nn.Module, inputs: torch.Tensor, *, bf16: bool = False) -> Pass:
    """Passes rows through the network."""
    head = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    outputs: list[torch.Tensor] = []
    features: list[torch.Tensor] = []

    def keep(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        values = given[0].detach().float()
        features.append((values.flatten(1, -2).mean(1) if values.dim() > 2 else values).half())

    handle = head.register_forward_pre_hook(keep)
    try:
        with evaluated(network):
            for part in inputs.split(ROWS_A_BATCH):
                with torch.autocast(part.device.type, torch.bfloat16, enabled=bf16):
                    outputs.append(network(part).float())
    finally:
        handle.remove()
    return Pass(torch.cat(outputs), torch.cat(features))
