"""Scores of classes, one for each row or for each position of a row, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from .losses import RowLoss
from .reduction import UnusableOutputError
from .row_numbers import RowNumbers

#: Rows go through softmax in parts of this many scores: those of a large vocabulary fill the memory.
_SCORES_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class ClassScores:
    """Scores ``[rows, classes]`` or ``[rows, classes, positions...]``, with labels that fit them."""

    scores: torch.Tensor
    #: Classes ``[rows]`` or ``[rows, positions...]``, or probabilities in the shape of the scores.
    labels: torch.Tensor | None

    @classmethod
    def of(cls, scores: torch.Tensor, labels: torch.Tensor | None, rows: int) -> ClassScores:
        """Finds the dimension of the classes: by the labels' shape, else the last of three and the second of more.

        # Errors
        :class:`UnusableOutputError` if the scores have another shape, or the labels do not fit.
        """
        if not scores.is_floating_point():
            raise UnusableOutputError(f"the network's output is {scores.dtype}; expected logits")
        if scores.dim() < 2 or scores.shape[0] != rows:
            raise UnusableOutputError(f"the network's output has shape {list(scores.shape)}; expected [rows, classes]")
        scores = scores.detach()
        last = scores.movedim(-1, 1)
        layouts = [last, scores] if scores.dim() == 3 else [scores, last]
        if labels is None:
            found = layouts[0]
        elif labels.is_floating_point() and labels.shape == scores.shape:
            found = scores
        else:
            if labels.dim() == scores.dim() and labels.shape[1] == 1:
                labels = labels.squeeze(1)  # [rows, 1], as Keras has them, and masks [rows, 1, height, width]
            fitting = [each for each in layouts if labels.shape == each[:, 0].shape]
            if not fitting or labels.is_floating_point():
                raise UnusableOutputError(
                    f"labels {list(labels.shape)} of {labels.dtype} do not fit the network's output "
                    f"{list(scores.shape)} as classes; pass loss=... (the loss that you train with)"
                )
            found, labels = fitting[0], labels.long()
        if found.shape[1] < 2:
            raise UnusableOutputError(f"the network's output has shape {list(scores.shape)}; expected [rows, classes]")
        return cls(found, labels)

    @property
    def positions(self) -> bool:
        """Whether a row has several positions."""
        return self.scores.dim() > 2

    def labels_are_classes(self, ignore_index: int) -> bool:
        """Returns whether every label is the index of a class or is ignored. Waits for an accelerator."""
        if self.labels is None or self.labels.is_floating_point():
            return False
        kept = self.labels[self.labels != ignore_index]
        return bool(((kept >= 0) & (kept < self.scores.shape[1])).all())

    def losses(self, loss: RowLoss | None, ignore_index: int) -> torch.Tensor:
        """Returns the mean loss of each row's positions, ``[rows]``; NaN for a row without a valid label."""
        loss = loss or RowLoss(functional.cross_entropy)
        parts = []
        for part in self._parts():
            labels, valid = part._valid(ignore_index)
            losses = loss(part.scores.float(), labels)
            parts.append(averaged(losses, len(losses)) if valid is None else _mean(losses, valid))
        return torch.cat(parts)

    def numbers(self, ignore_index: int) -> RowNumbers:
        """Returns all numbers except the losses. Positions that are ignored do not count."""
        parts = [part._numbers(ignore_index).known for part in self._parts()]
        return RowNumbers(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})

    def _parts(self) -> Iterator[ClassScores]:
        rows = len(self.scores)
        at_once = max(1, _SCORES_AT_ONCE * rows // max(1, self.scores.numel()))
        for start in range(0, max(rows, 1), at_once):
            part = slice(start, start + at_once)
            yield ClassScores(self.scores[part], None if self.labels is None else self.labels[part])

    def _valid(self, ignore_index: int) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Returns the labels, and where they are classes; ``None`` if they are probabilities, or absent.

        A label that is no class would abort every later computation on a GPU, so it is ignored.
        """
        if self.labels is None or self.labels.is_floating_point():
            return self.labels, None
        valid = (self.labels >= 0) & (self.labels < self.scores.shape[1]) & (self.labels != ignore_index)
        return self.labels.where(valid, ignore_index), valid

    def _numbers(self, ignore_index: int) -> RowNumbers:
        probabilities = self.scores.float().softmax(dim=1)
        confidence, predicted = probabilities.max(dim=1)
        entropy = torch.special.entr(probabilities).sum(dim=1)
        labels, valid = self._valid(ignore_index)
        errors = None
        if labels is not None:
            given = labels if valid is not None else labels.argmax(dim=1)
            wrong = (predicted != given).float()
            errors = averaged(wrong, len(wrong)) if valid is None else _mean(wrong, valid)
        if not self.positions:
            return RowNumbers(errors=errors, predictions=predicted, confidence=confidence, entropy=entropy)
        counted = torch.ones_like(predicted, dtype=torch.bool) if valid is None else valid
        # The probabilities of a row are known where its labels are not.
        counted = counted | ~counted.flatten(1).any(dim=1).view(-1, *[1] * (counted.dim() - 1))
        order = torch.arange(counted[0].numel(), device=counted.device) if len(counted) else counted.new_zeros(0).long()
        last = (counted.flatten(1).long() * order).argmax(dim=1, keepdim=True)
        return RowNumbers(
            errors=errors,
            predictions=predicted.flatten(1).gather(1, last).squeeze(1),
            confidence=_mean(confidence, counted),
            entropy=_mean(entropy, counted),
        )


def averaged(losses: torch.Tensor, rows: int) -> torch.Tensor:
    """Returns the mean of each row, ``[rows]``.

    # Errors
    :class:`UnusableOutputError` if there is not one loss, or a whole number of dimensions of them, for each row.
    """
    if losses.shape[0] != rows:
        raise UnusableOutputError(
            f"loss= returned shape {list(losses.shape)}; expected one loss for each of {rows} rows"
        )
    return losses if losses.dim() == 1 else losses.flatten(1).mean(dim=1)


def _mean(values: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """Returns each row's mean over the positions ``where`` it is true: NaN if there is none."""
    kept = values.where(where, 0.0).reshape(len(values), -1).sum(dim=1)
    return kept / where.reshape(len(where), -1).sum(dim=1)
