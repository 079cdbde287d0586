"""A frame: the activations of the same rows (examples) in every watched layer."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch

from .naming import PREDICTIONS

_WIRE_TYPES = (torch.float32, torch.float16, torch.bfloat16)
_WIRE_NAMES = {torch.int64: "I64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


@dataclass(frozen=True)
class Frame:
    """Rows x neurons of every layer, row-aligned, in the order in which the layers gave their outputs."""

    #: Layer name to ``[rows, neurons]``; float32, float16 or bfloat16.
    layers: dict[str, torch.Tensor]
    #: The predicted class of every row, int64 ``[rows]``.
    predictions: torch.Tensor | None = None
    #: Waits until copies from an accelerator have arrived; nothing to wait for otherwise.
    arrived: Callable[[], None] | None = field(default=None, compare=False)

    @property
    def rows(self) -> int:
        """How many examples."""
        return next((len(layer) for layer in self.layers.values()), 0)

    @property
    def nbytes(self) -> int:
        """The size of the numbers."""
        tensors = [*self.layers.values(), *([] if self.predictions is None else [self.predictions])]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def without(self, names: set[str]) -> Frame:
        """The same rows, fewer layers."""
        return replace(self, layers={name: layer for name, layer in self.layers.items() if name not in names})

    def on_host(self) -> Frame:
        """A copy in main memory that no later computation can change.

        From a CUDA device the copy goes through pinned memory and is only started here; ``arrived`` waits for it.
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
        predictions = None if self.predictions is None else copied(self.predictions, torch.int64)
        for device in {layer.device for layer in self.layers.values() if layer.device.type == "cuda"}:
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(device))
            events.append(event)

        def arrived() -> None:
            for event in events:
                event.synchronize()

        return Frame(layers, predictions, arrived if events else None)

    def as_float32(self) -> Frame:
        """The same numbers as float32, arrived: what one rank hands to another."""
        if self.arrived is not None:
            self.arrived()
        return Frame({name: layer.float() for name, layer in self.layers.items()}, self.predictions)

    def split(self, bytes_at_most: int) -> Iterator[Frame]:
        """The rows in several frames, none of which is larger than ``bytes_at_most`` unless a single row is."""
        rows = self.rows
        rows_each = max(1, rows * bytes_at_most // max(1, self.nbytes))
        for start in range(0, rows, rows_each):
            part = slice(start, start + rows_each)
            yield replace(
                self,
                layers={name: layer[part] for name, layer in self.layers.items()},
                predictions=None if self.predictions is None else self.predictions[part],
            )

    def document(self) -> list[memoryview]:
        """The safetensors document of the wire and the inbox, in pieces that share the frame's memory.

        The format's own library would copy every number three times, and hold Python's lock meanwhile.
        """
        if self.arrived is not None:
            self.arrived()
        tensors = {name: layer.contiguous() for name, layer in self.layers.items()}
        if self.predictions is not None:
            tensors[PREDICTIONS] = self.predictions.contiguous()
        # The widest numbers first, so that all of them are aligned.
        placed = sorted(tensors.items(), key=lambda named: -named[1].element_size())
        header, end = {}, 0
        for name, tensor in placed:
            begin, end = end, end + tensor.nbytes
            header[name] = {
                "dtype": _WIRE_NAMES[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [begin, end],
            }
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        return [memoryview(len(text).to_bytes(8, "little") + text), *(_memory(tensor) for _, tensor in placed)]


def _memory(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous tensor in main memory; they live as long as the view."""
    numbers = (ctypes.c_char * tensor.nbytes).from_address(tensor.data_ptr())
    numbers.tensor = tensor  # type: ignore[attr-defined]
    return memoryview(numbers).cast("B")


def joined(frames: Sequence[Frame]) -> tuple[Frame, dict[str, str]]:
    """The rows of several frames as one, in their order, and the layers that had to be left out, with the reason."""
    left_out: dict[str, str] = {}
    layers: dict[str, torch.Tensor] = {}
    names = list(dict.fromkeys(name for frame in frames for name in frame.layers))
    for name in names:
        parts = [frame.layers[name] for frame in frames if name in frame.layers]
        widths = sorted({part.shape[1] for part in parts})
        if len(parts) < len(frames):
            left_out[name] = f"it gave outputs for {len(parts)} of {len(frames)} batches"
        elif len(widths) > 1:
            left_out[name] = f"its width differs from batch to batch: {widths}"
        else:
            layers[name] = parts[0] if len(parts) == 1 else torch.cat(parts)
    predictions = [frame.predictions for frame in frames if frame.predictions is not None]
    whole = bool(frames) and len(predictions) == len(frames)

    def arrived() -> None:
        for frame in frames:
            if frame.arrived is not None:
                frame.arrived()

    if any(frame.arrived is not None for frame in frames) and len(frames) > 1:
        # torch.cat reads what it joins.
        arrived()
    waits = arrived if len(frames) == 1 and frames[0].arrived is not None else None
    return Frame(layers, torch.cat(predictions) if whole else None, waits), left_out
