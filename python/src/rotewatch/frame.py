"""A frame: the activations of the same rows (examples) in every watched layer, and numbers of each row."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from .row_numbers import RowNumbers, known_in_all

_WIRE_TYPES = (torch.float32, torch.float16, torch.bfloat16)
_WIRE_NAMES = {torch.int64: "I64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


@dataclass(frozen=True)
class Frame:
    """Rows x neurons of every layer, row-aligned, in forward order of the layers.

    Rows of the training set have numbers alone, without layers.
    """

    #: Layer name to ``[rows, neurons]``; float32, float16 or bfloat16.
    layers: dict[str, torch.Tensor]
    #: Losses, predicted classes and other numbers of each row.
    numbers: RowNumbers = field(default_factory=RowNumbers)
    #: Waits until copies from an accelerator have arrived; ``None`` if there is nothing to wait for.
    arrived: Callable[[], None] | None = field(default=None, compare=False)

    @property
    def rows(self) -> int:
        """The number of examples."""
        return next((len(layer) for layer in self.layers.values()), self.numbers.rows)

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """Every tensor by its name in the protocol."""
        return {**self.layers, **self.numbers.named}

    @property
    def nbytes(self) -> int:
        """The size of all tensors in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())

    def without(self, names: set[str]) -> Frame:
        """Returns the same rows without these layers."""
        return replace(self, layers={name: layer for name, layer in self.layers.items() if name not in names})

    def on_host(self) -> Frame:
        """Returns a copy in main memory that later computations cannot change.

        A copy from a CUDA device goes through pinned memory and is only started here; ``arrived`` waits for it.
        """
        events: list[torch.cuda.Event] = []

        def copied(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
            tensor = tensor.detach().to(dtype).contiguous()
            if tensor.device.type != "cuda":
                return tensor.to("cpu")
            pinned = torch.empty(tensor.shape, dtype=dtype, pin_memory=True)
            pinned.copy_(tensor, non_blocking=True)
            return pinned

        layers = {
            name: copied(layer, layer.dtype if layer.dtype in _WIRE_TYPES else torch.float32)
            for name, layer in self.layers.items()
        }
        numbers = self.numbers.mapped(lambda number: copied(number, number.dtype))
        for device in {tensor.device for tensor in self.tensors.values() if tensor.device.type == "cuda"}:
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(device))
            events.append(event)

        def arrived() -> None:
            for event in events:
                event.synchronize()

        return Frame(layers, numbers, arrived if events else None)

    def as_float32(self) -> Frame:
        """Returns the frame as float32 after its copies have arrived; ranks exchange frames in this form."""
        if self.arrived is not None:
            self.arrived()
        return Frame({name: layer.float() for name, layer in self.layers.items()}, self.numbers)

    def split(self, bytes_at_most: int) -> Iterator[Frame]:
        """Splits the rows into frames of at most ``bytes_at_most`` each; one row is never split."""
        rows = self.rows
        rows_each = max(1, rows * bytes_at_most // max(1, self.nbytes))
        for start in range(0, rows, rows_each):
            part = slice(start, start + rows_each)
            yield replace(
                self,
                layers={name: layer[part] for name, layer in self.layers.items()},
                numbers=self.numbers.mapped(partial(_rows, part)),
            )


def _rows(part: slice, tensor: torch.Tensor) -> torch.Tensor:
    return tensor[part]


def joined(frames: Sequence[Frame]) -> tuple[list[Frame], dict[str, str]]:
    """Makes the frames of an epoch alike so that they can be joined; also returns the layers left out and why.

    A number of the rows that one of the frames lacks is left out of all.
    """
    left_out: dict[str, str] = {}
    mixed: set[str] = set()
    names = list(dict.fromkeys(name for frame in frames for name in frame.layers))
    for name in names:
        parts = [frame.layers[name] for frame in frames if name in frame.layers]
        widths = sorted({part.shape[1] for part in parts})
        if len(parts) < len(frames):
            left_out[name] = f"it has usable outputs in {len(parts)} of {len(frames)} batches only"
        elif len(widths) > 1:
            left_out[name] = f"its number of neurons differs between batches: {widths}"
        elif len({part.dtype for part in parts}) > 1:
            mixed.add(name)
    known = known_in_all([frame.numbers for frame in frames])

    def alike(frame: Frame) -> Frame:
        layers = frame.without(set(left_out)).layers
        if mixed and frame.arrived is not None:
            frame.arrived()  # before anything is converted
        return replace(
            frame,
            layers={name: layer.float() if name in mixed else layer for name, layer in layers.items()},
            numbers=frame.numbers.only(known),
        )

    return [alike(frame) for frame in frames], left_out


def packed(frames: Sequence[Frame], bytes_at_most: int) -> Iterator[list[Frame]]:
    """The same rows in groups, none of which is larger than ``bytes_at_most`` unless a single row is."""
    group: list[Frame] = []
    for frame in frames:
        for part in frame.split(bytes_at_most):
            if group and sum(each.nbytes for each in group) + part.nbytes > bytes_at_most:
                yield group
                group = []
            group.append(part)
    if group:
        yield group


def document(frames: Sequence[Frame]) -> list[memoryview]:
    """Returns the frames as one safetensors document, in pieces that share the memory of the frames.

    The frames must be alike, as returned by :func:`joined`. The safetensors library would copy every number three
    times and hold the interpreter lock meanwhile.
    """
    for frame in frames:
        if frame.arrived is not None:
            frame.arrived()
    named = [frame.tensors for frame in frames]
    tensors = {name: [tensors[name].contiguous() for tensors in named] for name in named[0]}
    # Tensors with the widest numbers come first, so that all are aligned.
    placed = sorted(tensors.items(), key=lambda named: -named[1][0].element_size())
    header, end = {}, 0
    for name, parts in placed:
        begin, end = end, end + sum(part.nbytes for part in parts)
        header[name] = {
            "dtype": _WIRE_NAMES[parts[0].dtype],
            "shape": [sum(map(len, parts)), *parts[0].shape[1:]],
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    numbers = [_memory(part) for _, parts in placed for part in parts]
    return [memoryview(len(text).to_bytes(8, "little") + text), *numbers]


def _memory(tensor: torch.Tensor) -> memoryview:
    """Returns the bytes of a contiguous tensor in main memory; the view keeps the tensor alive."""
    numbers = (ctypes.c_char * tensor.nbytes).from_address(tensor.data_ptr())
    numbers.tensor = tensor  # type: ignore[attr-defined]
    return memoryview(numbers).cast("B")
