"""Wrong labels of several kinds, as the literature on label noise makes them."""

from __future__ import annotations

import torch

from .data import Noise


def clean() -> Noise:
    """Leaves the labels as they are."""
    return lambda inputs, right, generator: right.clone()


def symmetric(share: float, classes: int) -> Noise:
    """Replaces a share of the labels by one of the other classes, each equally likely."""

    def change(inputs: torch.Tensor, right: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        wrong = torch.rand(len(right), generator=generator) < share
        shift = torch.randint(1, classes, (len(right),), generator=generator)
        return torch.where(wrong, (right + shift) % classes, right)

    return change


def asymmetric(share: float, to: dict[int, int]) -> Noise:
    """Replaces a share of the labels of some classes by one similar class (Patrini et al., 2017)."""

    def change(inputs: torch.Tensor, right: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        given = right.clone()
        wrong = torch.rand(len(right), generator=generator) < share
        for source, target in to.items():
            given[wrong & (right == source)] = target
        return given

    return change


def instance_dependent(share: float, classes: int) -> Noise:
    """Wrong labels that depend on the input: part-dependent noise (Xia et al., 2020, algorithm 2).

    Each row's rate is drawn around `share`; a random projection of its input, one for each right class, says which
    wrong classes are likely.
    """

    def change(inputs: torch.Tensor, right: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        flat = inputs.flatten(1).float()
        rates = (share + 0.1 * torch.randn(len(right), generator=generator)).clamp(0, 1)
        given = right.clone()
        for of in range(classes):
            rows = (right == of).nonzero().squeeze(1)
            projection = torch.randn(flat.shape[1], classes, generator=generator) / flat.shape[1] ** 0.5
            scores = flat[rows] @ projection
            scores[:, of] = -torch.inf
            chances = scores.softmax(1) * rates[rows, None]
            chances[:, of] = 1 - rates[rows]
            given[rows] = torch.multinomial(chances, 1, generator=generator).squeeze(1)
        return given

    return change


def subclass(share: float, groups: int, classes: int) -> Noise:
    """Wrong labels that dominate a subclass of each class (Bai et al., 2023): its rows get one other class.

    A subclass is a cell of a random projection of the input; `share` of the rows are changed.
    """

    def change(inputs: torch.Tensor, right: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        flat = inputs.flatten(1).float()
        given = right.clone()
        for of in range(classes):
            rows = (right == of).nonzero().squeeze(1)
            centres = flat[rows[torch.randperm(len(rows), generator=generator)[:groups]]]
            cell = torch.cdist(flat[rows], centres).argmin(1)
            sizes = torch.bincount(cell, minlength=groups)
            changed, taken = [], 0
            for number in sizes.argsort().tolist():
                if taken + int(sizes[number]) <= share * len(rows) * 1.2:
                    changed.append(number)
                    taken += int(sizes[number])
            hit = torch.isin(cell, torch.tensor(changed))
            given[rows[hit]] = (of + 1) % classes
        return given

    return change


def entirely_random(classes: int) -> Noise:
    """Draws every label without regard to the input (Zhang et al., 2017)."""
    return lambda inputs, right, generator: torch.randint(0, classes, (len(right),), generator=generator)


#: CIFAR-10's customary pairs: truck, bird, deer, cat and dog turn into what they look like.
CIFAR_PAIRS = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
#: Fashion-MNIST's: shirts, T-shirts, pullovers, coats, sneakers and sandals.
FASHION_PAIRS = {6: 0, 0: 6, 2: 4, 4: 2, 5: 7, 7: 5}
