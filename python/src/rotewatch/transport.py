"""The messages of a run, how they are sent, and the possible failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from .verdict import Verdict

#: Metrics of an epoch; ``None`` stands for NaN or infinity, such as a diverged loss.
Metrics = dict[str, float | None]
#: A document as consecutive pieces.
Pieces = Sequence[bytes | memoryview]
Status = Literal["finished", "failed", "stopped"]
#: The two fixed sets of rows: not trained on (the probe), and of the training set.
Rows = Literal["unseen", "seen"]


@dataclass(frozen=True)
class Declaration:
    """The first message of a run."""

    run: str
    attempt: str
    #: In forward order.
    layers: tuple[str, ...]
    mode: Literal["probe", "stream"]
    reduce: str
    probe_digest: str | None
    #: Identifies the rows of the training set; ``None`` without them.
    seen_digest: str | None
    #: What the network's outputs are; ``None`` if unknown.
    task: str | None
    #: The layer that holds the classifier's input; ``None`` if there is none.
    features_layer: str | None
    framework: str

    def document(self) -> dict[str, Any]:
        """Returns the declaration as JSON; the run's name is in the path."""
        document = asdict(self)
        del document["run"]
        return {**document, "layers": list(self.layers)}


class DeliveryError(Exception):
    """A message was not delivered; the text says why."""


class UnreachableError(DeliveryError):
    """The daemon is unreachable or the answer was incomplete. Retried while the queue has room."""


class BusyError(DeliveryError):
    """The daemon is busy and asks for a retry."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ContestedError(DeliveryError):
    """Another attempt of this run is still active. Retried until that attempt is idle."""


class UndeclaredError(DeliveryError):
    """The daemon does not know the run, because it was restarted or has removed the run from memory."""


class RefusedError(DeliveryError):
    """The daemon refused the message; a retry cannot succeed."""


class RubbishError(DeliveryError):
    """The answer is not part of the protocol: another program uses the address, or the daemon has an error."""


class Transport(Protocol):
    """The destination of messages. Methods raise :class:`DeliveryError` for every external failure."""

    @property
    def destination(self) -> str:
        """The address as text."""

    def declare(self, declaration: Declaration) -> None:
        """Declares the run; repeating the same declaration has no effect."""

    def activations(
        self, declaration: Declaration, epoch: int, seq: int, body: Pieces, rows: Rows = "unseen"
    ) -> dict[str, str]:
        """Sends a frame; returns the rejected layers with the reason. ``seq`` counts a set's frames of an epoch."""

    def end(self, declaration: Declaration, epoch: int, metrics: Metrics, wait_seconds: float) -> Verdict | None:
        """Ends an epoch; returns the verdict if the transport receives one."""

    def finish(self, declaration: Declaration, status: Status) -> None:
        """Finishes the run."""

    def close(self) -> None:
        """Aborts a running request of another thread."""
