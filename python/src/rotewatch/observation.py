"""One run under observation: passes on this rank, rows gathered, messages queued; an error in it never gets out."""

from __future__ import annotations

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import nn

from .frame import Frame, joined, packed
from .naming import METRIC_NAME, METRICS_AT_MOST, new_attempt
from .notices import Notices
from .observer import Observer
from .probe import Probe
from .ranks import Ranks
from .sender import Deliveries, Sender
from .standing import Standing
from .stream import Stream
from .transport import Declaration, Metrics, Status, Transport

#: Frames are cut into pieces of this size, well below the daemon's default ``limits.body``.
FRAME_BYTES = 16 << 20
#: Where the caller names no wait: the share of an epoch's own time that its end may take, the most it may be, and
#: the least that is worth it: no verdict comes sooner.
WAIT_SHARE, WAIT_SECONDS, WAIT_WORTH_SECONDS = 0.002, 2.0, 0.01

Result = TypeVar("Result")


class Observation:
    """Shows the daemon one run, epoch by epoch, on this rank's part."""

    def __init__(
        self,
        run: str,
        observer: Observer,
        ranks: Ranks,
        notices: Notices,
        transport: Transport,
        *,
        waits_for_answers: bool,
        wait: float | None,
        close_wait: float,
        framework: str,
    ) -> None:
        self.observer = observer
        self._run = run
        self._attempt = new_attempt()
        self._ranks = ranks
        self._notices = notices
        self._transport = transport
        self._wait = wait if waits_for_answers else 0.0
        self._epoch_began = time.monotonic()
        self._close_wait = close_wait
        self._framework = framework
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._probe: Probe | None = None
        self._probe_digest: str | None = None
        self._shared_out = False
        self._stream: Stream | None = None
        self._streamed: list[Frame] = []
        self._epoch = 0
        self._seq = 0
        self._lost_in_passes = 0
        self._sender: Sender | None = None
        self._standing = Standing()
        self._closed = False

    @property
    def standing(self) -> Standing:
        """The newest of all: what the sender heard since the last epoch ended counts too."""
        if self._sender is not None and self._ranks.size == 1:
            return self._sender.newest
        return self._standing

    @property
    def deliveries(self) -> Deliveries:
        """What became of the frames, those of passes that failed included."""
        counts = self._sender.deliveries if self._sender is not None else Deliveries(0, 0, 0, {})
        if not self._lost_in_passes:
            return counts
        dropped = {**counts.dropped, "pass_failed": self._lost_in_passes}
        return replace(counts, offered=counts.offered + self._lost_in_passes, dropped=dropped)

    def begin_probing(self, probe: Probe) -> None:
        """Probes the untrained network as epoch 0."""
        self._probe = probe
        digests = self._guarded("agreeing on the probe", self._ranks.everywhere, probe.digest) or [probe.digest]
        # One probe on every rank is shared out among them; several are taken together.
        self._shared_out = len(set(digests)) == 1
        self._probe_digest = digests[0] if self._shared_out else _combined(digests)
        self._report(0, {}, wait=0.0)

    def begin_streaming(self, model: nn.Module, every: int, rows: int) -> None:
        """Samples training steps from now on, on all ranks together at most ``rows`` an epoch."""
        each = -(-rows // self._ranks.size)
        self._stream = Stream(model, self.observer, self._notices, every=every, rows=each, deliver=self._take_streamed)

    def epoch_end(self, epoch: int | None, metrics: dict[str, Any]) -> Standing:
        """Shows the network as it is now, and returns where the run stands."""
        if self._closed:
            return self._standing
        given = None if epoch is None else self._guarded("reading the epoch", int, epoch)
        self._epoch = self._epoch + 1 if given is None or given < 0 else given
        numbers = self._guarded("reading the metrics", self._numbers, metrics) or {}
        standing = self._report(self._epoch, numbers, wait=self._wait)
        if self._stream is not None:
            self._stream.next_epoch(self._epoch + 1)
        return standing

    def close(self, status: Status | None) -> None:
        """Finishes the run, once, and in the process that began it; says what was lost."""
        with self._lock:
            if self._closed or os.getpid() != self._process:
                return
            self._closed = True
        if self._stream is not None:
            self._guarded("taking the hooks away", self._stream.close)
        if self._sender is None:
            return
        if status is None:
            status = "stopped" if self._standing.stop else "finished"
        self._guarded("finishing", self._sender.close, status, self._close_wait)
        counts = self.deliveries
        lost = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.dropped.items()))
        if lost:
            self._notices.once("lost", f"{counts.sent} of {counts.offered} frames were delivered; dropped: {lost}")
        else:
            self._notices.inform(f"{counts.sent} of {counts.offered} frames were delivered")

    def _report(self, epoch: int, metrics: Metrics, wait: float | None) -> Standing:
        """Every rank comes through here the same way, whatever failed on it: the others wait for it."""
        frames = self._guarded("the pass", self._frames_of_rank)
        try:
            everyones = self._ranks.gathered(frames)
            heard = self._guarded("sending", self._send, epoch, everyones, metrics, wait) if everyones else None
            if heard is None:
                heard = replace(self._standing, answered=False, problem=self._notices.newest)
            standing = self._ranks.from_first(heard)
            if self._ranks.any(standing.stop) and not standing.stop:
                standing = replace(standing, stop=True)
        except Exception as error:
            self._notices.once("ranks", f"the ranks lost one another: {type(error).__name__}: {error}")
            standing = replace(self._standing, answered=False, problem=self._notices.newest)
        self._standing = standing
        self._seq = 0
        self._epoch_began = time.monotonic()
        return standing

    def _frames_of_rank(self) -> list[tuple[int, Frame]]:
        if any(map(nn.parameter.is_lazy, self.observer.network.parameters())):
            # A probe would draw their first values, and from other random numbers than training does.
            self._notices.once(
                "lazy", "not probed before its first step: the network's lazy modules have no values yet"
            )
            return []
        if self._probe is None:
            frames, self._streamed = list(enumerate(self._streamed)), []
        elif self._shared_out:
            frames = self._probe.frames(self.observer, self._ranks.rank, self._ranks.size)
        else:
            frames = self._probe.frames(self.observer)
        if self._ranks.size > 1:
            return [(place, frame.as_float32()) for place, frame in frames]
        return frames

    def _send(
        self,
        epoch: int,
        everyones: list[list[tuple[int, Frame]] | None],
        metrics: Metrics,
        wait: float | None,
    ) -> Standing | None:
        if any(frames is None for frames in everyones):
            self._lost_in_passes += 1
        else:
            placed = [placed for frames in everyones if frames is not None for placed in frames]
            # Shared out, the batches come back in their own order; otherwise rank after rank.
            if self._probe is not None and self._shared_out:
                placed.sort(key=lambda place_and_frame: place_and_frame[0])
            self._queue(epoch, [frame for _, frame in placed])
        sender = self._declared_sender()
        if sender is None:
            return None
        if wait is None:
            share = WAIT_SHARE * (time.monotonic() - self._epoch_began)
            standing = sender.end(
                epoch, metrics, min(share, WAIT_SECONDS) if share > WAIT_WORTH_SECONDS else 0.0, insistent=False
            )
        else:
            standing = sender.end(epoch, metrics, wait)
        failed = any(frames is None for frames in everyones)
        return replace(standing, problem=self._notices.newest) if failed else standing

    def _queue(self, epoch: int, frames: list[Frame]) -> None:
        sender = self._declared_sender()
        if sender is None or not frames:
            return
        frames, left_out = joined(frames)
        for layer, reason in left_out.items():
            self._notices.once(f"joined {layer}", f"layer {layer} is left out: {reason}")
        if not frames[0].layers:
            return
        for group in packed(frames, FRAME_BYTES):
            sender.frame(epoch, self._seq, group)
            self._seq += 1

    def _take_streamed(self, frame: Frame) -> None:
        # Sent when the epoch ends: a request a step would hold Python's lock while the training wants it, and ranks
        # would have to meet within a step.
        self._streamed.append(frame)
        if self._ranks.size == 1:
            self._declared_sender()

    def _declared_sender(self) -> Sender | None:
        """The sender, once a pass has shown which layers there are; ``None`` before, and where there are none."""
        if self._sender is None and self.observer.layers:
            declaration = Declaration(
                run=self._run,
                attempt=self._attempt,
                layers=tuple(self.observer.layers),
                mode="probe" if self._probe is not None else "stream",
                reduce=self.observer.reduce,
                probe_digest=self._probe_digest,
                framework=self._framework,
            )
            self._sender = Sender(self._transport, declaration, self._notices)
        return self._sender

    def _numbers(self, metrics: dict[str, Any]) -> Metrics:
        numbers: Metrics = {}
        for name, value in metrics.items():
            if value is None:
                continue
            try:
                number = float(value.detach() if isinstance(value, torch.Tensor) else value)
            except (TypeError, ValueError, RuntimeError):
                self._notices.once(f"metric {name}", f"metric {name} is left out: it is no number")
                continue
            if not METRIC_NAME.fullmatch(name) or len(numbers) >= METRICS_AT_MOST:
                self._notices.once(
                    f"metric {name}",
                    f"metric {name} is left out: at most {METRICS_AT_MOST} names of the form {METRIC_NAME.pattern}",
                )
            else:
                numbers[name] = number if math.isfinite(number) else None
        return numbers

    def _guarded(self, what: str, action: Callable[..., Result], *arguments: Any) -> Result | None:
        """The action's result, or ``None`` and a warning where it raised: observation never ends a training."""
        try:
            return action(*arguments)
        except Exception as error:
            self._notices.once(f"{what}{type(error).__name__}", f"{what} failed: {type(error).__name__}: {error}")
            return None


def _combined(digests: list[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
