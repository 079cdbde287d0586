"""Reads a fixed set of rows (examples) from a batch, a loader or a data set, without moving any random state."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
)

from .batch import is_array, mapped, rows_in
from .isolation import unmoved_generators
from .notices import Notices
from .reduction import seeded

#: Examples in a batch of a bare data set.
_BATCH_SIZE = 256
#: Samplers that draw from the whole data set.
_OF_ALL = (SequentialSampler, RandomSampler, WeightedRandomSampler, DistributedSampler)


def kept_batches(source: Any, *, rows: int, seed: int, notices: Notices, name: str = "probe") -> list[Any]:
    """Returns copies of batches with ``rows`` examples in all, or with all examples if there are fewer.

    From a map-style data set, and from a loader of one, the examples are chosen by ``seed`` from all that the loader
    would draw; from other loaders the first ones are kept. Starts no worker process.

    # What is a batch
    A tensor or array, a mapping, and a tuple that starts with a tensor are one batch. So is a list that starts with a
    tensor, ``[inputs, labels]``, except a list of batches: two or more floating-point tensors that differ in their
    number of rows at most. A pair whose second tensor is integer, boolean or of another shape is inputs and labels; a
    pair of the same shape is labelled as a tuple, and is two batches as a list. Anything else is a loader.

    # Errors
    :class:`TypeError` or :class:`ValueError` if ``source`` holds no example.
    """
    kept: list[Any] = []
    wanted = rows
    with unmoved_generators(*_generators(source)):
        for batch in _batches(source, rows, seed, notices, name):
            detached = mapped(batch, torch.Tensor.detach)
            found = rows_in(detached)
            if found:
                kept.append(mapped(_head(detached, wanted), torch.Tensor.clone))
            wanted -= found
            if wanted <= 0:
                break
    if not kept:
        raise ValueError(f"{name}: it holds no example; pass a batch or a loader with at least one row")
    return kept


def _batches(source: Any, rows: int, seed: int, notices: Notices, name: str) -> Iterator[Any]:
    if _is_batch(source):
        return iter([source])
    if isinstance(source, DataLoader):
        places = _places(source)
        if places is not None:
            batch_size = source.batch_size or getattr(source.batch_sampler, "batch_size", None) or _BATCH_SIZE
            return _chosen(source.dataset, places, rows, seed, int(batch_size), source.collate_fn)
        if isinstance(source.sampler, RandomSampler):
            notices.once(
                f"{name} shuffles",
                f"the loader of the {name} shuffles batches: this run keeps the first ones for every epoch, but "
                "another training may get different ones; use shuffle=False to make runs comparable",
            )
        # A copy without workers: the loader's own workers may persist between epochs and have random states.
        source = copy.copy(source)
        source.num_workers, source.timeout = 0, 0
    elif _is_map_style(source):
        return _chosen(source, range(len(source)), rows, seed, _BATCH_SIZE, default_collate)
    if not isinstance(source, Iterable):
        raise TypeError(f"{name}: {type(source).__name__} is neither a batch nor a loader; pass a tensor or a loader")
    return iter(source)


def _is_map_style(source: Any) -> bool:
    whole = isinstance(source, Dataset) and not isinstance(source, IterableDataset)
    return whole and hasattr(source, "__len__") and hasattr(source, "__getitem__")


def _places(loader: DataLoader[Any]) -> Any:
    """Returns the indices of the examples that a loader draws, or ``None`` if it does not draw single examples.

    A loader may draw from a part of its data set: the rest may be what is trained on.
    """
    batch_sampler: Any = loader.batch_sampler
    if not _is_map_style(loader.dataset) or batch_sampler is None:
        return None
    size = len(loader.dataset)  # type: ignore[arg-type]
    sampler = getattr(batch_sampler, "sampler", None)
    if isinstance(sampler, _OF_ALL):
        return range(len(getattr(sampler, "data_source", range(size))))
    if isinstance(sampler, SubsetRandomSampler):
        return sorted(set(sampler.indices))
    # Copies, because samplers may count their epochs.
    if type(batch_sampler) is BatchSampler:
        draws: Iterator[Any] = iter(copy.copy(batch_sampler.sampler))
    else:
        draws = itertools.chain.from_iterable(copy.copy(batch_sampler))
    drawn: dict[Hashable, None] = dict.fromkeys(itertools.islice(draws, size))  # samplers may be endless
    return sorted(drawn) if all(isinstance(place, int) for place in drawn) else list(drawn)


def _chosen(dataset: Any, places: Any, rows: int, seed: int, batch_size: int, collate: Any) -> Iterator[Any]:
    chosen = torch.randperm(len(places), generator=seeded(seed, "rows"))[:rows].sort().values.tolist()
    for start in range(0, len(chosen), batch_size):
        yield collate([dataset[places[place]] for place in chosen[start : start + batch_size]])


def _is_batch(source: Any) -> bool:
    if _is_leaf(source) or isinstance(source, Mapping):
        return True
    if not isinstance(source, (tuple, list)) or not source or not _is_leaf(source[0]):
        return False
    return isinstance(source, tuple) or not _is_list_of_batches(source)


def _is_list_of_batches(source: list[Any]) -> bool:
    if len(source) < 2 or not all(map(_is_leaf, source)):
        return False
    parts = [torch.as_tensor(part) for part in source]
    alike = {part.shape[1:] for part in parts if part.dim() > 0 and part.is_floating_point()}
    return len(alike) == 1 and all(part.dim() > 0 and part.is_floating_point() for part in parts)


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
