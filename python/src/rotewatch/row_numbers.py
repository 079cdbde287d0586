"""What the network says of single rows (examples): one number for each, without the scores that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch


@dataclass(frozen=True)
class RowNumbers:
    """Tensors of ``[rows]`` on one device; ``None`` for a number that is not known."""

    #: The loss by the given label, float32.
    losses: torch.Tensor | None = None
    #: 1 where the predicted class is not the given one, else 0; the share of such positions of a sequence. float32.
    errors: torch.Tensor | None = None
    #: The predicted class, int64; the class at the last position of a sequence.
    predictions: torch.Tensor | None = None
    #: The largest predicted probability, float32; the mean over the positions of a sequence.
    confidence: torch.Tensor | None = None
    #: The entropy of the predicted distribution in nats, float32; the mean over the positions of a sequence.
    entropy: torch.Tensor | None = None

    @property
    def known(self) -> dict[str, torch.Tensor]:
        """The known numbers by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def named(self) -> dict[str, torch.Tensor]:
        """The known numbers by the names of the protocol, such as ``row:losses``."""
        return {f"row:{name}": number for name, number in self.known.items()}

    @property
    def rows(self) -> int:
        """The number of rows, or 0 if nothing is known."""
        return next(map(len, self.known.values()), 0)

    def mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> RowNumbers:
        """Returns the numbers with ``change`` applied to each tensor."""
        return RowNumbers(**{name: change(number) for name, number in self.known.items()})

    def only(self, names: set[str]) -> RowNumbers:
        """Returns the numbers of these names."""
        return RowNumbers(**{name: number for name, number in self.known.items() if name in names})


def known_in_all(parts: Sequence[RowNumbers]) -> set[str]:
    """Returns the names of the numbers that every part has."""
    return set.intersection(*(set(part.known) for part in parts)) if parts else set()
