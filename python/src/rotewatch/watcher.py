"""The interface for a training loop: :func:`watch` and :class:`Watcher`."""

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
from .losses import Loss
from .naming import checked_run_name, run_name_of_script
from .notices import Notices
from .observation import Observation
from .observer import Observer
from .probe import Probe
from .ranks import Ranks
from .reduction import REDUCTIONS, Reduce
from .scores import Scoring, Task
from .selection import Choices, selection, unwrapped
from .sender import Deliveries
from .settings import Mode, checked_url, inbox_folder
from .transport import Status, Transport
from .verdict import Verdict, by_old_name


def watch(
    model: nn.Module,
    *,
    probe: Any = None,
    seen: Any = None,
    loss: Loss | None = None,
    task: Task | None = None,
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
    """Starts to watch a network. Call it before the first training step, on every rank.

    With ``probe``, declares the run and probes the untrained network (epoch 0) before it returns.

    ``probe`` and ``seen`` are each a batch, a loader of batches, a list of batches, or a map-style data set. They are
    read once. A data set, or a loader of one, gives ``rows`` examples chosen by ``seed`` from all that the loader would
    draw, whether it is sorted or shuffles; other loaders give their first examples.

    A batch is a tensor or array, a mapping (passed as keyword arguments, without ``labels``, ``label`` and
    ``label_ids``) or a tuple ``(inputs, labels)``. A list that starts with a tensor is a batch ``[inputs, labels]`` if
    it has two entries and the second is an integer or boolean tensor, or a floating-point tensor whose shape differs in
    more than the number of rows. Two or more floating-point tensors that differ in their number of rows at most are a
    list of batches. Any other list that starts with a tensor is one batch.

    Args:
        model: The network; it may be wrapped in ``torch.compile``, DDP or FSDP.
        probe: Examples that are not trained on, see above; :func:`rotewatch.hold_out` makes such a set. They go through
            the network after every epoch, in evaluation mode and without gradients. Their labels, if there are any, are
            used for the losses and errors of single rows only.
        seen: Examples of the training set, preferably with labels. They go through the network in the same way.
            Memorization shows as the difference between both sets.
        loss: How the loss of a row is computed, if not by cross-entropy of integer labels: a loss module of PyTorch, a
            function of ``torch.nn.functional``, or ``loss(output, labels)`` that returns one loss for each row (further
            dimensions are averaged). Pass the loss that you train with.
        task: What the outputs are: ``classes``, ``binary`` (one logit for each row), ``labels`` (several for each row),
            ``tokens`` (a class for each position) or ``values``. By default, the loss and the labels say it. Without
            loss and labels, no output counts as scores of classes.
        stream_every: Without a probe, sample rows of the batch every this many training steps.
        run: The run's name, ``[A-Za-z0-9][A-Za-z0-9._-]{0,63}``; by default the script's name.
        layers: A name, a glob, a class, a module, or a list of these. By default the outputs of all linear,
            convolution and attention modules except the last.
        modules: The network's modules by name, for frameworks that do not register them with PyTorch.
        reduce: How the positions of a sequence or feature map become one number for each row and neuron.
        rows: Number of examples of the probe and of ``seen``, or of sampled rows an epoch. Use at least 5 for each of
            the 50 bins.
        neurons_per_layer: Maximum of neurons sent of each layer, the same ones every epoch; ``None`` for all.
        forward: ``forward(network, batch) -> logits`` for networks that need more than their inputs. It receives the
            unwrapped network and the whole batch.
        wait: Maximum time in seconds that :meth:`Watcher.epoch_end` waits for the verdict; by default 1/500 of the
            epoch's duration, at most 2 s. The next ``epoch_end`` returns a verdict that takes longer.
        close_wait: Maximum time in seconds that :meth:`Watcher.close` waits for queued messages.
        seed: Seed for every choice of rows, neurons and positions.
        mode: ``online``, ``offline`` (writes the inbox format) or ``disabled``; ``ROTEWATCH_MODE`` by default.
        url: The daemon's address; found automatically on the same machine.
        token: The daemon's token; found automatically on the same machine.
        inbox: The folder for ``offline`` mode; ``ROTEWATCH_INBOX`` or ``STATE/inbox`` by default.
        framework: Name of the training framework, shown with the run.

    Raises:
        ValueError, TypeError: for invalid arguments only. Without a daemon, or with a network that has no layer to
            watch, the training continues unwatched and a warning says why.
    """
    name = checked_run_name(run) if run is not None else run_name_of_script()
    chosen_mode = Mode.chosen(mode)
    if reduce not in REDUCTIONS:
        raise ValueError(f"unknown reduce {reduce!r}: use one of {', '.join(REDUCTIONS)}")
    if rows < 1 or (neurons_per_layer is not None and neurons_per_layer < 2):
        raise ValueError("rows must be at least 1 and neurons_per_layer at least 2")
    if any(not (math.isfinite(seconds) and seconds >= 0) for seconds in (wait, close_wait) if seconds is not None):
        raise ValueError("wait and close_wait must be finite numbers of seconds, 0 or more")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    if url is not None:
        checked_url(url)
    if chosen_mode is Mode.DISABLED:
        return Watcher(name, None)
    if (probe is None) == (stream_every is None):
        raise ValueError("pass either probe=... (examples not trained on) or stream_every=N (rows of every N-th batch)")
    if stream_every is not None and stream_every < 1:
        raise ValueError("stream_every must be a number of steps, 1 or more")
    if seen is not None and probe is None:
        raise ValueError("seen=... needs probe=...: rows that are trained on are compared with rows that are not")

    notices = Notices(name)
    try:
        ranks = Ranks()
    except Exception as error:
        notices.once("ranks", f"nothing is watched: cannot create a process group: {type(error).__name__}: {error}")
        return Watcher(name, None)
    notices = Notices(name, aloud=ranks.first)
    observer = Observer(
        unwrapped(model),
        selection(unwrapped(model), layers, modules),
        notices,
        Scoring(loss, task, notices, reduce=reduce),
        reduce=reduce,
        neurons_per_layer=neurons_per_layer,
        seed=seed,
    )
    if not observer.sees_something:
        notices.once(
            "empty",
            "nothing is watched: the network has no hidden linear, convolution or attention layer; set layers=[...]",
        )
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
        kept = [
            _kept(source, rows, forward, notices, seed, what)
            for source, what in ((probe, "probe"), (seen, "seen"))
            if source is not None
        ]
        complete = [each for each in kept if each is not None]
        if not all(ranks.everywhere(len(complete) == len(kept))) or len(complete) < len(kept):
            return Watcher(name, None)
        observation.begin_probing(*complete)
    else:
        assert stream_every is not None, "checked above"
        observation.begin_streaming(model, stream_every, rows)
    return Watcher(name, observation)


def _kept(source: Any, rows: int, forward: Forward | None, notices: Notices, seed: int, name: str) -> Probe | None:
    """Returns the examples, or ``None`` after logging a warning if their loader fails."""
    try:
        return Probe.of(source, rows=rows, forward=forward, notices=notices, seed=seed, name=name)
    except (ValueError, TypeError):
        raise
    except Exception as error:
        what = "the probe" if name == "probe" else "the seen rows"
        notices.once(name, f"nothing is watched: cannot read {what}: {type(error).__name__}: {error}")
        return None


class Watcher:
    """A watched run. Its methods never raise, and never wait longer than set in :func:`watch`."""

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
    def verdict(self) -> Verdict:
        """The newest verdict, without waiting."""
        return self._observation.verdict if self._observation is not None else Verdict()

    @property
    def standing(self) -> Verdict:
        """The old name of ``verdict``, for one release."""
        return by_old_name(self.verdict)

    @property
    def layers(self) -> tuple[str, ...]:
        """The watched layers in forward order; empty before the first forward pass."""
        return tuple(self._observation.observer.layers or ()) if self._observation is not None else ()

    @property
    def deliveries(self) -> Deliveries:
        """How many frames were offered, sent and dropped, and why they were dropped."""
        return self._observation.deliveries if self._observation is not None else Deliveries(0, 0, 0, {})

    def epoch_end(self, epoch: int | None = None, **metrics: Any) -> Verdict:
        """Ends an epoch: sends the current activations to the daemon and returns the newest verdict.

        Args:
            epoch: The epoch's number; by default one more than the last, starting with 1.
            metrics: Numbers to record, such as ``train_loss=...``: anything that ``float`` accepts.

        Returns:
            The newest verdict. ``if watcher.epoch_end(...).stop: break``
        """
        return self._observation.epoch_end(epoch, metrics) if self._observation is not None else Verdict()

    def close(self, status: Status | None = None) -> None:
        """Finishes the run; a second call does nothing. Called automatically at exit.

        The default status is ``stopped`` after the daemon asked for a stop, ``failed`` while Python exits because of
        an error, and otherwise ``finished``.
        """
        if self._observation is None:
            return
        atexit.unregister(self._close_at_exit)
        self._observation.close(status)

    def _close_at_exit(self) -> None:
        # Python stores the exception that ended the script in sys.last_value.
        self.close("failed" if getattr(sys, "last_value", None) is not None else None)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("failed" if kind is not None else None)
