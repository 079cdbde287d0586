"""The watched layers of one network: opens captures and turns them into frames with the same layers each time."""

from __future__ import annotations

import torch
from torch import nn

from .capture import Capture, NeuronChoice
from .frame import Frame
from .notices import Notices
from .selection import Selection


class Observer:
    """The watched layers of one network.

    The first forward pass determines which layers are declared, and in which order: a network may hold modules that it
    never calls, and may register them in any order.
    """

    def __init__(
        self,
        network: nn.Module,
        selection: Selection,
        notices: Notices,
        *,
        reduce: str,
        neurons_per_layer: int | None,
        seed: int,
    ) -> None:
        self.network = network
        self.reduce = reduce
        self.seed = seed
        #: The declared layers in forward order; ``None`` before the first pass.
        self.layers: list[str] | None = None
        self._selection = selection
        self._notices = notices
        self._neurons = NeuronChoice(neurons_per_layer, seed)
        self._modules = dict(selection.modules)
        self._widths: dict[str, int] = {}
        self._predicts = True

    @property
    def sees_something(self) -> bool:
        """Whether there is a layer to watch."""
        return bool(self._modules)

    def capture(self, rows: int, *position: object, chosen: torch.Tensor | None = None) -> Capture:
        """Opens hooks for a pass over ``rows`` examples and keeps the ``chosen`` ones; ``position`` seeds choices."""
        return Capture(
            self._modules, self._neurons, rows=rows, reduce=self.reduce, seed=(self.seed, *position), chosen=chosen
        )

    def frame(self, capture: Capture, output: object) -> Frame:
        """Returns the frame of a pass; warns once about each missing or unusable layer and leaves it out."""
        frame, no_predictions = capture.frame(output)
        if self.layers is None:
            self._settle(capture)
        assert self.layers is not None, "set by _settle"
        for name, reason in capture.unusable.items():
            self._notices.once(f"unusable {name}", f"layer {name} is left out: {reason}")
        if no_predictions is not None:
            self._notices.once(
                "predictions",
                f"no predicted classes, so memorized examples cannot be detected: {no_predictions}; "
                "return logits [rows, classes] from forward=",
            )
        ordered = {name: frame.layers[name] for name in self.layers if name in frame.layers}
        return Frame(ordered, frame.predictions).without(self._of_another_width(ordered))

    def _settle(self, capture: Capture) -> None:
        order, unreached = self._selection.settled(capture.called)
        if not capture.called:
            self._notices.once(
                "unreached", "nothing is watched: the forward pass called none of the layers " + _listed(unreached)
            )
            self.layers = []
            return
        if unreached:
            self._notices.once(
                "unreached", f"not watched because the forward pass never calls them: {_listed(unreached)}"
            )
        self.layers = [name for name in order if name not in capture.unusable]
        self._modules = {name: self._modules[name] for name in self.layers}
        if not self.layers:
            self._notices.once(
                "hidden", "nothing is watched: the network has no hidden layer; choose some with layers=[...]"
            )

    def _of_another_width(self, layers: dict[str, torch.Tensor]) -> set[str]:
        changed = set()
        for name, layer in layers.items():
            width = self._widths.setdefault(name, layer.shape[1])
            if layer.shape[1] != width:
                changed.add(name)
                self._notices.once(
                    f"width {name}", f"layer {name} is left out: it has {layer.shape[1]} neurons, before it had {width}"
                )
        return changed


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
