"""A fixed set of unlabelled examples, passed through the network at the end of each epoch."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler

from .batch import Forward, call, digest, inputs_of, is_array, mapped, rows_in
from .frame import Frame
from .isolation import isolated, unmoved_generators
from .notices import Notices
from .observer import Observer
from .selection import device_of


class Probe:
    """The batches, kept as they were first given out, in main memory or wherever they were."""

    def __init__(self, batches: list[Any], forward: Forward) -> None:
        self._batches = batches
        self._forward = forward
        #: Which examples these are: SHA-256 in hexadecimal digits.
        self.digest = digest(batches)

    @classmethod
    def of(cls, source: Any, *, rows: int, forward: Forward | None, notices: Notices) -> Probe:
        """Keeps the first ``rows`` examples of a batch or of a loader of batches.

        A batch is a tensor, a mapping, or a tuple or list that starts with one; anything else that can be iterated is
        a loader. No random number of the training is drawn, no worker process started.

        # Errors
        :class:`TypeError` or :class:`ValueError` where no example can be had from ``source``.
        """
        if isinstance(source, DataLoader) and isinstance(source.sampler, RandomSampler):
            notices.once(
                "shuffles",
                "the probe's loader shuffles: the examples that it gives now are kept for every epoch, but another "
                "training may get others; shuffle=False makes trainings comparable",
            )
        batches = []
        wanted = rows
        with unmoved_generators(*_generators(source)):
            for batch in _batches(source):
                inputs = mapped(batch if forward is not None else inputs_of(batch), torch.Tensor.detach)
                found = rows_in(inputs)
                if found:
                    batches.append(mapped(_head(inputs, wanted), torch.Tensor.clone))
                wanted -= found
                if wanted <= 0:
                    break
        if not batches:
            raise ValueError("probe: there is no example in it")
        return cls(batches, forward or call)

    @property
    def rows(self) -> int:
        """How many examples."""
        return sum(map(rows_in, self._batches))

    def frames(self, observer: Observer, rank: int = 0, ranks: int = 1) -> list[tuple[int, Frame]]:
        """Passes every ``ranks``-th batch, from the ``rank``-th on, through the network.

        Every rank makes the same number of passes, because the parts of a sharded network wait for one another; what a
        rank passes beyond its own batches is thrown away. The frames come with their batches' places.
        """
        device = device_of(observer.network)
        frames = []
        with isolated(observer.network):
            for place in range(rank, -(-len(self._batches) // ranks) * ranks, ranks):
                surplus = place >= len(self._batches)
                batch = mapped(self._batches[-1 if surplus else place], lambda t: t.to(device, non_blocking=True))
                with observer.capture(rows_in(batch), "batch", place) as capture:
                    output = self._forward(observer.network, batch)
                frame = observer.frame(capture, output)
                if not surplus and frame.layers:
                    frames.append((place, frame.on_host()))
        return frames


def _batches(source: Any) -> Iterator[Any]:
    if _is_batch(source):
        return iter([source])
    if isinstance(source, DataLoader):
        # A copy without workers: the loader's own may live on from epoch to epoch, and have random states.
        source = copy.copy(source)
        source.num_workers, source.timeout = 0, 0
    if not isinstance(source, Iterable):
        raise TypeError(f"probe: a {type(source).__name__} is neither a batch nor a loader of batches")
    return iter(source)


def _is_batch(source: Any) -> bool:
    if isinstance(source, (torch.Tensor, Mapping)) or is_array(source):
        return True
    return isinstance(source, (tuple, list)) and bool(source) and _is_leaf(source[0])


def _is_leaf(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or is_array(value)


def _head(batch: Any, wanted: int) -> Any:
    """At most ``wanted`` examples of a batch; what has no example dimension stays as it is."""
    rows = rows_in(batch)
    return mapped(batch, lambda tensor: tensor[:wanted] if tensor.dim() > 0 and tensor.shape[0] == rows else tensor)


def _generators(source: Any) -> list[torch.Generator]:
    """The generators that iterating a loader would move."""
    if not isinstance(source, DataLoader):
        return []
    owners = (source, source.sampler, source.batch_sampler, getattr(source.batch_sampler, "sampler", None))
    found = [getattr(owner, "generator", None) for owner in owners]
    return list({id(generator): generator for generator in found if isinstance(generator, torch.Generator)}.values())
