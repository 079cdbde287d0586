"""The handle that a training loop holds."""

from __future__ import annotations

import atexit
import hashlib
import math
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from .batch import Forward
from .frame import Frame, joined
from .http_transport import HttpTransport
from .inbox_transport import InboxTransport
from .naming import METRIC_NAME, METRICS_AT_MOST, checked_run_name, new_attempt, run_name_of_script
from .notices import Notices
from .observer import Observer
from .probe import Probe
from .ranks import Ranks
from .reduction import REDUCTIONS, Reduce
from .selection import Choices, selection, unwrapped
from .sender import Deliveries, Sender
from .settings import Mode, checked_url, inbox_folder
from .standing import Standing
from .stream import Stream
from .transport import Declaration, Metrics, Status, Transport

#: Frames are cut into pieces of this size, well below the daemon's default ``limits.body``.
FRAME_BYTES = 16 << 20

Result = TypeVar("Result")


def watch(
    model: nn.Module,
    *,
    probe: Any = None,
    stream_every: int | None = None,
    run: str | None = None,
    layers: Choices = None,
    modules: Mapping[str, nn.Module] | None = None,
    reduce: Reduce = "mean",
    rows: int = 1000,
    neurons_per_layer: int | None = 512,
    forward: Forward | None = None,
    wait: float = 2.0,
    close_wait: float = 5.0,
    seed: int = 0,
    mode: Literal["online", "offline", "disabled"] | None = None,
    url: str | None = None,
    token: str | None = None,
    inbox: str | os.PathLike[str] | None = None,
    framework: str = "pytorch",
) -> Watcher:
    """Begins to watch a network; call it before the first training step, on every rank.

    With ``probe`` the run is declared and the untrained network probed (epoch 0) before this returns.

    Args:
        model: The network, in whatever it is wrapped: ``torch.compile``, DDP, FSDP.
        probe: Examples that are not trained on, unlabelled: a batch, or a loader of batches. They are passed through
            the network after every epoch, in evaluation mode and without gradients. A batch is a tensor, a mapping
            (called by keywords, without ``labels``) or a tuple whose first entry is what the network is called with.
        stream_every: Instead of a probe: every so many training steps, rows of the batch itself.
        run: The run's name, ``[A-Za-z0-9][A-Za-z0-9._-]{0,63}``; the script's name by default.
        layers: A name, a glob, a class, a module, or a list of these. By default the outputs of every Linear,
            convolution and attention module but the last.
        modules: The network's modules by name, for frameworks that do not register them with PyTorch.
        reduce: How a sequence's or feature map's positions become one number a row and neuron.
        rows: Examples of the probe, or at most so many streamed ones an epoch. 5 per bin at least (50 by default).
        neurons_per_layer: Of wider layers so many neurons are sent, the same ones every epoch; ``None`` for all.
        forward: ``forward(network, batch) -> logits`` for networks that are not called with their inputs alone. It
            gets the unwrapped network and the whole batch.
        wait: Seconds that :meth:`Watcher.epoch_end` waits at most for the daemon's verdict.
        close_wait: Seconds that :meth:`Watcher.close` waits at most for what is still queued.
        seed: Of every choice of rows, neurons and positions.
        mode: ``online``, ``offline`` (writes the inbox format) or ``disabled``; ``ROTEWATCH_MODE`` by default.
        url: The daemon's address; found by itself on the same machine.
        token: The daemon's token; found by itself on the same machine.
        inbox: The folder of ``offline``; ``ROTEWATCH_INBOX`` or ``STATE/inbox`` by default.
        framework: What trains, for the record.

    Raises:
        ValueError, TypeError: for arguments that cannot be meant, and for nothing else: without a daemon, or with
            a network in which there is nothing to watch, training goes on unwatched and a warning says why.
    """
    name = checked_run_name(run) if run is not None else run_name_of_script()
    chosen_mode = Mode.chosen(mode)
    if reduce not in REDUCTIONS:
        raise ValueError(f"reduce {reduce!r} is none of {', '.join(REDUCTIONS)}")
    if rows < 1 or (neurons_per_layer is not None and neurons_per_layer < 2):
        raise ValueError("rows must be at least 1 and neurons_per_layer at least 2")
    if not (math.isfinite(wait) and wait >= 0 and math.isfinite(close_wait) and close_wait >= 0):
        raise ValueError("wait and close_wait are numbers of seconds, 0 or more")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    if url is not None:
        checked_url(url)
    if chosen_mode is Mode.DISABLED:
        return Watcher(name, None)
    if (probe is None) == (stream_every is None):
        raise ValueError("give probe=... (examples not trained on) or stream_every=N (rows of every N-th batch)")
    if stream_every is not None and stream_every < 1:
        raise ValueError("stream_every is a number of steps, 1 or more")

    notices = Notices(name)
    try:
        ranks = Ranks()
    except Exception as error:
        notices.once("ranks", f"the ranks cannot meet, so nothing is watched: {type(error).__name__}: {error}")
        return Watcher(name, None)
    notices = Notices(name, aloud=ranks.first)
    observer = Observer(
        unwrapped(model),
        selection(unwrapped(model), layers, modules),
        notices,
        reduce=reduce,
        neurons_per_layer=neurons_per_layer,
        seed=seed,
    )
    if not observer.sees_something:
        notices.once("empty", "the network has no Linear, convolution or attention layer to watch; name layers=[...]")
        return Watcher(name, None)
    online = chosen_mode is Mode.ONLINE
    transport: Transport = HttpTransport(url, token) if online else InboxTransport(inbox_folder(inbox))
    watching = _Watching(
        name,
        observer,
        ranks,
        notices,
        transport,
        waits_for_answers=online,
        wait=wait,
        close_wait=close_wait,
        framework=framework,
    )
    if probe is not None:
        kept = _kept(probe, rows, forward, notices)
        if not all(ranks.everywhere(kept is not None)) or kept is None:
            return Watcher(name, None)
        watching.begin_probing(kept)
    else:
        assert stream_every is not None, "checked above"
        watching.begin_streaming(model, stream_every, rows)
    return Watcher(name, watching)


