"""A fixed set of unlabelled examples that goes through the network at the end of each epoch."""

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
    """Copies of the batches as they were at the start, on their original device."""

    def __init__(self, batches: list[Any], forward: Forward) -> None:
        self._batches = batches
        self._forward = forward
        #: Identifies the examples: SHA-256 in hexadecimal digits.
        self.digest = digest(batches)

    @classmethod
    def of(cls, source: Any, *, rows: int, forward: Forward | None, notices: Notices) -> Probe:
        """Keeps the first ``rows`` examples of a batch or of a loader of batches.

        A batch is a tensor, a mapping, or a tuple or list that starts with a tensor; any other iterable is a loader.
        Uses no random number of the training and starts no worker process.

        # Errors
        :class:`TypeError` or :class:`ValueError` if ``source`` holds no example.
        """
        if isinstance(source, DataLoader) and isinstance(source.sampler, RandomSampler):
            notices.once(
                "shuffles",
                "the probe's loader shuffles: this run keeps the first examples for every epoch, but another training "
                "may get different ones; use shuffle=False to make runs comparable",
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
            raise ValueError("probe: it holds no example; pass a batch or a loader with at least one row")
        return cls(batches, forward or call)

    @property
    def rows(self) -> int:
        """The number of examples."""
        return sum(map(rows_in, self._batches))

    def frames(self, observer: Observer, rank: int = 0, ranks: int = 1) -> list[tuple[int, Frame]]:
        """Passes every ``ranks``-th batch, starting with number ``rank``, through the network.

        Returns each frame with the index of its batch. Every rank makes the same number of passes, because the parts of
        a sharded network wait for one another; results of surplus passes are discarded.
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
        # A copy without workers: the loader's own workers may persist between epochs and have random states.
        source = copy.copy(source)
        source.num_workers, source.timeout = 0, 0
    if not isinstance(source, Iterable):
        raise TypeError(f"probe: {type(source).__name__} is neither a batch nor a loader; pass a tensor or a loader")
    return iter(source)


def _is_batch(source: Any) -> bool:
    if isinstance(source, (torch.Tensor, Mapping)) or is_array(source):
        return True
    return isinstance(source, (tuple, list)) and bool(source) and _is_leaf(source[0])


def _is_leaf(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or is_array(value)


def _head(batch: Any, wanted: int) -> Any:
    """Returns at most ``wanted`` examples of a batch; tensors without an example dimension stay unchanged."""
    rows = rows_in(batch)
    return mapped(batch, lambda tensor: tensor[:wanted] if tensor.dim() > 0 and tensor.shape[0] == rows else tensor)


def _generators(source: Any) -> list[torch.Generator]:
    """Returns the generators that advance when the loader is iterated."""
    if not isinstance(source, DataLoader):
        return []
    owners = (source, source.sampler, source.batch_sampler, getattr(source.batch_sampler, "sampler", None))
    found = [getattr(owner, "generator", None) for owner in owners]
    return list({id(generator): generator for generator in found if isinstance(generator, torch.Generator)}.values())
