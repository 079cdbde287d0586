"""Lightning: ``Trainer(callbacks=[RotewatchCallback(probe=loader)])``.

Stops through ``trainer.should_stop``, as Lightning's own early stopping does. Do not use lightning 2.6.2 or
2.6.3: these releases were compromised.
"""

from __future__ import annotations

from typing import Any

try:
    import lightning.pytorch as pl
except ImportError:
    try:
        import pytorch_lightning as pl
    except ImportError as missing:
        raise ImportError("rotewatch.lightning needs Lightning: pip install 'rotewatch[lightning]'") from missing

from .verdict import Verdict, by_old_name
from .watcher import Watcher, watch

__all__ = ["RotewatchCallback"]


class RotewatchCallback(pl.Callback):
    """Watches a training that runs in Lightning's ``Trainer``.

    Args:
        probe: As for :func:`rotewatch.watch`; the validation loader by default.
        stop: Whether to end the training when the daemon asks for it.
        options: Further arguments of :func:`rotewatch.watch`.
    """

    def __init__(self, probe: Any = None, *, stop: bool = True, **options: Any) -> None:
        super().__init__()
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

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Declares the run and probes the untrained network."""
        probe = self._probe
        if probe is None and self._options.get("stream_every") is None:
            probe = _first(trainer.val_dataloaders)
        self._watcher = watch(pl_module, probe=probe, **{"framework": "lightning", **self._options})

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Ends the epoch with the logged values as its metrics, and stops the training if the daemon asks for it."""
        if self._watcher is None:
            return
        logged = {name.replace("/", "_").replace("-", "_"): value for name, value in trainer.callback_metrics.items()}
        self.verdict = self._watcher.epoch_end(trainer.current_epoch + 1, **logged)
        if self._stop and self.verdict.stop:
            trainer.should_stop = True

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Finishes the run."""
        self._close(None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Reports the run as failed."""
        self._close("failed")

    def _close(self, status: Any) -> None:
        if self._watcher is not None:
            self._watcher.close(status)


def _first(loaders: Any) -> Any:
    """Returns the first of several validation loaders."""
    if isinstance(loaders, dict):
        loaders = list(loaders.values())
    return loaders[0] if isinstance(loaders, (list, tuple)) and loaders else loaders
