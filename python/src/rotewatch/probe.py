"""A fixed set of examples that goes through the network at the end of each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from .batch import Forward, call, digest, inputs_of, labels_of, mapped, rows_in
from .frame import Frame
from .isolation import isolated
from .notices import Notices
from .observer import Observer
from .selection import device_of
from .source import kept_batches


@dataclass(frozen=True)
class Examples:
    """A batch as it goes through the network, with the labels that it had."""

    inputs: Any
    #: A tensor, another nesting of tensors, or ``None``.
    labels: Any


class Probe:
    """Copies of the batches as they were at the start, on their original device."""

    def __init__(self, batches: list[Examples], forward: Forward) -> None:
        self._batches = batches
        self._forward = forward
        #: Identifies the examples without their labels: SHA-256 in hexadecimal digits.
        self.digest = digest([batch.inputs for batch in batches])

    @classmethod
    def of(
        cls, source: Any, *, rows: int, forward: Forward | None, notices: Notices, seed: int = 0, name: str = "probe"
    ) -> Probe:
        """Keeps ``rows`` examples of a batch, a loader or a data set; see :func:`.source.kept_batches`.

        # Errors
        :class:`TypeError` or :class:`ValueError` if ``source`` holds no example.
        """
        kept = kept_batches(source, rows=rows, seed=seed, notices=notices, name=name)
        batches = [Examples(batch if forward is not None else inputs_of(batch), labels_of(batch)) for batch in kept]
        return cls(batches, forward or call)

    @property
    def rows(self) -> int:
        """The number of examples."""
        return sum(rows_in(batch.inputs) for batch in self._batches)

    @property
    def classes(self) -> set[int] | None:
        """Two of the labels' classes, or all if there are fewer; ``None`` if they are no classes."""
        found: set[int] = set()
        for batch in self._batches:
            labels = batch.labels
            if not isinstance(labels, torch.Tensor) or labels.is_floating_point():
                return None
            if labels.dim() == 0 or labels.numel() != len(labels):
                return None
            found.update(labels.unique()[:2].tolist())
        return set(sorted(found)[:2])

    def frames(
        self, observer: Observer, rank: int = 0, ranks: int = 1, *, layers: bool = True
    ) -> list[tuple[int, Frame]]:
        """Passes every ``ranks``-th batch, starting with number ``rank``, through the network.

        Returns each frame with the index of its batch. Without ``layers``, a frame holds the numbers of its rows alone.
        Every rank makes the same number of passes, because the parts of a sharded network wait for one another; results
        of surplus passes are discarded.
        """
        device = device_of(observer.network)
        frames = []
        with isolated(observer.network):
            for place in range(rank, -(-len(self._batches) // ranks) * ranks, ranks):
                surplus = place >= len(self._batches)
                batch = self._batches[-1 if surplus else place]
                inputs, labels = mapped((batch.inputs, batch.labels), lambda t: t.to(device, non_blocking=True))
                rows = rows_in(inputs)
                if layers:
                    with observer.capture(rows, "batch", place) as capture:
                        output = self._forward(observer.network, inputs)
                    frame = observer.frame(capture, output, labels)
                else:
                    frame = Frame({}, observer.numbers(self._forward(observer.network, inputs), labels, rows))
                if not surplus and frame.rows:
                    frames.append((place, frame.on_host()))
        return frames
