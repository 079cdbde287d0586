"""The handle that a training loop holds."""

from __future__ import annotations

import atexit
import math
import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal

from torch import nn

from .batch import Forward
from .http_transport import HttpTransport
from .inbox_transport import InboxTransport
from .naming import checked_run_name, run_name_of_script
from .notices import Notices
from .observation import Observation
from .observer import Observer
from .probe import Probe
from .ranks import Ranks
from .reduction import REDUCTIONS, Reduce
from .selection import Choices, selection, unwrapped
from .sender import Deliveries
from .settings import Mode, checked_url, inbox_folder
from .standing import Standing
from .transport import Status, Transport


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
    wait: float | None = None,
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
        wait: Seconds that :meth:`Watcher.epoch_end` waits at most for the daemon's verdict; by default a 500th of
            the epoch's own time, and 2 s at most. A verdict that takes longer is told at the end of the next epoch.
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
    if any(not (math.isfinite(seconds) and seconds >= 0) for seconds in (wait, close_wait) if seconds is not None):
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
    observation = Observation(
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
        observation.begin_probing(kept)
    else:
        assert stream_every is not None, "checked above"
        observation.begin_streaming(model, stream_every, rows)
    return Watcher(name, observation)


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

    def __init__(self, run: str, observation: Observation | None) -> None:
        self._run = run
        self._observation = observation
        if observation is not None:
            atexit.register(self._close_at_exit)

    @property
    def run(self) -> str:
        """The run's name."""
        return self._run

    @property
    def standing(self) -> Standing:
        """The newest standing, without waiting."""
        return self._observation.standing if self._observation is not None else Standing()

    @property
    def layers(self) -> tuple[str, ...]:
        """The watched layers in forward order; empty before the first pass."""
        return tuple(self._observation.observer.layers or ()) if self._observation is not None else ()

    @property
    def deliveries(self) -> Deliveries:
        """How many frames were offered, sent and dropped, and why."""
        return self._observation.deliveries if self._observation is not None else Deliveries(0, 0, 0, {})

    def epoch_end(self, epoch: int | None = None, **metrics: Any) -> Standing:
        """Ends an epoch: shows the daemon the network as it is now, and says what it thinks of it.

        Args:
            epoch: The epoch's number; one more than the last one by default, starting with 1.
            metrics: Numbers for the record, ``train_loss=...``: anything that ``float`` takes.

        Returns:
            Where the run stands. ``if watcher.epoch_end(...).stop: break``
        """
        return self._observation.epoch_end(epoch, metrics) if self._observation is not None else Standing()

    def close(self, status: Status | None = None) -> None:
        """Finishes the run; a second call does nothing. Happens at exit by itself.

        Without ``status`` it is ``stopped`` after the daemon asked for it, ``failed`` while Python exits because of
        an error, and otherwise ``finished``.
        """
        if self._observation is None:
            return
        atexit.unregister(self._close_at_exit)
        self._observation.close(status)

    def _close_at_exit(self) -> None:
        # Python keeps there what ended the script.
        self.close("failed" if getattr(sys, "last_value", None) is not None else None)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("failed" if kind is not None else None)
