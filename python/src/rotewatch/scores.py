"""The numbers of each row from the network's output: loss, error, predicted class, confidence, entropy.

An output counts as scores of classes only if the loss, the labels or the user say so: the outputs of an autoencoder
look the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch

from .class_scores import ClassScores, averaged
from .losses import IGNORE_INDEX, Loss, RowLoss, ScalarLossError
from .notices import Notices
from .reduction import UnusableOutputError, first_tensor
from .row_numbers import RowNumbers

#: What the outputs are: one class for each row, one of two, several labels, one class for each position, or values.
Task = Literal["classes", "binary", "labels", "tokens", "values"]
TASKS: tuple[str, ...] = get_args(Task)


class Scoring:
    """Computes the numbers of rows; finds out the task if neither the user nor the loss says it.

    Never raises: what cannot be computed is left out, with one warning.

    # Errors
    :class:`TypeError` or :class:`ValueError` on creation, if ``loss`` or ``task`` is invalid.
    """

    def __init__(self, loss: Loss | None, task: str | None, notices: Notices, *, reduce: str) -> None:
        if task is not None and task not in TASKS:
            raise ValueError(f"unknown task {task!r}: use one of {', '.join(TASKS)}, or None to find out")
        self._loss = None if loss is None else RowLoss(loss)
        #: The task; ``None`` while it is unknown.
        self.task = task
        self._notices = notices
        self._reduce = reduce
        self._scalar_loss = False

    def numbers(self, output: object, labels: Any, rows: int) -> RowNumbers:
        """Returns what the output of a pass over ``rows`` examples says of each; ``labels`` may be ``None``."""
        try:
            scores = _scores_in(output)
            if isinstance(labels, torch.Tensor):
                labels = self._placed(labels, scores)
            self.task = self.task or self._found(scores, labels, rows)
            if self.task is None and labels is None:
                self._no_classes('pass loss=... (the loss that you train with), or task="classes" for class scores')
            numbers = self._class_numbers(scores, labels, rows)
            losses = self._losses(output, scores, labels, rows)
            return RowNumbers(losses=losses, **numbers.known)
        except Exception as error:
            self._notices.once("numbers", f"no numbers of single rows: {type(error).__name__}: {error}")
            return RowNumbers()

    def _placed(self, labels: torch.Tensor, scores: torch.Tensor | None) -> torch.Tensor:
        if scores is not None:
            labels = labels.to(scores.device, non_blocking=True)
        if self._loss is not None and self._loss.shifted and labels.dim() > 1:
            end = torch.full_like(labels[:, :1], self._loss.ignore_index)
            labels = torch.cat([labels[:, 1:], end], dim=1)
        return labels

    @property
    def _ignore_index(self) -> int:
        return IGNORE_INDEX if self._loss is None else self._loss.ignore_index

    def _found(self, scores: torch.Tensor | None, labels: Any, rows: int) -> str | None:
        """Returns what the loss says of the task, or else the labels."""
        if scores is None:
            return None
        kind = None if self._loss is None else self._loss.kind
        if kind == "logits":
            return "binary" if scores.numel() == rows else "labels"
        if kind in ("labels", "values"):
            return kind
        whole = isinstance(labels, torch.Tensor) and not (labels.is_floating_point() or labels.is_complex())
        if kind is None and not whole:
            return None
        try:
            of_classes = self._of_classes(scores, labels, rows)
        except UnusableOutputError:
            return None if kind is None else "tokens" if scores.dim() > 2 else "classes"
        # Labels such as an age are integers too.
        if kind is None and not of_classes.labels_are_classes(self._ignore_index):
            return None
        return "tokens" if of_classes.positions else "classes"

    def _of_classes(self, scores: torch.Tensor, labels: Any, rows: int) -> ClassScores:
        if self._reduce == "last" and self.task != "tokens" and scores.dim() == 3:
            per_row = not isinstance(labels, torch.Tensor) or labels.dim() == 1
            scores = scores[:, -1] if per_row else scores
        return ClassScores.of(scores, labels if isinstance(labels, torch.Tensor) else None, rows)

    def _class_numbers(self, scores: torch.Tensor | None, labels: Any, rows: int) -> RowNumbers:
        if self.task not in ("classes", "tokens", "binary"):
            return RowNumbers()
        try:
            if scores is None:
                raise UnusableOutputError("the network's output holds no logits")
            if self.task == "binary":
                return self._binary_numbers(scores, labels, rows)
            try:
                of_classes = self._of_classes(scores, labels, rows)
            except UnusableOutputError:
                of_classes = self._of_classes(scores, None, rows)  # the classes are known without the labels
            return of_classes.numbers(self._ignore_index)
        except UnusableOutputError as unusable:
            self._no_classes(f"{unusable}; return logits [rows, classes] from forward=")
            return RowNumbers()

    def _binary_numbers(self, scores: torch.Tensor, labels: Any, rows: int) -> RowNumbers:
        if scores.numel() != rows or not scores.is_floating_point():
            raise UnusableOutputError(f"the network's output has shape {list(scores.shape)}; expected one logit a row")
        flat = scores.detach().reshape(rows).float()
        first = flat if self._loss is not None and self._loss.of_probabilities else flat.sigmoid()
        predictions = (first > 0.5).long()
        errors = None
        if isinstance(labels, torch.Tensor) and labels.numel() == rows:
            errors = (predictions != (labels.reshape(rows) > 0.5)).float()
        return RowNumbers(
            errors=errors,
            predictions=predictions,
            confidence=torch.maximum(first, 1 - first),
            entropy=torch.special.entr(first) + torch.special.entr(1 - first),
        )

    def _losses(self, output: object, scores: torch.Tensor | None, labels: Any, rows: int) -> torch.Tensor | None:
        if labels is None:
            if self.task in ("labels", "values"):
                self._no_losses(f'the rows have no labels, and the task "{self.task}" has no predicted classes either')
            return None
        if self._scalar_loss:
            return None
        try:
            return self._row_losses(output, scores, labels, rows)
        except ScalarLossError:
            self._scalar_loss = True
            self._no_losses(
                "loss= returned one number for the whole batch; let it return one for each row, "
                'for example with reduction="none"'
            )
        except UnusableOutputError as unusable:
            self._no_losses(str(unusable))
        except Exception as error:
            self._no_losses(f"loss= failed: {type(error).__name__}: {error}")
        return None

    def _row_losses(self, output: object, scores: torch.Tensor | None, labels: Any, rows: int) -> torch.Tensor:
        loss = self._loss
        if loss is not None and loss.kind is None:
            losses = loss(output.detach().float() if isinstance(output, torch.Tensor) else output, labels)
            return averaged(losses, rows)
        by_task = {"classes": "classes", "tokens": "classes", "binary": "logits"}
        kind = by_task.get(self.task or "") if loss is None else loss.kind
        if scores is None or not isinstance(labels, torch.Tensor) or kind is None:
            found = list(labels.shape) if isinstance(labels, torch.Tensor) else type(labels).__name__
            raise UnusableOutputError(
                f"labels {found} and the network's output {None if scores is None else list(scores.shape)} do not say "
                "which loss is trained with; pass loss=..., for example loss=torch.nn.MSELoss()"
            )
        if kind == "classes":
            return self._of_classes(scores, labels, rows).losses(loss, self._ignore_index)
        if labels.shape != scores.shape and labels.numel() == scores.numel():
            labels = labels.reshape(scores.shape)  # else [rows] and [rows, 1] would make rows x rows losses
        of_each = loss or RowLoss(torch.nn.functional.binary_cross_entropy_with_logits)
        return averaged(of_each(scores.detach().float(), labels.float()), rows)

    def _no_losses(self, reason: str) -> None:
        self._notices.once("losses", f"no losses of single rows: {reason}")

    def _no_classes(self, reason: str) -> None:
        self._notices.once("predictions", f"no predicted classes: {reason}")


def _scores_in(output: object) -> torch.Tensor | None:
    found = output["logits"] if isinstance(output, Mapping) and "logits" in output else first_tensor(output)
    return found if isinstance(found, torch.Tensor) else None
