"""The watched layers of one network: opens captures and turns them into frames with the same layers each time."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .capture import Capture, NeuronChoice
from .frame import Frame
from .notices import Notices
from .row_numbers import RowNumbers
from .scores import Scoring
from .selection import LAYERS_AT_MOST, Selection


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
        scoring: Scoring,
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
        #: The layer that holds the classifier's input; ``None`` before the first pass, and if there is none.
        self.features_layer: str | None = None
        self._selection = selection
        self._notices = notices
        self._neurons = NeuronChoice(neurons_per_layer, seed)
        self._scoring = scoring
        self._modules = dict(selection.modules)
        self._classifiers = dict(selection.classifiers)
        self._widths: dict[str, int] = {}

    @property
    def sees_something(self) -> bool:
        """Whether there is a layer to watch."""
        return bool(self._modules)

    @property
    def task(self) -> str | None:
        """What the network's outputs are; ``None`` while unknown."""
        return self._scoring.task

    def capture(self, rows: int, *position: object, chosen: torch.Tensor | None = None) -> Capture:
        """Opens hooks for a pass over ``rows`` examples and keeps the ``chosen`` ones; ``position`` seeds choices."""
        return Capture(
            self._modules,
            self._neurons,
            classifiers=self._classifiers,
            features=self._selection.features,
            rows=rows,
            reduce=self.reduce,
            seed=(self.seed, *position),
            chosen=chosen,
        )

    def frame(self, capture: Capture, output: object, labels: Any = None) -> Frame:
        """Returns the frame of a pass; warns once about each missing or unusable layer and leaves it out."""
        if self.layers is None:
            self._settle(capture)
        assert self.layers is not None, "set by _settle"
        for name, reason in capture.unusable.items():
            self._notices.once(f"unusable {name}", f"layer {name} is left out: {reason}")
        ordered = {name: capture.layers[name] for name in self.layers if name in capture.layers}
        numbers = self.numbers(output, labels, capture.rows)
        if capture.chosen is not None:
            chosen = capture.chosen
            numbers = numbers.mapped(lambda n: n.index_select(0, chosen.to(n.device, non_blocking=True)))
        return Frame(ordered, numbers).without(self._of_another_width(ordered))

    def numbers(self, output: object, labels: Any, rows: int) -> RowNumbers:
        """Returns the numbers of each row of a pass, on the network's device."""
        return self._scoring.numbers(output, labels, rows)

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
        self._settle_features(capture)
        if not self.layers:
            self._notices.once(
                "hidden", "nothing is watched: the network has no hidden layer; choose some with layers=[...]"
            )

    def _settle_features(self, capture: Capture) -> None:
        assert self.layers is not None, "set by _settle"
        name = self._selection.features
        classifier = capture.called_classifiers[-1:]
        reason = capture.unusable.pop(name, None)
        if reason is None and name in capture.layers and capture.layers[name].shape[1] < 2:
            reason = "it has one neuron"
        if reason is not None:
            self._notices.inform(f"the input of the last layer {classifier[0]} is not watched: {reason}")
        usable = name in capture.layers and reason is None and len(self.layers) < LAYERS_AT_MOST
        usable = usable and (bool(self.layers) or self._learns_before(classifier[0]))
        self.features_layer = name if usable else None
        self.layers += [name] if usable else []
        self._classifiers = {each: self._classifiers[each] for each in classifier} if usable else {}

    def _learns_before(self, classifier: str) -> bool:
        """Whether anything but the classifier has parameters: else its input is the data, which never changes."""
        own = set(map(id, self._classifiers[classifier].parameters()))
        return any(id(parameter) not in own for parameter in self.network.parameters())

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
