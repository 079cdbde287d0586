"""How the loss of each row is computed, from the loss that the user trains with."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

#: What a loss says about the network's output: scores of classes, one logit for each label, or values.
Kind = Literal["classes", "logits", "labels", "values"]
#: ``loss(output, labels)``, a loss module, or a function of ``torch.nn.functional``.
Loss = Callable[..., Any]

_MODULES: dict[type[nn.Module], Kind] = {
    nn.CrossEntropyLoss: "classes",
    nn.NLLLoss: "classes",
    nn.MultiMarginLoss: "classes",
    nn.BCEWithLogitsLoss: "logits",
    nn.BCELoss: "logits",
    nn.SoftMarginLoss: "labels",
    nn.MultiLabelMarginLoss: "labels",
    nn.MultiLabelSoftMarginLoss: "labels",
    nn.MSELoss: "values",
    nn.L1Loss: "values",
    nn.SmoothL1Loss: "values",
    nn.HuberLoss: "values",
    nn.PoissonNLLLoss: "values",
    nn.KLDivLoss: "values",
}
_FUNCTIONS: dict[Any, Kind] = {
    functional.cross_entropy: "classes",
    functional.nll_loss: "classes",
    functional.multi_margin_loss: "classes",
    functional.binary_cross_entropy_with_logits: "logits",
    functional.binary_cross_entropy: "logits",
    functional.soft_margin_loss: "labels",
    functional.multilabel_margin_loss: "labels",
    functional.multilabel_soft_margin_loss: "labels",
    functional.mse_loss: "values",
    functional.l1_loss: "values",
    functional.smooth_l1_loss: "values",
    functional.huber_loss: "values",
    functional.poisson_nll_loss: "values",
    functional.kl_div: "values",
}
#: PyTorch's default: positions with this label have no loss.
IGNORE_INDEX = -100


class NextTokenLoss(nn.CrossEntropyLoss):
    """Cross-entropy of a language model whose labels are its input tokens, as Hugging Face's causal models have them.

    The output at a position is compared with the label at the next one.
    """


class ScalarLossError(Exception):
    """The loss is one number for the whole batch."""


class RowLoss:
    """A loss for each row.

    Modules and functions of PyTorch are called without their reduction, so that weights, ``ignore_index``, label
    smoothing and the rest stay.

    # Errors
    :class:`TypeError` if ``loss`` cannot be called.
    """

    def __init__(self, loss: Loss) -> None:
        if isinstance(loss, type):
            raise TypeError(f"loss: pass an instance, {loss.__name__}(), not the class")
        if not callable(loss):
            raise TypeError(f"loss: {type(loss).__name__} is neither a loss module nor a function of (output, labels)")
        function = loss.func if isinstance(loss, functools.partial) else loss
        settings = loss.keywords if isinstance(loss, functools.partial) else {}
        self.kind: Kind | None = _kind(function)
        #: Labels of this value have no loss.
        self.ignore_index = int(settings.get("ignore_index", getattr(loss, "ignore_index", IGNORE_INDEX)))
        #: Whether the output holds probabilities, not logits.
        self.of_probabilities = isinstance(loss, nn.BCELoss) or function is functional.binary_cross_entropy
        #: Whether the label of a position is that of the next one.
        self.shifted = isinstance(loss, NextTokenLoss)
        self._loss = _unreduced(loss)

    def __call__(self, output: Any, labels: Any) -> torch.Tensor:
        """Returns the losses before any mean: ``[rows]`` or more dimensions.

        # Errors
        :class:`ScalarLossError`; :class:`TypeError` if the result is not a tensor; and what the loss raises.
        """
        if self.kind is not None and isinstance(self._loss, nn.Module):
            # A copy of our own, so it may move: its weights follow the network to another device.
            self._loss.to(output.device, torch.float32)
        losses = self._loss(output, labels)
        if not isinstance(losses, torch.Tensor):
            raise TypeError(f"it returned {type(losses).__name__}, not a tensor")
        if losses.dim() == 0:
            raise ScalarLossError
        return losses.detach().float()


def _kind(loss: Any) -> Kind | None:
    if isinstance(loss, nn.Module):
        return next((kind for module, kind in _MODULES.items() if isinstance(loss, module)), None)
    # An instance of a class with __eq__ may not be hashable.
    return next((kind for function, kind in _FUNCTIONS.items() if function is loss), None)


def _unreduced(loss: Loss) -> Loss:
    """Returns the loss with ``reduction="none"`` if it has a reduction."""
    if isinstance(loss, nn.Module):
        if not isinstance(getattr(loss, "reduction", None), str):
            return loss
        # Modules of users may hold whole networks.
        ours = copy.deepcopy(loss) if _kind(loss) is not None else copy.copy(loss)
        ours.reduction = "none"  # type: ignore[assignment]
        return ours
    try:
        reduces = "reduction" in inspect.signature(loss).parameters
    except (TypeError, ValueError):  # a built-in function
        reduces = False
    return functools.partial(loss, reduction="none") if reduces else loss