def _kept(source: Any, rows: int, forward: Forward | None, notices: Notices) -> Probe | None:
    """The probe, or ``None`` and a warning where its loader fails."""
    try:
        return Probe.of(source, rows=rows, forward=forward, notices=notices)
    except (ValueError, TypeError):
        raise
    except Exception as error:
        notices.once("probe", f"the probe cannot be read, so nothing is watched: {type(error).__name__}: {error}")
        return None


class Watcher:
    """A run under observation. Its methods never raise, and wait no longer than :func:`watch` was told."""

    def __init__(self, run: str, watching: _Watching | None) -> None:
        self._run = run
        self._watching = watching
        if watching is not None:
            atexit.register(self._close_at_exit)

    @property
    def run(self) -> str:
        """The run's name."""
        return self._run

    @property
    def standing(self) -> Standing:
        """The newest standing, without waiting."""
        return self._watching.standing if self._watching is not None else Standing()

    @property
    def layers(self) -> tuple[str, ...]:
        """The watched layers in forward order; empty before the first pass."""
        return tuple(self._watching.observer.layers or ()) if self._watching is not None else ()

    @property
    def deliveries(self) -> Deliveries:
        """How many frames were offered, sent and dropped, and why."""
        return self._watching.deliveries if self._watching is not None else Deliveries(0, 0, 0, {})

    def epoch_end(self, epoch: int | None = None, **metrics: Any) -> Standing:
        """Ends an epoch: shows the daemon the network as it is now, and says what it thinks of it.

        Args:
            epoch: The epoch's number; one more than the last one by default, starting with 1.
            metrics: Numbers for the record, ``train_loss=...``: anything that ``float`` takes.

        Returns:
            Where the run stands. ``if watcher.epoch_end(...).stop: break``
        """
        return self._watching.epoch_end(epoch, metrics) if self._watching is not None else Standing()

    def close(self, status: Status | None = None) -> None:
        """Finishes the run; a second call does nothing. Happens at exit by itself.

        Without ``status`` it is ``stopped`` after the daemon asked for it, ``failed`` while Python exits because of
        an error, and otherwise ``finished``.
        """
        if self._watching is None:
            return
        atexit.unregister(self._close_at_exit)
        self._watching.close(status)

    def _close_at_exit(self) -> None:
        # Python keeps there what ended the script.
        self.close("failed" if getattr(sys, "last_value", None) is not None else None)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("failed" if kind is not None else None)


class _Watching:
    """What a :class:`Watcher` does when there is something to watch."""

    def __init__(
        self,
        run: str,
        observer: Observer,
        ranks: Ranks,
        notices: Notices,
        transport: Transport,
        *,
        waits_for_answers: bool,
        wait: float,
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
        counts = self._sender.deliveries if self._sender is not None else Deliveries(0, 0, 0, {})
        if not self._lost_in_passes:
            return counts
        dropped = {**counts.dropped, "pass_failed": self._lost_in_passes}
        return replace(counts, offered=counts.offered + self._lost_in_passes, dropped=dropped)

    def begin_probing(self, probe: Probe) -> None:
        self._probe = probe
        digests = self._guarded("agreeing on the probe", self._ranks.everywhere, probe.digest) or [probe.digest]
        # One probe on every rank is shared out among them; several are taken together.
        self._shared_out = len(set(digests)) == 1
        self._probe_digest = digests[0] if self._shared_out else _combined(digests)
        self._report(0, {}, wait=0.0)

    def begin_streaming(self, model: nn.Module, every: int, rows: int) -> None:
        each = -(-rows // self._ranks.size)
        self._stream = Stream(model, self.observer, self._notices, every=every, rows=each, deliver=self._take_streamed)

    def epoch_end(self, epoch: int | None, metrics: dict[str, Any]) -> Standing:
        if self._closed:
            return self._standing
        self._epoch = self._epoch + 1 if epoch is None else int(epoch)
        numbers = self._guarded("reading the metrics", self._numbers, metrics) or {}
        standing = self._report(self._epoch, numbers, wait=self._wait)
        if self._stream is not None:
            self._stream.next_epoch(self._epoch + 1)
        return standing

    def close(self, status: Status | None) -> None:
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

    def _report(self, epoch: int, metrics: Metrics, wait: float) -> Standing:
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
        wait: float,
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
        standing = sender.end(epoch, metrics, wait)
        failed = any(frames is None for frames in everyones)
        return replace(standing, problem=self._notices.newest) if failed else standing

    def _queue(self, epoch: int, frames: list[Frame]) -> None:
        sender = self._declared_sender()
        if sender is None or not frames:
            return
        frame, left_out = joined(frames)
        for layer, reason in left_out.items():
            self._notices.once(f"joined {layer}", f"layer {layer} is left out: {reason}")
        if not frame.layers:
            return
        for part in frame.split(FRAME_BYTES):
            sender.frame(epoch, self._seq, part)
            self._seq += 1

    def _take_streamed(self, frame: Frame) -> None:
        if self._ranks.size > 1:
            self._streamed.append(frame)  # gathered when the epoch ends: no rank waits within a step
        else:
            self._queue(self._epoch + 1, [frame])

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
