"""Chooses the modules to watch, and their names."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from .naming import layer_name

#: The daemon's default ``limits.layers``.
LAYERS_AT_MOST = 256
#: The name of the layer that holds the classifier's input.
FEATURES = "features"

#: Class names of linear and convolution layers that are not subclasses of PyTorch's own.
_FOREIGN_LAYERS = frozenset(
    {
        "Conv1D",  # transformers' linear layer of GPT-2, and keras' convolution
        *(f"{kind}{n}D" for kind in ("Conv", "SeparableConv", "DepthwiseConv") for n in (1, 2, 3)),
        *(f"Conv{n}DTranspose" for n in (1, 2, 3)),
        "Dense",
        "EinsumDense",
    }
)
_FOREIGN_ATTENTION = frozenset({"MultiHeadAttention", "GroupedQueryAttention"})

Choice = str | type[nn.Module] | nn.Module
Choices = Choice | Iterable[Choice] | None


@dataclass(frozen=True)
class Selection:
    """The modules to watch by name, in the order in which the network registers them."""

    modules: dict[str, nn.Module]
    #: Whether to leave out the last layer in forward order, the classifier.
    without_last: bool
    #: The linear and convolution modules: the last of them in forward order is the classifier.
    classifiers: dict[str, nn.Module] = field(default_factory=dict)
    #: The name of the layer that holds the classifier's input; no module has it.
    features: str = FEATURES

    def settled(self, called: Iterable[str]) -> tuple[list[str], list[str]]:
        """Returns the layers of a run in forward order, and those that the forward pass did not call.

        By default they leave room for the layer of features.
        """
        order = list(called)
        unreached = [name for name in self.modules if name not in order]
        if self.without_last:
            order = order[:-1]
        at_most = LAYERS_AT_MOST - 1
        if len(order) > at_most and self.without_last:
            last = len(order) - 1
            order = [order[place * last // (at_most - 1)] for place in range(at_most)]
        return order, unreached


def unwrapped(model: nn.Module) -> nn.Module:
    """Returns the network inside ``torch.compile``, ``DistributedDataParallel`` and ``DataParallel``, in any order.

    Does not unwrap FSDP, whose parameters are complete only during its own forward pass.
    """
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def runs_compiled(model: nn.Module) -> bool:
    """Returns whether a training step skips hooks on the layers, because it is compiled or replicated in threads."""
    compiled = any(
        hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )
    return compiled or any(isinstance(module, nn.DataParallel) for module in model.modules())


def selection(network: nn.Module, choices: Choices, modules: Mapping[str, nn.Module] | None = None) -> Selection:
    """Selects the layers to watch in an unwrapped network; ``modules`` names modules that it does not register.

    Without ``choices``, selects the outputs of all linear, convolution and attention modules except the last. A string
    is a module name or a glob over names (``encoder.*.linear1``), a class selects all of its instances.

    # Errors
    :class:`ValueError` for a choice that matches nothing; :class:`TypeError` for a choice of another type.
    """
    named = _named(network) if modules is None else dict(modules)
    by_default = _by_default(named)
    classifiers = {name: module for name, module in by_default.items() if not _is_attention(module)}
    features = _free_name(FEATURES, named)
    if choices is None:
        return Selection(by_default, True, classifiers, features)
    if isinstance(choices, (str, type, nn.Module)):
        choices = [choices]
    names = {module: name for name, module in named.items()}
    chosen: set[nn.Module] = set()
    for choice in choices:
        matching = {module for module, name in names.items() if _matches(choice, name, module)}
        if not matching:
            listed = ", ".join(list(names.values())[:20]) or "none"
            raise ValueError(f"layers: no module matches {choice!r}; available modules: {listed}")
        chosen |= matching
    modules = {name: module for module, name in names.items() if module in chosen}
    return Selection(modules, False, classifiers, features)


def _matches(choice: Choice, name: str, module: nn.Module) -> bool:
    if isinstance(choice, str):
        return name == choice or fnmatch.fnmatchcase(name, choice)
    if isinstance(choice, type):
        return isinstance(module, choice)
    if isinstance(choice, nn.Module):
        return module is unwrapped(choice)
    raise TypeError(f"layers: {choice!r} is not a name, a glob, a module or a module class")


def _named(network: nn.Module) -> dict[str, nn.Module]:
    """Returns each module once by name; numbers names that collide."""
    named: dict[str, nn.Module] = {}
    for path, module in network.named_modules():
        if isinstance(getattr(module, "_orig_mod", None), nn.Module) or hasattr(module, "_fsdp_wrapped_module"):
            continue
        named[_free_name(layer_name(path, module), named)] = module
    return named


def _free_name(wanted: str, taken: Mapping[str, nn.Module]) -> str:
    """Returns the name with the first number that makes it free, or as it is."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted[:100]}~{number}", number + 1
    return name


def _by_default(named: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    attentions = tuple(name for name, module in named.items() if _is_attention(module))
    # The projections inside an attention module are never called or repeat its output.
    inner = tuple(name + separator for name in attentions for separator in "./")
    return {name: module for name, module in named.items() if _worth_watching(module) and not name.startswith(inner)}


def _is_attention(module: nn.Module) -> bool:
    return isinstance(module, nn.MultiheadAttention) or type(module).__name__ in _FOREIGN_ATTENTION


def _worth_watching(module: nn.Module) -> bool:
    kinds = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)
    return isinstance(module, kinds) or type(module).__name__ in _FOREIGN_LAYERS or _is_attention(module)


def device_of(network: nn.Module) -> torch.device:
    """Returns the device of the network's first parameter or buffer, or the CPU if it has none."""
    for tensor in [*network.parameters(), *network.buffers()]:
        return tensor.device
    return torch.device("cpu")
