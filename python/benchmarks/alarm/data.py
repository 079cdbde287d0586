"""Real data for the trainings of the benchmark, cut into the sets that each training and its judge need."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

#: Where systems keep shared data; Debian's package `dataset-fashion-mnist` installs into one of these folders.
SHARED = [Path(folder) for folder in os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":")]

HOW_TO_GET = {
    "cifar10": "cifar10/train_images.npy [n, 32, 32, 3] uint8, train_labels.npy, test_images.npy, test_labels.npy",
    "fashion": "Debian's package: apt-get install dataset-fashion-mnist",
    "trec": "text/trec_train.tsv, text/trec_test.tsv: a label, a tab and a question on each line (Li, Roth, 2002)",
    "shakespeare": "text/tinyshakespeare.txt",
    "adult": "adult/train_x.npy [n, features], train_y.npy, test_x.npy, test_y.npy (Becker, Kohavi, UCI, CC BY 4.0)",
}


class MissingDataError(Exception):
    """A data set is not on this machine; the text says where to get it."""


@dataclass(frozen=True)
class Examples:
    """Inputs with the labels that a training is given and the right ones."""

    inputs: torch.Tensor
    #: The labels that losses are computed with; partly wrong in the noisy trainings.
    given: torch.Tensor
    #: The right labels.
    right: torch.Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: torch.Tensor | slice) -> Examples:
        return Examples(self.inputs[rows], self.given[rows], self.right[rows])

    def to(self, device: torch.device) -> Examples:
        """Returns the same examples on a device."""
        return Examples(self.inputs.to(device), self.given.to(device), self.right.to(device))


@dataclass(frozen=True)
class Split:
    """The sets of one training. `seen` are rows of `train`; no other two sets share a row."""

    train: Examples
    #: Rows of `train` that the monitor passes through the network after each epoch.
    seen: torch.Tensor
    #: Rows that are not trained on, labelled as the training rows are; the monitor's second set.
    unseen: Examples
    #: More rows labelled like the training rows, for the judge alone.
    held: Examples
    #: Rows with right labels, for the judge alone.
    test: Examples

    def to(self, device: torch.device) -> Split:
        """Returns the same sets on a device."""
        parts = (self.unseen.to(device), self.held.to(device), self.test.to(device))
        return Split(self.train.to(device), self.seen.to(device), *parts)


def folder() -> Path:
    """The folder with the data sets: `ROTEWATCH_DATA`, or its parent if that is a folder of MNIST's files."""
    given = os.environ.get("ROTEWATCH_DATA")
    if not given:
        raise MissingDataError("set ROTEWATCH_DATA to a folder with cifar10/, text/ and adult/")
    path = Path(given)
    return path if (path / "cifar10").is_dir() or (path / "text").is_dir() else path.parent


def _array(name: str, path: str) -> np.ndarray:
    file = folder() / path
    if not file.exists():
        raise MissingDataError(f"{file} is missing; needed: {HOW_TO_GET[name]}")
    return np.load(file)


