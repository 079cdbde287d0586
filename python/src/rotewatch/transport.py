"""How a run's messages travel, and what can become of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from .standing import Standing

#: What is recorded of an epoch; ``None`` for what is no number, such as a loss that diverged.
Metrics = dict[str, float | None]
#: A document in pieces that follow one another.
Pieces = Sequence[bytes | memoryview]
Status = Literal["finished", "failed", "stopped"]


@dataclass(frozen=True)
class Declaration:
    """The first message of every training."""

    run: str
    attempt: str
    #: In forward order.
    layers: tuple[str, ...]
    mode: Literal["probe", "stream"]
    reduce: str
    probe_digest: str | None
    framework: str

    def document(self) -> dict[str, Any]:
        """The JSON document of the wire and the inbox; the run's name is in the path."""
        document = asdict(self)
        del document["run"]
        return {**document, "layers": list(self.layers)}


class DeliveryError(Exception):
    """A message did not arrive; the text says what is known of it."""


class UnreachableError(DeliveryError):
    """Nobody is there, or the answer was cut off: worth another try for as long as there is room to wait in."""


class BusyError(DeliveryError):
    """The daemon asks to come again."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ContestedError(DeliveryError):
    """Another attempt of this run is still heard from: worth another try until it falls silent."""


class UndeclaredError(DeliveryError):
    """The daemon does not know the run: it was restarted, or the run had retired."""


class RefusedError(DeliveryError):
    """The message is not acceptable, now or ever."""


class RubbishError(DeliveryError):
    """The answer is none of the protocol's: something else listens there, or something is broken."""


class Transport(Protocol):
    """Where messages go. Every method raises :class:`DeliveryError` and nothing else for what can go wrong outside."""

    @property
    def destination(self) -> str:
        """The address, for people."""

    def declare(self, declaration: Declaration) -> None:
        """Announces the run; the same declaration again changes nothing."""

    def activations(self, declaration: Declaration, epoch: int, seq: int, body: Pieces) -> dict[str, str]:
        """Hands over a frame; returns the rejected layers with the reason. ``seq`` counts within an epoch."""

    def end(self, declaration: Declaration, epoch: int, metrics: Metrics, wait_seconds: float) -> Standing | None:
        """Ends an epoch; returns where the run stands, where the transport can tell."""

    def finish(self, declaration: Declaration, status: Status) -> None:
        """Ends the run."""

    def close(self) -> None:
        """Lets go of a request under way, from another thread."""
