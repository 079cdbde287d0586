"""Recorded trainings as a judge reads them: folders, packs, or folders of either."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import packing

#: Points of accuracy, or per cent of the loss, by which the end lies below the best: for harm, and for none.
HARM = {"accuracy": (1.0, 0.3), "loss": (5.0, 2.0)}
#: Points of the true gap: by heart, and not.
BY_HEART = (5.0, 1.0)
#: Per cent by which the test loss ends above its least.
OVER_CONFIDENT = 10.0
#: Epochs in the mean of what is judged.
SMOOTH = 3
#: The share of what chance leaves that a network must have learnt, to have learnt anything that helps on other rows.
#: Labels without meaning give up to 8 % by luck: one guess for many alike rows.
LEARNT = 0.1


@dataclass(frozen=True)
class Rote:
    """Learning by heart from the start: the true gap has opened and nothing that helps elsewhere has been learnt."""

    #: The first epoch with a true gap of 5 points.
    begins: int
    #: The epoch from which on clean test accuracy exceeds chance; `None` if it never does.
    ends: int | None


@dataclass(frozen=True)
class Run:
    """A recorded training and its truth. Arrays have a value for each epoch from 1 on, unless they say otherwise."""

    name: str
    cell: str
    seed: int
    judged_by: str
    #: Columns of the judge's table by epoch, from epoch 0 on.
    table: dict[str, np.ndarray]
    #: The share of the most frequent class among the right labels; NaN without classes.
    chance: float = math.nan
    #: What was told when it was recorded; see :mod:`.told`.
    told: dict[str, Any] = field(default_factory=dict)
    #: Where it was recorded.
    path: Path = Path()

    @property
    def epochs(self) -> int:
        """How many epochs were trained."""
        return len(self.table["epoch"]) - 1

    @property
    def quality(self) -> np.ndarray:
        """How good the weights of each epoch are: points of clean accuracy, or minus per cent of the least loss."""
        if self.judged_by == "accuracy":
            return trailing(100 * self.table["test_accuracy"][1:], SMOOTH)
        losses = trailing(self.table["test_loss"][1:], SMOOTH)
        return np.asarray(-100 * losses / losses.min())

    @property
    def best(self) -> int:
        """The epoch of the best weights."""
        return int(self.quality.argmax()) + 1

    @property
    def drop(self) -> float:
        """How far the end lies below the best."""
        return float(self.quality.max() - self.quality[-1])

    @property
    def harm(self) -> str:
        """`harm`, `undecided` or `none`."""
        least, most_of_none = HARM[self.judged_by]
        return "harm" if self.drop >= least else "none" if self.drop < most_of_none else "undecided"

    @property
    def random_labels(self) -> bool:
        """Whether its labels are entirely random, so that there is no accuracy to lose."""
        return self.cell.endswith("-random")

    @property
    def gap(self) -> np.ndarray | None:
        """The true gap in points; `None` without classes."""
        return 100 * self.table["true_gap"][1:] if "true_gap" in self.table else None

    @property
    def by_heart(self) -> str:
        """`by heart`, `some` or `not`, at the end; empty without classes."""
        if self.gap is None:
            return ""
        least, most_of_not = BY_HEART
        end = trailing(self.gap, SMOOTH)[-1]
        return "by heart" if end >= least else "not" if end < most_of_not else "some"

    @property
    def over_confident(self) -> bool:
        """Whether the clean test loss ends well above its least."""
        losses = trailing(self.table["test_loss"][1:], SMOOTH)
        return bool(100 * (losses[-1] / losses.min() - 1) >= OVER_CONFIDENT)

    @property
    def rote(self) -> Rote | None:
        """Learning by heart from the start, if it does.

        Chance is the share of the most frequent class. Test accuracy, a mean of 3 epochs, exceeds it when a tenth of
        the rest is right.
        """
        if self.gap is None or math.isnan(self.chance):
            return None
        bound = self.chance + LEARNT * (1 - self.chance)
        above = np.flatnonzero(trailing(self.table["test_accuracy"][1:], SMOOTH) >= bound)
        ends = int(above[0]) + 1 if len(above) else None
        open_ = np.flatnonzero(self.gap >= BY_HEART[0])
        if not len(open_) or (ends is not None and int(open_[0]) + 1 >= ends):
            return None
        return Rote(int(open_[0]) + 1, ends)

    @property
    def has_layers(self) -> bool:
        """Whether its activations are there, so that a replay without labels means something."""
        if not self.path.is_dir():
            return False
        [declaration] = self.path.glob("inbox/*/run.json")
        declared = json.loads(declaration.read_text(encoding="utf-8"))
        return bool(declared["layers"] != [packing.STAND_IN] or declared.get("features_layer"))


def trailing(values: np.ndarray, over: int) -> np.ndarray:
    """Returns the trailing mean."""
    return np.array([values[max(0, place - over + 1) : place + 1].mean() for place in range(len(values))])


def read(path: Path) -> Run:
    """Reads a capture, as a folder or packed, without its rows."""
    if path.is_dir():
        training = json.loads((path / "training.json").read_text(encoding="utf-8"))
        table = (path / "judge" / "table.csv").read_text(encoding="utf-8")
        labels_file, told_file = path / "judge" / "labels.npz", path / "judge" / "told.json"
        labels = dict(np.load(labels_file)) if labels_file.exists() else {}
        told = json.loads(told_file.read_text(encoding="utf-8")) if told_file.exists() else {}
    else:
        documents, labels = packing.read(path)
        training, table, told = documents["training"], documents["table"], documents.get("told", {})
    rows = list(csv.DictReader(io.StringIO(table)))
    chance = math.nan
    if "unseen_right" in labels:
        right = labels["unseen_right"]
        chance = float(np.unique(right, return_counts=True)[1].max() / len(right))
    return Run(
        name=f"{training['cell']}.{training['seed']}",
        cell=training["cell"],
        seed=training["seed"],
        judged_by=training["judged_by"],
        table={key: np.array([float(row[key]) if row[key] else math.nan for row in rows]) for key in rows[0]},
        chance=chance,
        told=told,
        path=path,
    )


def find(paths: Iterable[Path]) -> list[Path]:
    """Returns the captures among these paths and in these folders; interrupted recordings are left out."""
    found: list[Path] = []
    for path in paths:
        if path.is_file() or (path / "training.json").exists():
            found.append(path)
        else:
            inside = [folder.parent for folder in path.glob("*/training.json") if folder.parent.suffix != ".part"]
            found += sorted([*inside, *path.glob("*.pack")])
    return found


def read_all(paths: Iterable[Path]) -> list[Run]:
    """Reads captures, sorted by name; each training must be there once."""
    runs = sorted((read(path) for path in find(paths)), key=lambda run: (run.cell, run.seed))
    names = [run.name for run in runs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SystemExit(f"error: more than one capture of {' '.join(twice)}")
    return runs


def unpacked(run: Run, folder: Path) -> Path:
    """Returns the folder of a capture; a packed one is written into `folder`."""
    return run.path if run.path.is_dir() else rows_alone(run, folder)


def rows_alone(run: Run, folder: Path, rows: int | None = None) -> Path:
    """Writes a capture without activations into `folder`, unless it is there; of its sets, the first `rows` rows."""
    made, part = folder / run.name, folder / f"{run.name}.part"
    if made.exists() and made.stat().st_mtime > run.path.stat().st_mtime:
        return made
    for old in (made, part):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir(parents=True)
    pack = run.path
    if pack.is_dir():
        pack = folder / f"{run.name}.pack.part"
        packing.pack(run.path, pack)
    packing.unpack(pack, part, rows)
    if pack != run.path:
        pack.unlink()
    part.rename(made)
    return made
