"""Hooks that exist for one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from .reduction import UnusableOutputError, rows_by_neurons, seeded


class NeuronChoice:
    """Picks the same neurons in every pass for a layer that has more than ``at_most``."""

    def __init__(self, at_most: int | None, seed: int) -> None:
        self._at_most = at_most
        self._seed = seed
        self._chosen: dict[tuple[str, int, torch.device], torch.Tensor] = {}

    def of(self, name: str, activations: torch.Tensor) -> torch.Tensor:
        """Returns the chosen columns of ``[rows, neurons]``, or all of them."""
        width = activations.shape[1]
        if self._at_most is None or width <= self._at_most:
            return activations
        key = (name, width, activations.device)
        if key not in self._chosen:
            places = torch.randperm(width, generator=seeded(self._seed, "neurons", name))[: self._at_most]
            self._chosen[key] = places.sort().values.to(activations.device)
        return activations.index_select(1, self._chosen[key])


class Capture:
    """While open, records the outputs of the given modules, reduced to rows x neurons on their own device.

    Of the modules in ``classifiers``, it records the input of the one that is called last, under the name ``features``.

    If a module is called several times in a pass, its first call is recorded. Layers whose output cannot be used are
    listed in ``unusable`` with the reason; a hook never raises.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        neurons: NeuronChoice,
        *,
        classifiers: Mapping[str, nn.Module],
        features: str,
        rows: int,
        reduce: str,
        seed: tuple[object, ...],
        chosen: torch.Tensor | None = None,
    ) -> None:
        self._modules = modules
        self._classifiers = classifiers
        self._features = features
        self._neurons = neurons
        self._reduce = reduce
        self._seed = seed
        self.rows = rows
        self.chosen = chosen
        self._handles: list[RemovableHandle] = []
        self.layers: dict[str, torch.Tensor] = {}
        self.unusable: dict[str, str] = {}
        #: The modules that were called, in this order, including those with unusable outputs.
        self.called: list[str] = []
        #: The classifiers that were called, in this order.
        self.called_classifiers: list[str] = []

    def __enter__(self) -> Capture:
        for name, module in self._modules.items():
            self._handles.append(module.register_forward_hook(self._hook(name)))
        for name, module in self._classifiers.items():
            self._handles.append(module.register_forward_hook(self._input_hook(name), with_kwargs=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _hook(self, name: str) -> Callable[[nn.Module, object, object], None]:
        def keep(module: nn.Module, inputs: object, output: object) -> None:
            if name not in self.called:
                self.called.append(name)
                self._keep(name, module, output)

        return keep

    def _input_hook(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], object], None]:
        def keep(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> None:
            if name not in self.called_classifiers:
                self.called_classifiers.append(name)
                self._keep(self._features, module, (args, kwargs))

        return keep

    def _keep(self, name: str, module: nn.Module, tensors: object) -> None:
        """Records a layer in place of what was recorded under its name before."""
        self.layers.pop(name, None)
        self.unusable.pop(name, None)
        try:
            with torch.no_grad():
                reduced = rows_by_neurons(
                    tensors,
                    module,
                    rows=self.rows,
                    reduce=self._reduce,
                    seed=(*self._seed, name),
                    chosen=self.chosen,
                )
                self.layers[name] = self._neurons.of(name, reduced)
        except UnusableOutputError as unusable:
            self.unusable[name] = str(unusable)
        except Exception as error:
            self.unusable[name] = f"{type(error).__name__}: {error}"