@cache
def cifar10() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalised images [n, 3, 32, 32] and classes of the training and of the test file."""
    arrays = [
        _array("cifar10", f"cifar10/{part}_{what}.npy") for part in ("train", "test") for what in ("images", "labels")
    ]
    images = [torch.from_numpy(a).permute(0, 3, 1, 2).float() / 255 for a in arrays[::2]]
    mean, deviation = images[0].mean((0, 2, 3), keepdim=True), images[0].std((0, 2, 3), keepdim=True)
    first, second = ((i - mean) / deviation for i in images)
    return first, torch.from_numpy(arrays[1]).long(), second, torch.from_numpy(arrays[3]).long()


@cache
def fashion() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalised images [n, 1, 28, 28] and classes of the training and of the test file."""
    places = [shared / "datasets" / "fashion-mnist" for shared in SHARED]
    place = next((place for place in places if (place / "train-images-idx3-ubyte.gz").exists()), None)
    if place is None:
        raise MissingDataError(f"Fashion-MNIST is missing; needed: {HOW_TO_GET['fashion']}")

    def read(part: str) -> tuple[torch.Tensor, torch.Tensor]:
        images = np.frombuffer(
            gzip.decompress((place / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
        )
        labels = np.frombuffer(
            gzip.decompress((place / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8
        )
        pixels = torch.from_numpy(images.copy()).view(-1, 1, 28, 28).float() / 255
        return (pixels - 0.286) / 0.353, torch.from_numpy(labels.copy()).long()

    return *read("train"), *read("t10k")


@cache
def trec() -> tuple[list[str], torch.Tensor]:
    """Questions and their classes, training and test file joined."""
    texts: list[str] = []
    labels: list[str] = []
    for part in ("train", "test"):
        file = folder() / "text" / f"trec_{part}.tsv"
        if not file.exists():
            raise MissingDataError(f"{file} is missing; needed: {HOW_TO_GET['trec']}")
        for line in file.read_text(encoding="utf-8").splitlines():
            label, text = line.split("\t", 1)
            labels.append(label)
            texts.append(text)
    classes = {label: number for number, label in enumerate(sorted(set(labels)))}
    return texts, torch.tensor([classes[label] for label in labels])


@cache
def trec_words(length: int = 20, vocabulary: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Word numbers [n, length], 0 where a question has ended, and classes."""
    texts, labels = trec()
    words = [text.lower().split() for text in texts]
    counts: dict[str, int] = {}
    for question in words:
        for word in question:
            counts[word] = counts.get(word, 0) + 1
    known = sorted(counts, key=lambda word: (-counts[word], word))[: vocabulary - 2]
    numbers = {word: number + 2 for number, word in enumerate(known)}
    rows = torch.zeros(len(words), length, dtype=torch.long)
    for row, question in zip(rows, words, strict=True):
        cut = [numbers.get(word, 1) for word in question[:length]]
        row[: len(cut)] = torch.tensor(cut)
    return rows, labels


@cache
def adult() -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised features and whether the income is above 50,000, training and test file joined."""
    x = np.concatenate([_array("adult", f"adult/{part}_x.npy").astype(np.float32) for part in ("train", "test")])
    y = np.concatenate([_array("adult", f"adult/{part}_y.npy") for part in ("train", "test")])
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))


@cache
def shakespeare() -> torch.Tensor:
    """The text as symbol numbers."""
    file = folder() / "text" / "tinyshakespeare.txt"
    if not file.exists():
        raise MissingDataError(f"{file} is missing; needed: {HOW_TO_GET['shakespeare']}")
    text = file.read_text(encoding="utf-8")
    numbers = {symbol: number for number, symbol in enumerate(sorted(set(text)))}
    return torch.tensor([numbers[symbol] for symbol in text])


#: Changes right labels to given ones: (inputs, right, generator) -> given.
Noise = Callable[[torch.Tensor, torch.Tensor, torch.Generator], torch.Tensor]


def split(
    pool: tuple[torch.Tensor, torch.Tensor],
    test: tuple[torch.Tensor, torch.Tensor] | None,
    noise: Noise,
    *,
    train: int,
    seed: int,
    seen: int = 1000,
    unseen: int = 1000,
    held: int = 1500,
    test_rows: int = 2500,
) -> Split:
    """Cuts a pool of rows into the sets of a training. Without `test`, that set comes from the pool too."""
    generator = torch.Generator().manual_seed(1000 + seed)
    inputs, right = pool
    order = torch.randperm(len(inputs), generator=generator)
    given = noise(inputs, right, generator)
    everything = Examples(inputs, given, right)
    wanted = [train, unseen, held] + ([test_rows] if test is None else [])
    if sum(wanted) > len(inputs):
        raise ValueError(f"{sum(wanted)} rows wanted of {len(inputs)}")
    parts = [everything[part] for part in torch.split(order[: sum(wanted)], wanted)]
    if test is None:
        judged = parts[3]
    else:
        rows = torch.randperm(len(test[0]), generator=generator)[:test_rows]
        judged = Examples(test[0][rows], test[1][rows], test[1][rows])
    judged = Examples(judged.inputs, judged.right, judged.right)
    rows_seen = torch.randperm(train, generator=generator)[: min(seen, train)]
    return Split(parts[0], rows_seen, parts[1], parts[2], judged)
