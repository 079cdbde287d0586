"""What a training learns: how its outputs are scored, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Scores:
    """Numbers of each row of a pass; all tensors are [rows]."""

    losses: torch.Tensor
    #: 1 where the predicted class is not the given one; for tokens their share; `None` where there are no classes.
    errors: torch.Tensor | None
    predictions: torch.Tensor | None
    confidence: torch.Tensor | None
    entropy: torch.Tensor | None


class Classes:
    """Classification: outputs are logits [rows, classes], targets [rows]."""

    judged_by = "accuracy"

    def __init__(self, smoothing: float = 0.0) -> None:
        self._smoothing = smoothing

    def training_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss that is minimised; targets may be mixed rows [rows, classes]."""
        return functional.cross_entropy(outputs, targets, label_smoothing=self._smoothing)

    def scores(self, outputs: torch.Tensor, targets: torch.Tensor) -> Scores:
        """Returns the numbers of each row."""
        logs = outputs.float().log_softmax(1)
        predictions = logs.argmax(1)
        chances = logs.exp()
        return Scores(
            losses=functional.nll_loss(logs, targets, reduction="none"),
            errors=(predictions != targets).float(),
            predictions=predictions,
            confidence=chances.amax(1),
            entropy=-(chances * logs).sum(1),
        )


class Tokens:
    """Language modelling: outputs are logits [rows, positions, symbols], targets [rows, positions]."""

    judged_by = "loss"

    def training_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Returns the loss that is minimised."""
        return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    def scores(self, outputs: torch.Tensor, targets: torch.Tensor) -> Scores:
        """Returns the numbers of each row, as means over its positions."""
        logs = outputs.float().log_softmax(2)
        chances = logs.exp()
        return Scores(
            losses=functional.nll_loss(logs.flatten(0, 1), targets.flatten(), reduction="none")
            .view_as(targets)
            .mean(1),
            errors=(logs.argmax(2) != targets).float().mean(1),
            # One position stands for the row: the last, which has the longest context.
            predictions=logs[:, -1].argmax(1),
            confidence=chances.amax(2).mean(1),
            entropy=-(chances * logs).sum(2).mean(1),
        )


class Values:
    """Regression and reconstruction: outputs and targets have the same shape."""

    judged_by = "loss"

    def training_loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Returns the loss that is minimised."""
        return functional.mse_loss(outputs, targets)

    def scores(self, outputs: torch.Tensor, targets: torch.Tensor) -> Scores:
        """Returns the numbers of each row."""
        losses = (outputs.float() - targets.float()).square().flatten(1).mean(1)
        return Scores(losses, None, None, None, None)


Task = Classes | Tokens | Values
