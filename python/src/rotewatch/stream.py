"""Samples rows of the training batches: the layer outputs of every N-th training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .batch import mapped, rows_in
from .capture import Capture
from .frame import Frame
from .isolation import isolated
from .notices import Notices
from .observer import Observer
from .reduction import seeded
from .selection import runs_compiled


class Stream:
    """Hooks on the network; hooks on its layers exist only during a sampled step.

    A compiled network, or one replicated in threads, does not call hooks on its layers. Its sampled rows go through the
    uncompiled network a second time, in evaluation mode and without gradients.
    """

    def __init__(
        self,
        model: nn.Module,
        observer: Observer,
        notices: Notices,
        *,
        every: int,
        rows: int,
        deliver: Callable[[Frame], None],
    ) -> None:
        self._observer = observer
        self._notices = notices
        self._every = every
        self._rows_per_epoch = rows
        self._deliver = deliver
        self._replays = runs_compiled(model)
        self._epoch = 1
        self._step = 0
        self._rows_left = rows
        self._open: Capture | None = None
        self._chosen: torch.Tensor | None = None
        self._sampled = False
        before, after = self._before, self._after
        if getattr(model, "_compiled_call_impl", None) is not None:
            # ``model.compile()`` would compile these hooks too.
            before, after = torch.compiler.disable(before), torch.compiler.disable(after)
        self._handles = [
            model.register_forward_pre_hook(before, with_kwargs=True),
            model.register_forward_hook(after, with_kwargs=True),
        ]

    def next_epoch(self, epoch: int) -> None:
        """Assigns the following steps to ``epoch``."""
        self._epoch, self._step, self._rows_left = epoch, 0, self._rows_per_epoch

    def close(self) -> None:
        """Removes every hook."""
        self._abandon()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _before(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.compiler.is_compiling() or not model.training or not torch.is_grad_enabled():
            return
        step, self._step = self._step, self._step + 1
        if step % self._every or self._rows_left <= 0:
            return
        try:
            self._abandon()  # left open by a step that raised
            rows = rows_in((args, kwargs))
            taken = min(rows, self._rows_left)
            if taken == 0:
                return
            self._rows_left -= taken
            self._sampled = True
            self._chosen = None
            if taken < rows:
                order = torch.randperm(rows, generator=seeded(self._observer.seed, "rows", self._epoch, step))
                self._chosen = order[:taken].sort().values
            if not self._replays:
                self._open = self._observer.capture(rows, self._epoch, step, chosen=self._chosen)
                self._open.__enter__()
        except Exception as error:
            self._failed(error)

    def _after(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if torch.compiler.is_compiling() or not self._sampled:
            return
        self._sampled = False
        try:
            if self._replays:
                frame = self._replayed(args, kwargs)
            else:
                capture, self._open = self._open, None
                if capture is None:
                    return
                capture.close()
                with torch.no_grad():
                    frame = self._observer.frame(capture, output)
            if frame.layers:
                self._deliver(frame.on_host())
        except Exception as error:
            self._failed(error)

    def _replayed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Frame:
        rows = rows_in((args, kwargs))
        chosen = self._chosen

        def of_rows(tensor: torch.Tensor) -> torch.Tensor:
            if chosen is None or tensor.dim() == 0 or tensor.shape[0] != rows:
                return tensor.detach()
            return tensor.detach().index_select(0, chosen.to(tensor.device, non_blocking=True))

        args, kwargs = mapped(args, of_rows), mapped(kwargs, of_rows)
        with isolated(self._observer.network):
            with self._observer.capture(rows_in((args, kwargs)), self._epoch, self._step) as capture:
                output = self._observer.network(*args, **kwargs)
            return self._observer.frame(capture, output)

    def _abandon(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _failed(self, error: Exception) -> None:
        self._abandon()
        self._sampled = False
        self._notices.once(
            "stream", f"could not sample a training step, it is skipped: {type(error).__name__}: {error}"
        )
