"""One run: forward passes on this rank, gathered rows, queued messages. Errors never reach the training."""

from __future__ import annotations

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
from .row_sets import RowSet
from .sender import Deliveries, Sender
from .stream import Stream
from .transport import Declaration, Metrics, Rows, Status, Transport
from .verdict import Verdict

#: Frames are split into pieces of this size, well below the daemon's default ``limits.body``.
FRAME_BYTES = 16 << 20
#: Defaults without ``wait=``: the share of an epoch's duration that its end may wait, the maximum, and the minimum
#: below which it does not wait at all, because no verdict comes sooner.
WAIT_SHARE, WAIT_SECONDS, WAIT_WORTH_SECONDS = 0.002, 2.0, 0.01

Result = TypeVar("Result")
#: The frames of one rank with their places, for each set of rows; ``None`` for a set whose passes failed.
FramesOfRank = dict[Rows, list[tuple[int, Frame]] | None]


class Observation:
    """Sends this rank's part of a run to the daemon, epoch by epoch."""

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
        self._sets: dict[Rows, RowSet] = {}
        self._stream: Stream | None = None
        self._streamed: list[Frame] = []
        self._epoch = 0
        self._lost_in_passes = 0
        self._sender: Sender | None = None
        self._verdict = Verdict()
        self._closed = False

    @property
    def verdict(self) -> Verdict:
        """The newest verdict, including one that arrived after the last ``epoch_end``."""
        if self._sender is not None and self._ranks.size == 1:
            return self._sender.newest
        return self._verdict

    @property
    def deliveries(self) -> Deliveries:
        """Counts of sent and dropped frames, including those of failed forward passes."""
        counts = self._sender.deliveries if self._sender is not None else Deliveries(0, 0, 0, {})
        if not self._lost_in_passes:
            return counts
        dropped = {**counts.dropped, "pass_failed": self._lost_in_passes}
        return replace(counts, offered=counts.offered + self._lost_in_passes, dropped=dropped)

    def begin_probing(self, probe: Probe, seen: Probe | None = None) -> None:
        """Probes the untrained network as epoch 0, with rows that are not trained on and, if given, rows that are."""
        self._sets["unseen"] = RowSet("unseen", probe, self._ranks, self._notices)
        if seen is not None:
            self._sets["seen"] = RowSet("seen", seen, self._ranks, self._notices)
        self._report(0, {}, wait=0.0)

    def begin_streaming(self, model: nn.Module, every: int, rows: int) -> None:
        """Samples training steps from now on: at most ``rows`` an epoch, over all ranks."""
        each = -(-rows // self._ranks.size)
        self._stream = Stream(model, self.observer, self._notices, every=every, rows=each, deliver=self._take_streamed)

    def epoch_end(self, epoch: int | None, metrics: dict[str, Any]) -> Verdict:
        """Sends the current activations and returns the verdict."""
        if self._closed:
            return self._verdict
        given = None if epoch is None else self._guarded("reading the epoch", int, epoch)
        self._epoch = self._epoch + 1 if given is None or given < 0 else given
        numbers = self._guarded("reading the metrics", self._numbers, metrics) or {}
        verdict = self._report(self._epoch, numbers, wait=self._wait)
        if self._stream is not None:
            self._stream.next_epoch(self._epoch + 1)
        return verdict

    def close(self, status: Status | None) -> None:
        """Finishes the run and reports dropped frames. Acts once, and only in the process that began the run."""
        with self._lock:
            if self._closed or os.getpid() != self._process:
                return
            self._closed = True
        if self._stream is not None:
            self._guarded("removing the hooks", self._stream.close)
        if self._sender is None:
            return
        if status is None:
            status = "stopped" if self._verdict.stop else "finished"
        self._guarded("finishing the run", self._sender.close, status, self._close_wait)
        verdict = self.verdict
        if verdict.verdict is not None:
            self._notices.inform(f"verdict: {verdict.in_words}")
        counts = self.deliveries
        lost = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.dropped.items()))
        if lost:
            self._notices.once("lost", f"{counts.sent} of {counts.offered} frames were delivered; dropped: {lost}")
        else:
            self._notices.inform(f"{counts.sent} of {counts.offered} frames were delivered")

    def _report(self, epoch: int, metrics: Metrics, wait: float | None) -> Verdict:
        """Every rank takes the same steps here even after a failure, because the other ranks wait for it."""
        frames = self._guarded("the forward pass", self._frames_of_rank) or {"unseen": None}
        try:
            everyones = self._ranks.gathered(frames)
            heard = self._guarded("queueing frames", self._send, epoch, everyones, metrics, wait) if everyones else None
            if heard is None:
                heard = replace(self._verdict, answered=False, problem=self._notices.newest)
            verdict = self._ranks.from_first(heard)
            if self._ranks.any(verdict.stop) and not verdict.stop:
                verdict = replace(verdict, stop=True)
        except Exception as error:
            self._notices.once(
                "ranks", f"exchange between the ranks failed, the epoch is lost: {type(error).__name__}: {error}"
            )
            verdict = replace(self._verdict, answered=False, problem=self._notices.newest)
        self._verdict = verdict
        self._epoch_began = time.monotonic()
        return verdict

    def _frames_of_rank(self) -> FramesOfRank:
        if any(map(nn.parameter.is_lazy, self.observer.network.parameters())):
            # A probe would initialise their values, with other random numbers than training would.
            self._notices.once(
                "lazy", "no probe before the first step: the network's lazy modules are not initialised yet"
            )
            return {"unseen": []}
        frames: FramesOfRank = {}
        if self._stream is not None:
            frames["unseen"], self._streamed = list(enumerate(self._streamed)), []
        for rows, row_set in self._sets.items():
            frames[rows] = self._guarded("the forward pass", row_set.frames_of_rank, self.observer)
        if self._ranks.size == 1:
            return frames
        return {rows: placed and [(place, f.as_float32()) for place, f in placed] for rows, placed in frames.items()}

    def _send(self, epoch: int, everyones: list[FramesOfRank], metrics: Metrics, wait: float | None) -> Verdict | None:
        failed = False
        for rows in everyones[0]:
            of_ranks = [frames.get(rows) for frames in everyones]
            complete = [frames for frames in of_ranks if frames is not None]
            if len(complete) < len(of_ranks):
                failed = True
                self._lost_in_passes += 1
            elif rows in self._sets:
                self._queue(epoch, rows, self._sets[rows].in_order(complete))
            else:
                self._queue(epoch, rows, [frame for frames in complete for _, frame in frames])
        sender = self._declared_sender()
        if sender is None:
            return None
        if wait is None:
            share = WAIT_SHARE * (time.monotonic() - self._epoch_began)
            verdict = sender.end(
                epoch, metrics, min(share, WAIT_SECONDS) if share > WAIT_WORTH_SECONDS else 0.0, insistent=False
            )
        else:
            verdict = sender.end(epoch, metrics, wait)
        return replace(verdict, problem=self._notices.newest) if failed else verdict

    def _queue(self, epoch: int, rows: Rows, frames: list[Frame]) -> None:
        sender = self._declared_sender()
        if sender is None or not frames:
            return
        frames, left_out = joined(frames)
        for layer, reason in left_out.items():
            self._notices.once(f"joined {layer}", f"layer {layer} is left out: {reason}")
        if not frames[0].tensors:
            return
        for seq, group in enumerate(packed(frames, FRAME_BYTES)):
            sender.frame(epoch, seq, group, rows)

    def _take_streamed(self, frame: Frame) -> None:
        # Sent when the epoch ends: a request for each step would hold the interpreter lock while the training needs
        # it, and ranks would have to synchronise within a step.
        self._streamed.append(frame)
        if self._ranks.size == 1:
            self._declared_sender()

    def _declared_sender(self) -> Sender | None:
        """Returns the sender once a forward pass has shown the layers; ``None`` before, and if there are none."""
        if self._sender is None and self.observer.layers:
            declaration = Declaration(
                run=self._run,
                attempt=self._attempt,
                layers=tuple(self.observer.layers),
                mode="probe" if self._sets else "stream",
                reduce=self.observer.reduce,
                probe_digest=self._sets["unseen"].digest if self._sets else None,
                seen_digest=self._sets["seen"].digest if "seen" in self._sets else None,
                task=self.observer.task,
                features_layer=self.observer.features_layer,
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
                self._notices.once(f"metric {name}", f"metric {name} is left out: it is not a number")
                continue
            if not METRIC_NAME.fullmatch(name) or len(numbers) >= METRICS_AT_MOST:
                self._notices.once(
                    f"metric {name}",
                    f"metric {name} is left out: use at most {METRICS_AT_MOST} names that match {METRIC_NAME.pattern}",
                )
            else:
                numbers[name] = number if math.isfinite(number) else None
        return numbers

    def _guarded(self, what: str, action: Callable[..., Result], *arguments: Any) -> Result | None:
        """Returns the action's result, or ``None`` after logging a warning: an error here never ends a training."""
        try:
            return action(*arguments)
        except Exception as error:
            self._notices.once(f"{what}{type(error).__name__}", f"{what} failed: {type(error).__name__}: {error}")
            return None
