"""The thread that sends a run's messages in order, from a queue limited in bytes and messages."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .frame import Frame, document
from .notices import Notices
from .transport import (
    BusyError,
    ContestedError,
    Declaration,
    DeliveryError,
    Metrics,
    RefusedError,
    Rows,
    RubbishError,
    Status,
    Transport,
    UndeclaredError,
    UnreachableError,
)
from .verdict import Verdict

QUEUE_BYTES = 256 << 20
QUEUE_MESSAGES = 4096
#: How long to retry a message while the daemon answers that it is busy.
BUSY_SECONDS = 30.0
#: How long the daemon may take for a verdict that the training does not wait for.
VERDICT_SECONDS = 2.0
#: How often to send a message when the answers are invalid.
RUBBISH_ATTEMPTS = 3
_BACKOFF_SECONDS = (0.1, 5.0)


@dataclass
class Message:
    """A message to send; ``done`` is set once it was delivered or dropped."""

    what: str
    nbytes: int
    deliver: Callable[[Transport, Declaration, float], Verdict | None]
    #: Latest time of the daemon's answer (monotonic clock).
    answered_by: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)
    verdict: Verdict | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Deliveries:
    """Counts of a run's frames: ``offered`` is the sum of the rest."""

    offered: int
    sent: int
    queued: int
    #: Counts: ``queue_full``, ``busy``, ``refused``, ``rubbish`` (invalid answer), ``closed``, ``pass_failed``.
    dropped: dict[str, int]


