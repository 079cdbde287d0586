"""Splits a data set into rows to train on and rows to hold out."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch.utils.data import Dataset, Subset

from .reduction import seeded

Example = TypeVar("Example")


def hold_out(dataset: Dataset[Example], rows: int = 1000, seed: int = 0) -> tuple[Subset[Example], Subset[Example]]:
    """Splits a data set into ``(train, held_out)``: two disjoint subsets, the second with ``rows`` examples.

        train_set, unseen = rotewatch.hold_out(train_set, 1000)

    The held-out rows have the same kind of labels as the rest, with the same share of wrong ones, so that the losses of
    both can be compared. The same ``seed`` holds out the same rows; the order of the data set stays. Uses no random
    number of the training.

    Raises:
        ValueError: if the data set has no length, or fewer than twice ``rows`` examples.
    """
    sized: Any = dataset
    try:
        length = len(sized)
    except (TypeError, NotImplementedError):
        raise ValueError(
            f"hold_out: {type(dataset).__name__} has no length; split its source yourself and pass one part as probe="
        ) from None
    if rows < 1:
        raise ValueError(f"hold_out: rows is {rows}; hold out at least 1 example, 1000 for a reliable verdict")
    if length < 2 * rows:
        raise ValueError(
            f"hold_out: the data set has {length} examples, fewer than twice the {rows} to hold out; "
            f"pass rows={length // 2} or fewer, or more data"
        )
    order = torch.randperm(length, generator=seeded(seed, "hold_out"))
    held_out, train = order[:rows].sort().values.tolist(), order[rows:].sort().values.tolist()
    return Subset(dataset, train), Subset(dataset, held_out)
