"""Several processes that train one network. Rows are gathered on rank 0, the only one that talks to the daemon."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.distributed as dist

Value = TypeVar("Value")


class Ranks:
    """The processes of ``torch.distributed``, or this process alone.

    Rows and answers are exchanged over a separate gloo group on the CPU, which does not disturb the training's
    collectives or devices. Creating it is a collective operation: every rank must call :func:`rotewatch.watch`.
    """

    def __init__(self) -> None:
        distributed = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self.rank = dist.get_rank() if distributed else 0
        self.size = dist.get_world_size() if distributed else 1
        self._group = dist.new_group(backend="gloo") if distributed else None

    @property
    def first(self) -> bool:
        """Whether this is the rank that talks to the daemon."""
        return self.rank == 0

    def gathered(self, value: Value) -> list[Value] | None:
        """Returns the values of all ranks in rank order on rank 0, and ``None`` on the others."""
        if self._group is None:
            return [value]
        values: list[Any] | None = [None] * self.size if self.first else None
        dist.gather_object(value, values, dst=0, group=self._group)
        return values

    def everywhere(self, value: Value) -> list[Value]:
        """Returns the values of all ranks in rank order, on every rank."""
        if self._group is None:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._group)
        return values

    def from_first(self, value: Value) -> Value:
        """Returns rank 0's value on every rank."""
        if self._group is None:
            return value
        values: list[Any] = [value]
        dist.broadcast_object_list(values, src=0, group=self._group)
        return values[0]  # type: ignore[no-any-return]

    def any(self, flag: bool) -> bool:
        """Returns whether the flag is set on any rank; all ranks get the same answer."""
        if self._group is None:
            return flag
        raised = torch.tensor(int(flag))
        dist.all_reduce(raised, op=dist.ReduceOp.MAX, group=self._group)
        return bool(raised.item())
