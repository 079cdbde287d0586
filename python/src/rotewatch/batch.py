"""Batches of a data loader: nested tensors whose first dimension is the example."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

#: Entries of a mapping that are not passed to the network.
_LABELS = ("labels", "label", "label_ids")

Forward = Callable[[nn.Module, Any], Any]


def mapped(batch: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Returns the same nesting with ``change`` applied to every tensor (or NumPy array)."""
    if isinstance(batch, torch.Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {key: mapped(value, change) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(mapped(value, change) for value in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(mapped(value, change) for value in batch)
    if is_array(batch):
        return change(torch.as_tensor(batch))
    return batch


def tensors(batch: Any) -> Iterator[torch.Tensor]:
    """Yields every tensor in the batch, in order."""
    if isinstance(batch, torch.Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for value in batch.values():
            yield from tensors(value)
    elif isinstance(batch, (tuple, list)):
        for value in batch:
            yield from tensors(value)


def is_array(value: object) -> bool:
    """Returns whether ``value`` is a NumPy array or converts to one."""
    return hasattr(value, "__array__") and hasattr(value, "shape")


def rows_in(batch: Any) -> int:
    """Returns the number of examples: the first dimension of the first tensor that has one, or 0."""
    return next((tensor.shape[0] for tensor in tensors(batch) if tensor.dim() > 0), 0)


def inputs_of(batch: Any) -> Any:
    """Returns the batch without its labels, as the network is called with it.

    For a tuple or list, the first entry; for a mapping, everything except ``labels``, ``label`` and ``label_ids``.
    """
    if isinstance(batch, Mapping):
        return {key: value for key, value in batch.items() if key not in _LABELS}
    if isinstance(batch, (tuple, list)) and batch:
        return batch[0]
    return batch


def labels_of(batch: Any) -> Any:
    """Returns the labels of a batch, or ``None`` if it has none.

    For a tuple or list, the second entry; for a mapping, the first of ``labels``, ``label`` and ``label_ids``.
    """
    if isinstance(batch, Mapping):
        return next((batch[key] for key in _LABELS if key in batch), None)
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        return batch[1]
    return None


def call(network: nn.Module, inputs: Any) -> Any:
    """Calls the network: a mapping becomes keyword arguments, a tuple positional ones, a tensor the only argument."""
    if isinstance(inputs, Mapping):
        return network(**inputs)
    if isinstance(inputs, tuple):
        return network(*inputs)
    return network(inputs)


def digest(batches: list[Any]) -> str:
    """Returns the SHA-256 of every tensor's type, shape and bytes; equal digests mean the same probe."""
    state = hashlib.sha256()
    for batch in batches:
        for tensor in tensors(batch):
            state.update(save({"tensor": tensor.detach().cpu().contiguous()}))
    return state.hexdigest()
