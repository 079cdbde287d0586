"""Keras 3 on its PyTorch backend: ``model.fit(..., callbacks=[RotewatchCallback(probe=x_held_out)])``.

Stops through ``model.stop_training``, as Keras' own early stopping does. A Keras layer applies its activation function
itself, so the watched values are those after the function, unless the function is a separate layer.
"""

from __future__ import annotations

from typing import Any

try:
    import keras
except ImportError as missing:
    raise ImportError("rotewatch.keras needs Keras 3: pip install 'rotewatch[keras]'") from missing

import torch

from .batch import inputs_of
from .verdict import Verdict, by_old_name
from .watcher import Watcher, watch

__all__ = ["RotewatchCallback"]


class RotewatchCallback(keras.callbacks.Callback):
    """Watches a training that runs in Keras' ``fit``.

    Args:
        probe: Examples that are not trained on: an array, a tensor, a tuple ``(inputs, labels)``, or a loader of
            batches.
        stop: Whether to end the training when the daemon asks for it.
        options: Further arguments of :func:`rotewatch.watch`, except ``stream_every``. Without ``loss`` and ``task``,
            the outputs are scores of classes if the model is compiled with a categorical cross-entropy.
    """

    def __init__(self, probe: Any, *, stop: bool = True, **options: Any) -> None:
        super().__init__()
        if keras.backend.backend() != "torch":
            raise RuntimeError(
                f"rotewatch supports Keras on PyTorch only, not on {keras.backend.backend()}: set KERAS_BACKEND=torch"
            )
        self._probe = probe
        self._stop = stop
        self._options = options
        self._watcher: Watcher | None = None
        #: The newest verdict on the run.
        self.verdict = Verdict()

    @property
    def standing(self) -> Verdict:
        """The old name of ``verdict``, for one release."""
        return by_old_name(self.verdict)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Declares the run and probes the untrained network."""
        options = {"framework": "keras", "forward": _forward, "modules": _layers(self.model), **self._options}
        if options.get("loss") is None and options.get("task") is None and _is_categorical(self.model.loss):
            options["loss"] = torch.nn.CrossEntropyLoss()
            if options["forward"] is _forward and not getattr(self.model.loss, "from_logits", False):
                options["forward"] = _log_probabilities
        self._watcher = watch(self.model, probe=self._probe, **options)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends the epoch with Keras' logs as its metrics, and stops the training if the daemon asks for it."""
        if self._watcher is None:
            return
        named = {"loss": "train_loss", "accuracy": "train_accuracy"}
        metrics = {named.get(name, name): value for name, value in (logs or {}).items()}
        self.verdict = self._watcher.epoch_end(epoch + 1, **metrics)
        if self._stop and self.verdict.stop:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Finishes the run."""
        if self._watcher is not None:
            self._watcher.close()


def _forward(network: Any, batch: Any) -> Any:
    return network(inputs_of(batch), training=False)


def _log_probabilities(network: Any, batch: Any) -> Any:
    """Returns the logarithms of the network's probabilities, which are logits of the same probabilities."""
    return _forward(network, batch).clamp_min(torch.finfo(torch.float32).tiny).log()


def _is_categorical(loss: Any) -> bool:
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    return name in ("categorical_crossentropy", "sparse_categorical_crossentropy")


def _layers(model: Any) -> dict[str, Any]:
    """Returns every layer by its path in the model; Keras does not register layers as PyTorch submodules."""
    layers = model._flatten_layers(include_self=False, recursive=True)
    return {(layer.path or layer.name).removeprefix(f"{model.name}/"): layer for layer in layers}