class Sender:
    """Owns the transport and the sending thread. No method blocks the caller longer than requested."""

    def __init__(
        self,
        transport: Transport,
        declaration: Declaration,
        notices: Notices,
        *,
        queue_bytes: int = QUEUE_BYTES,
        backoff: random.Random | None = None,
    ) -> None:
        self._transport = transport
        self._declaration = declaration
        self._notices = notices
        self._queue_bytes = queue_bytes
        # A separate generator, so that the training's random numbers stay unchanged.
        self._jitter = backoff or random.Random(declaration.attempt)
        self._changed = threading.Condition()
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._frames: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._declared = False
        self._trouble: str | None = None
        self._newest = Verdict()
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._put(Message("declaration", 0, lambda transport, declaration, wait_seconds: None))
        self._thread = threading.Thread(target=self._run, name="rotewatch-sender", daemon=True)
        self._thread.start()

    @property
    def newest(self) -> Verdict:
        """The newest verdict received from the daemon."""
        with self._changed:
            return self._newest

    @property
    def trouble(self) -> str | None:
        """The reason why messages currently cannot be delivered, or ``None``."""
        with self._changed:
            return self._trouble

    @property
    def deliveries(self) -> Deliveries:
        """Counts of the frames so far."""
        with self._changed:
            return Deliveries(
                offered=self._frames["offered"],
                sent=self._frames["sent"],
                queued=self._frames["offered"] - self._frames["sent"] - sum(self._dropped.values()),
                dropped=dict(self._dropped),
            )

    def frame(self, epoch: int, seq: int, frames: Sequence[Frame], rows: Rows = "unseen") -> bool:
        """Queues rows as one frame, or drops and counts it if the queue is full."""

        def deliver(transport: Transport, declaration: Declaration, wait_seconds: float) -> None:
            rejected = transport.activations(declaration, epoch, seq, document(frames), rows)
            for layer, reason in rejected.items():
                self._notices.once(f"rejected {layer}", f"the daemon rejected layer {layer}: {reason}")

        with self._changed:
            self._frames["offered"] += 1
        return self._put(Message("frame", sum(frame.nbytes for frame in frames), deliver))

    def end(self, epoch: int, metrics: Metrics, wait_seconds: float, *, insistent: bool = True) -> Verdict:
        """Ends an epoch and waits up to ``wait_seconds`` for the verdict.

        Does not wait while the daemon is unreachable. In that case, and after the wait, returns the newest verdict with
        the problem. With ``insistent``, a verdict that takes longer counts as a problem.
        """

        def deliver(transport: Transport, declaration: Declaration, wait_seconds: float) -> Verdict | None:
            return transport.end(declaration, epoch, metrics, wait_seconds)

        now = time.monotonic()
        until = now + wait_seconds
        message = Message("end", 0, deliver, answered_by=now + max(wait_seconds, VERDICT_SECONDS))
        trouble = self.trouble
        if not self._put(message):
            return self._unanswered("the queue is full: the daemon is slower than the training, or unreachable")
        while trouble is None and not message.done.is_set() and (left := until - time.monotonic()) > 0:
            message.done.wait(min(left, 0.05))
            trouble = self.trouble if not message.done.is_set() else None
        if message.verdict is not None:
            return message.verdict
        if not message.done.is_set() and trouble is None and insistent and wait_seconds > 0:
            trouble = f"no verdict from {self._transport.destination} within {wait_seconds:g} s"
            self._in_trouble(trouble)
        return self._unanswered(message.problem or trouble)

    def close(self, status: Status, wait_seconds: float) -> Deliveries:
        """Finishes the run, sends queued messages for up to ``wait_seconds``, and ends the thread."""

        def deliver(transport: Transport, declaration: Declaration, wait_seconds: float) -> None:
            transport.finish(declaration, status)

        self._put(Message("finish", 0, deliver))
        self._give_up_at = time.monotonic() + wait_seconds
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        self._thread.join(wait_seconds)
        if self._thread.is_alive():
            self._transport.close()
            self._thread.join(0.2)
        with self._changed:
            while self._queue:
                self._drop(self._queue.popleft(), "closed")
        return self.deliveries

    def _put(self, message: Message) -> bool:
        with self._changed:
            full = self._queued_bytes + message.nbytes > self._queue_bytes or len(self._queue) >= QUEUE_MESSAGES
            if self._closing.is_set() or (full and message.what != "finish"):
                self._drop(message, "closed" if self._closing.is_set() else "queue_full", already_queued=False)
                return False
            self._queue.append(message)
            self._queued_bytes += message.nbytes
            self._changed.notify_all()
            return True

    def _drop(self, message: Message, reason: str, *, already_queued: bool = True) -> None:
        """Counts a message as dropped. The caller holds the lock."""
        if already_queued:
            self._queued_bytes -= message.nbytes
        if message.what == "frame":
            self._dropped[reason] += 1
        message.done.set()

    def _unanswered(self, problem: str | None) -> Verdict:
        return replace(self.newest, answered=False, problem=problem)

    def _run(self) -> None:
        while (message := self._next()) is not None:
            reason = self._delivered_or_why_not(message)
            with self._changed:
                if reason is not None:
                    self._drop(message, reason)
                    continue
                self._queued_bytes -= message.nbytes
                if message.what == "frame":
                    self._frames["sent"] += 1
                if message.verdict is not None:
                    # A requested stop is final.
                    if self._newest.stop and not message.verdict.stop:
                        message.verdict = replace(message.verdict, stop=True, reason=self._newest.reason)
                    self._newest = message.verdict
            heard = message.verdict
            if heard is not None and heard.verdict == "cannot_judge":
                self._notices.once(
                    "cannot judge", f"cannot judge since epoch {heard.epoch}: {heard.why}. {heard.remedy}"
                )
            message.done.set()

    def _next(self) -> Message | None:
        with self._changed:
            while not self._queue:
                if self._closing.is_set():
                    return None
                self._changed.wait()
            return self._queue.popleft()

    def _delivered_or_why_not(self, message: Message) -> str | None:
        """Returns ``None`` once the message was delivered, or the reason why it was dropped."""
        busy_until = time.monotonic() + BUSY_SECONDS
        rubbish = undeclared = failures = 0
        while True:
            # Other queued messages do not wait for a verdict.
            wait_seconds = 0.0 if self._queue else max(0.0, message.answered_by - time.monotonic())
            try:
                if not self._declared:
                    self._declare()
                message.verdict = message.deliver(self._transport, self._declaration, wait_seconds)
                self._through()
                return None
            except UndeclaredError as error:
                self._declared = False
                undeclared += 1
                if undeclared >= RUBBISH_ATTEMPTS:
                    return self._lost(message, "refused", error)
                continue
            except RefusedError as error:
                return self._lost(message, "refused", error)
            except RubbishError as error:
                self._in_trouble(str(error))
                rubbish += 1
                if rubbish >= RUBBISH_ATTEMPTS:
                    return self._lost(message, "rubbish", error)
                pause = self._backoff(rubbish)
            except BusyError as error:
                if not self._declared:
                    self._in_trouble(str(error))
                if time.monotonic() > busy_until:
                    return self._lost(message, "busy", error)
                pause = min(error.retry_after_seconds, 5.0)
            except (UnreachableError, ContestedError) as error:
                if isinstance(error, ContestedError) and self._declared:
                    # The daemon has other bytes under the same key: a retry cannot succeed.
                    return self._lost(message, "refused", error)
                self._in_trouble(str(error))
                failures += 1
                pause = self._backoff(failures)
            except Exception as error:
                return self._lost(message, "refused", DeliveryError(f"{type(error).__name__}: {error}"))
            # After close() each remaining message gets one attempt, without the retries of a running training.
            if self._closing.is_set() and (failures or time.monotonic() + pause > self._give_up_at):
                return "closed"
            self._closing.wait(pause)

    def _declare(self) -> None:
        self._transport.declare(self._declaration)
        self._declared = True

    def _lost(self, message: Message, reason: str, error: DeliveryError) -> str:
        message.problem = str(error)
        self._notices.once(f"lost {reason}", f"{message.what} message dropped ({reason}): {error}")
        return reason

    def _in_trouble(self, trouble: str) -> None:
        with self._changed:
            self._trouble = trouble
        self._notices.once("trouble", f"{trouble}; training continues, undelivered frames are dropped and counted")

    def _through(self) -> None:
        with self._changed:
            recovered, self._trouble = self._trouble is not None, None
        if recovered:
            self._notices.forget("trouble")
            self._notices.inform(f"connection to {self._transport.destination} restored")

    def _backoff(self, failures: int) -> float:
        shortest, longest = _BACKOFF_SECONDS
        pause: float = min(longest, shortest * 2 ** min(failures - 1, 10))
        return pause * self._jitter.uniform(0.5, 1.0)
