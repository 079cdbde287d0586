"""Converts any layer output to rows x neurons."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import nn

Reduce = Literal["mean", "max", "sample", "last"]
REDUCTIONS: tuple[str, ...] = get_args(Reduce)


class UnusableOutputError(Exception):
    """A layer's output cannot be converted to rows x neurons; the text says why."""


def seeded(*parts: object) -> torch.Generator:
    """Returns a generator seeded by ``parts``: the same one in every process and every epoch."""
    return torch.Generator().manual_seed(zlib.crc32("/".join(map(str, parts)).encode()))


def first_tensor(output: object) -> torch.Tensor | None:
    """Returns the first tensor in a tensor, a tuple, a mapping or a Hugging Face ``ModelOutput``: the activations.

    Attention and recurrent modules return tuples that start with their outputs.
    """
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        named = [output[key] for key in ("last_hidden_state", "hidden_states") if key in output]
        return next(
            (tensor for value in [*named, *output.values()] if (tensor := first_tensor(value)) is not None), None
        )
    if isinstance(output, (tuple, list)):
        return next((tensor for value in output if (tensor := first_tensor(value)) is not None), None)
    return None


def rows_by_neurons(
    output: object,
    module: nn.Module,
    *,
    rows: int,
    reduce: str,
    seed: tuple[object, ...],
    chosen: torch.Tensor | None = None,
) -> torch.Tensor:
    """Returns a copy of the output as ``[rows, neurons]``, on the same device.

    # Shape
    ``output`` is ``[rows, neurons]``, a sequence ``[rows, positions, neurons]`` (``[positions, rows, neurons]`` if the
    module is not ``batch_first``), or feature maps ``[rows, channels, height, width]``; ``rows`` is the number of
    examples in the batch. ``chosen`` is an index tensor that selects rows.

    # Reduction
    ``mean``, ``max`` and ``last`` apply over the positions of a row. ``sample`` takes one position of each row, chosen
    by ``seed``, so that rows stay aligned with those of other layers.

    # Errors
    :class:`UnusableOutputError`; its text says what was found and what is expected.
    """
    tensor = first_tensor(output)
    if tensor is None:
        raise UnusableOutputError(
            f"its output is a {type(output).__name__} without a tensor; expected [rows, neurons] or more"
        )
    if not tensor.is_floating_point():
        raise UnusableOutputError(f"its output is {tensor.dtype}; expected floating-point activations")
    if tensor.dim() < 2:
        raise UnusableOutputError(f"its output has shape {list(tensor.shape)}; expected [rows, neurons] or more")
    tensor = tensor.detach()
    if tensor.dim() == 3 and not _rows_first(tensor, module, rows):
        tensor = tensor.transpose(0, 1)
    if tensor.shape[0] != rows:
        raise UnusableOutputError(
            f"its output has shape {list(tensor.shape)}; expected one row for each of the {rows} examples"
        )
    if chosen is not None:
        tensor = tensor.index_select(0, chosen.to(tensor.device, non_blocking=True))
    if tensor.dim() == 2:
        # In-place activation functions overwrite the output of the layer.
        return tensor if chosen is not None else tensor.clone()
    positions = _positions_in_the_middle(tensor, module)
    if positions.shape[1] == 0:
        raise UnusableOutputError("its output has no positions; expected at least one")
    if reduce == "mean":
        return positions.mean(dim=1)
    if reduce == "max":
        return positions.amax(dim=1)
    if reduce == "last":
        return positions[:, -1].clone()
    picked = torch.rand(len(positions), generator=seeded(*seed)) * positions.shape[1]
    index = picked.long().clamp_(max=positions.shape[1] - 1).to(positions.device)
    return positions.gather(1, index.view(-1, 1, 1).expand(-1, 1, positions.shape[2])).squeeze(1)


def _rows_first(tensor: torch.Tensor, module: nn.Module, rows: int) -> bool:
    if tensor.shape[0] != rows or tensor.shape[1] != rows:
        return tensor.shape[0] == rows or tensor.shape[1] != rows
    return bool(getattr(module, "batch_first", True))


def _positions_in_the_middle(tensor: torch.Tensor, module: nn.Module) -> torch.Tensor:
    """Converts three or more dimensions to ``[rows, positions, neurons]``."""
    if _channels_first(tensor, module):
        return tensor.flatten(2).transpose(1, 2)
    return tensor.flatten(1, -2)


def _channels_first(tensor: torch.Tensor, module: nn.Module) -> bool:
    layout = getattr(module, "data_format", None)  # Keras layers state their layout
    if layout in ("channels_first", "channels_last"):
        return bool(layout == "channels_first")
    if isinstance(module, nn.modules.conv._ConvNd):
        return True
    if isinstance(module, (nn.Linear, nn.MultiheadAttention, nn.LayerNorm, nn.Embedding)):
        return False
    return tensor.dim() > 3
