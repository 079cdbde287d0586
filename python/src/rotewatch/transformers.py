"""Hugging Face: ``Trainer(callbacks=[RotewatchCallback(probe=batch)])``.

Stops through ``control.should_training_stop``, as the Trainer's own early stopping does.
"""

from __future__ import annotations

from typing import Any

try:
    from transformers import TrainerCallback
except ImportError as missing:
    raise ImportError("rotewatch.transformers needs transformers: pip install 'rotewatch[transformers]'") from missing

import torch

from .losses import NextTokenLoss
from .selection import unwrapped
from .verdict import Verdict, by_old_name
from .watcher import Watcher, watch

__all__ = ["RotewatchCallback"]


class RotewatchCallback(TrainerCallback):
    """Watches a training that runs in Hugging Face's ``Trainer``.

    Args:
        probe: As for :func:`rotewatch.watch`; the Trainer's evaluation loader by default.
        stop: Whether to end the training when the daemon asks for it.
        options: Further arguments of :func:`rotewatch.watch`. Without ``loss`` and ``task``, the model's class says
            what the outputs are.
    """

    def __init__(self, probe: Any = None, *, stop: bool = True, **options: Any) -> None:
        super().__init__()
        self._probe = probe
        self._stop = stop
        self._options = options
        self._watcher: Watcher | None = None
        self._logged: dict[str, Any] = {}
        self._epochs = 0
        #: The newest verdict on the run.
        self.verdict = Verdict()

    @property
    def standing(self) -> Verdict:
        """The old name of ``verdict``, for one release."""
        return by_old_name(self.verdict)

    def on_train_begin(self, args: Any, state: Any, control: Any, **context: Any) -> None:
        """Declares the run and probes the untrained network."""
        probe = self._probe
        if probe is None and self._options.get("stream_every") is None:
            probe = context.get("eval_dataloader")
        self._epochs = round(state.epoch or 0)
        options = {"framework": "transformers", **self._options}
        if options.get("loss") is None and options.get("task") is None:
            options.update(_meaning(unwrapped(context["model"])))
        self._watcher = watch(context["model"], probe=probe, **options)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **context: Any) -> None:
        """Keeps the newest losses and accuracies for the end of the epoch."""
        named = {"loss": "train_loss", "eval_loss": "val_loss", "eval_accuracy": "val_accuracy"}
        self._logged.update({named[name]: value for name, value in (logs or {}).items() if name in named})

    def on_epoch_end(self, args: Any, state: Any, control: Any, **context: Any) -> None:
        """Ends the epoch with the logged values as its metrics, and stops the training if the daemon asks for it."""
        if self._watcher is None:
            return
        self._epochs += 1
        self.verdict = self._watcher.epoch_end(self._epochs, **self._logged)
        if self._stop and self.verdict.stop:
            control.should_training_stop = True

    def on_train_end(self, args: Any, state: Any, control: Any, **context: Any) -> None:
        """Finishes the run."""
        if self._watcher is not None:
            self._watcher.close()


def _meaning(model: Any) -> dict[str, Any]:
    """Returns the task, or the loss that the model itself computes from labels, by the name of its class."""
    name = type(model).__name__
    if "ForCausalLM" in name or "LMHeadModel" in name:
        return {"loss": NextTokenLoss()}
    if any(head in name for head in ("ForMaskedLM", "ForTokenClassification")):
        return {"task": "tokens"}
    if "ForMultipleChoice" in name:
        return {"task": "classes"}
    heads = ("ForSequenceClassification", "ForImageClassification", "ForAudioClassification", "ForVideoClassification")
    if not any(head in name for head in heads):
        return {}
    config = getattr(model, "config", None)
    problem, labels = getattr(config, "problem_type", None), getattr(config, "num_labels", None)
    if problem == "regression" or (problem is None and labels == 1):
        return {"loss": torch.nn.MSELoss()}
    if problem == "multi_label_classification":
        return {"loss": torch.nn.BCEWithLogitsLoss(), "task": "labels"}
    return {"task": "classes"}
