"""Which modules are watched, and under which names."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from .naming import layer_name

#: The daemon's default ``limits.layers``.
LAYERS_AT_MOST = 256

#: What Linear and Conv layers are called where they are not subclasses of PyTorch's own.
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
    """The modules to watch by their names, in the order in which the network registers them."""

    modules: dict[str, nn.Module]
    #: Whether the last one in forward order, the classifier, is to be left out.
    without_last: bool

    def settled(self, called: Iterable[str]) -> tuple[list[str], list[str]]:
        """The layers of a run in forward order, and those that a forward pass did not reach."""
        order = list(called)
        unreached = [name for name in self.modules if name not in order]
        if self.without_last:
            order = order[:-1]
        if len(order) > LAYERS_AT_MOST and self.without_last:
            last = len(order) - 1
            order = [order[place * last // (LAYERS_AT_MOST - 1)] for place in range(LAYERS_AT_MOST)]
        return order, unreached


def unwrapped(model: nn.Module) -> nn.Module:
    """The network itself: out of ``torch.compile``, ``DistributedDataParallel`` and ``DataParallel``, in any order.

    FSDP stays: its parameters are whole only while its own forward runs.
    """
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def runs_compiled(model: nn.Module) -> bool:
    """Whether hooks on the layers would stay silent in a training step: compiled, or replicated in threads."""
    compiled = any(
        hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )
    return compiled or any(isinstance(module, nn.DataParallel) for module in model.modules())


def selection(network: nn.Module, choices: Choices, modules: Mapping[str, nn.Module] | None = None) -> Selection:
    """The layers to watch in an unwrapped network; ``modules`` names them where the network does not register them.

    Without ``choices`` every Linear, convolution and attention output but the last. A text is a module's name or a
    glob over names (``encoder.*.linear1``); a class stands for all of its instances; a module for itself.

    # Errors
    :class:`ValueError` for a choice that matches nothing; :class:`TypeError` for one that is none of these.
    """
    named = _named(network) if modules is None else dict(modules)
    if choices is None:
        return Selection(_by_default(named), without_last=True)
    if isinstance(choices, (str, type, nn.Module)):
        choices = [choices]
    names = {module: name for name, module in named.items()}
    chosen: set[nn.Module] = set()
    for choice in choices:
        matching = {module for module, name in names.items() if _matches(choice, name, module)}
        if not matching:
            listed = ", ".join(list(names.values())[:20]) or "it has none"
            raise ValueError(f"layers: nothing in the network matches {choice!r}; its modules: {listed}")
        chosen |= matching
    return Selection({name: module for module, name in names.items() if module in chosen}, without_last=False)


def _matches(choice: Choice, name: str, module: nn.Module) -> bool:
    if isinstance(choice, str):
        return name == choice or fnmatch.fnmatchcase(name, choice)
    if isinstance(choice, type):
        return isinstance(module, choice)
    if isinstance(choice, nn.Module):
        return module is unwrapped(choice)
    raise TypeError(f"layers: {choice!r} is neither a name, a glob, a module nor a class of modules")


def _named(network: nn.Module) -> dict[str, nn.Module]:
    """Every module once; those whose names collide are numbered."""
    named: dict[str, nn.Module] = {}
    for path, module in network.named_modules():
        if isinstance(getattr(module, "_orig_mod", None), nn.Module) or hasattr(module, "_fsdp_wrapped_module"):
            continue
        name = layer_name(path, module)
        number = 2
        while name in named:
            name, number = f"{layer_name(path, module)[:100]}~{number}", number + 1
        named[name] = module
    return named


def _by_default(named: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    attentions = tuple(name for name, module in named.items() if _is_attention(module))
    # An attention module does not call its projections, or they tell what it tells.
    inner = tuple(name + separator for name in attentions for separator in "./")
    return {name: module for name, module in named.items() if _worth_watching(module) and not name.startswith(inner)}


def _is_attention(module: nn.Module) -> bool:
    return isinstance(module, nn.MultiheadAttention) or type(module).__name__ in _FOREIGN_ATTENTION


def _worth_watching(module: nn.Module) -> bool:
    kinds = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)
    return isinstance(module, kinds) or type(module).__name__ in _FOREIGN_LAYERS or _is_attention(module)


def device_of(network: nn.Module) -> torch.device:
    """Where the network's first parameter or buffer is; the CPU where it has none."""
    for tensor in [*network.parameters(), *network.buffers()]:
        return tensor.device
    return torch.device("cpu")
