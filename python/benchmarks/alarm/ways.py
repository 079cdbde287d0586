"""Ways to stop a training, by what is known of it while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .captures import Run, trailing

PATIENCE = 5

Told = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Stop:
    """When a way to stop stops, and which weights it keeps; both are epochs."""

    at: int
    kept: int


@dataclass(frozen=True)
class Way:
    """A way to stop, and the runs that it can be tried on."""

    name: str
    stop: Callable[[Run], Stop | None]
    applies: Callable[[Run], bool] = lambda run: True
    #: Whether it needs no labels of held-out rows.
    without_labels: bool = False


def _known(column: str) -> Callable[[Run], bool]:
    return lambda run: column in run.table and bool(np.isfinite(run.table[column][1:]).any())


def patience(name: str, column: str, sign: int, *, without_labels: bool = False) -> Way:
    """Stops when a number has not become better for five epochs, and keeps the weights of its best epoch."""

    def stop(run: Run) -> Stop | None:
        values = sign * run.table[column][1:]
        # An epoch without a number is never the best.
        values = np.where(np.isnan(values), -np.inf, values)
        best = 0
        for place, value in enumerate(values):
            if value > values[best]:
                best = place
            elif place - best >= PATIENCE:
                return Stop(place + 1, best + 1)
        return None

    return Way(name, stop, _known(column), without_labels)


def _label_wave(run: Run) -> Stop | None:
    # The first change is between epochs 1 and 2.
    known = trailing(run.table["prediction_changes"][2:], 3)
    for place in range(1, len(known)):
        if known[place] > known[place - 1]:
            return Stop(place + 2, place + 1)
    return None


def _spectra(run: Run) -> Stop | None:
    below = np.flatnonzero(run.table["alpha"][1:] < 2)
    return Stop(int(below[0]) + 1, max(1, int(below[0]))) if len(below) else None


#: The first minimum of prediction changes, a trailing mean of 3 (ICLR 2024).
LABEL_WAVE = Way("Label Wave", _label_wave, _known("prediction_changes"), without_labels=True)
#: WeightWatcher's rule: over-trained once the mean exponent falls below 2.
SPECTRA = Way("WeightWatcher, alpha below 2", _spectra, _known("alpha"), without_labels=True)
TO_THE_END = Way("training to the end", lambda run: None, without_labels=True)

#: What others do, by what a training is judged by.
OTHERS = {
    "accuracy": [
        patience("held-out accuracy, patience 5", "held_accuracy", 1),
        patience("held-out loss, patience 5", "held_loss", -1),
        LABEL_WAVE,
        # arXiv 2510.25480: the maximum of the alignment, known five epochs later.
        patience("gradient-weight alignment, patience 5", "gwa", 1, without_labels=True),
        # OpenReview synVz5n0I8: the first maximum.
        patience("CND, first maximum, patience 5", "cnd", 1, without_labels=True),
        patience("class information, maximum, patience 5", "class_information_mean", 1, without_labels=True),
        SPECTRA,
        TO_THE_END,
    ],
    "loss": [patience("held-out loss, patience 5", "held_loss", -1), SPECTRA, TO_THE_END],
}


def first_alarm(document: dict[str, Any], *levels: str) -> dict[str, Any] | None:
    """Returns a run's first alarm for memorized examples of one of these levels of harm."""
    alarms = (alarm for alarm in document["alarms"] if alarm["kind"] == "example_level")
    return next((alarm for alarm in alarms if alarm["harm"] in levels), None)


def alarms(name: str, told: Told, *levels: str, without_labels: bool = False) -> Way:
    """The program's first alarm of one of these levels of harm, and the weights that it would keep."""

    def stop(run: Run) -> Stop | None:
        alarm = first_alarm(told[run.name], *levels)
        return None if alarm is None else Stop(alarm["alarm_epoch"], max(1, alarm["onset_epoch"]))

    return Way(name, stop, lambda run: run.name in told, without_labels)
