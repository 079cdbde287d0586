"""Two signals of other authors that need more than a pass of rows: computed while a training is recorded."""

from __future__ import annotations

import torch
from torch import nn


class HeadInput:
    """Keeps the input of the last linear layer during one step."""

    def __init__(self, network: nn.Module) -> None:
        self._head = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
        self._features: torch.Tensor | None = None
        self._handle = self._head.register_forward_pre_hook(self._keep)

    def _keep(self, module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        self._features = given[0].detach().float()
        self._handle.remove()

    def alignment(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Returns the cosine of each example's negative gradient of the head and the head's weights, in closed form.

        # Source
        Gradient-weight alignment, arXiv 2510.25480.
        """
        assert self._features is not None, "the forward pass called the head"
        weights = self._head.weight.detach().float()
        off = logits.softmax(1)
        off[torch.arange(len(off), device=off.device), targets] -= 1
        along = -(self._features * (off @ weights)).sum(1)
        return along / (self._features.norm(dim=1) * off.norm(dim=1) * weights.norm()).clamp_min(1e-12)


def gwa(alignments: torch.Tensor) -> float:
    """Returns the signal of an epoch: the mean alignment over all training examples / (its excess kurtosis + 1.2)."""
    off = alignments - alignments.mean()
    excess = float((off**4).mean() / (off**2).mean().clamp_min(1e-24) ** 2 - 3)
    return float(alignments.mean()) / (excess + 1.2)


def alpha(network: nn.Module) -> float:
    """Returns the mean exponent of a power law over the layers, fitted to the upper half of each layer's eigenvalues.

    # Source
    The Hill estimator of the exponent that WeightWatcher (Martin, Peng, Mahoney, 2021) calls alpha.
    """
    exponents = []
    for module in network.modules():
        if not isinstance(module, (nn.Linear, nn.Conv2d)):
            continue
        # On the CPU: the decompositions of an accelerator are slower for matrices this small.
        matrix = module.weight.detach().float().cpu().flatten(1)
        if min(matrix.shape) < 10:
            continue
        values = torch.linalg.svdvals(matrix).square().sort().values
        top = values[len(values) // 2 :].clamp_min(1e-12)
        exponents.append(1 + len(top) / float((top / top[0]).log().sum().clamp_min(1e-9)))
    return sum(exponents) / len(exponents) if exponents else float("nan")
