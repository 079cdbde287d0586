"""What each choice of the alarm's rule does, on recorded trainings, by the program itself.

    python -m benchmarks.alarm.ablate PATH... --binary FILE [--unpacked FOLDER] [--only GROUP ...]

Each variant is a configuration file, or rows that are changed, and a replay of all captures without their activations:
the divergence of seen and unseen rows does not read them. Prints tables in Markdown, with the figures of the judge.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from . import captures, told
from .captures import Run
from .judge import Results, markdown, wilson
from .ways import Told, alarms, first_alarm


@dataclass(frozen=True)
class Variant:
    """A change of the rule, or of what it reads."""

    name: str
    #: Keys of `detect.divergence`.
    divergence: tuple[tuple[str, float], ...] = ()
    #: The first so many rows of both sets; `None` for all.
    rows: int | None = None
    #: Whether errors of unseen rows are by right labels, and there are no losses.
    right_labels: bool = False

    def config(self) -> str:
        """The configuration file."""
        lines = [f"    {key}: {value}\n" for key, value in self.divergence]
        return "detect:\n  divergence:\n" + "".join(lines) if lines else "{}\n"


DEFAULT = Variant("as it is")
GROUPS: dict[str, list[Variant]] = {
    "rows": [Variant(f"{rows} rows in each set", rows=rows) for rows in (250, 500, 1000)] + [DEFAULT],
    "smooth": [Variant(f"means of {epochs}", (("smooth", epochs),)) for epochs in (1, 2, 3, 4)],
    "epochs": [Variant(f"{epochs} in a row", (("epochs", epochs),)) for epochs in (1, 2, 3)],
    "unseen": [Variant(f"z above {z}", (("errors_z", z),)) for z in (1.05, 1.5, 2, 2.5, 3)],
    "seen": [Variant(f"z above {z}", (("seen_z", z),)) for z in (1.5, 2, 2.5, 3, 4)],
    "errors": [Variant(f"errors up by {errors:.1%}", (("errors", errors),)) for errors in (0.005, 0.01, 0.02)],
    "labels": [
        Variant("labelled like the training rows"),
        Variant("right labels, errors alone", right_labels=True),
    ],
}
TITLES = {
    "rows": "Rows in each set (as it is: those recorded, 1,000 or 4,000)",
    "smooth": "Epochs in the mean of a row",
    "epochs": "Epochs in a row that must show the signs",
    "unseen": "Standard errors by which errors on unseen rows must rise",
    "seen": "Standard errors, with the jitter, by which those on seen rows must fall",
    "errors": "Share of the unseen rows by which errors must rise",
    "labels": "Labels of unseen rows",
}

FIGURES = (
    *("harmful runs found", "false stops in runs without harm", "false stops in all runs"),
    *("lost by the weights kept: mean, p90, max", "only warned without harm", "by loss: found, false stops"),
)


def figures(runs: list[Run], documents: Told) -> list[str]:
    """The judge's figures of a variant."""
    known = [run for run in runs if not run.random_labels]
    shown = alarms("", documents, "shown")
    points, losses = (
        Results.of(shown, [run for run in known if run.judged_by == judged_by]) for judged_by in ("accuracy", "loss")
    )
    harmful, harmless, lost = points.with_harm("harm"), points.with_harm("none"), points.lost(points.with_harm("harm"))
    of_harmless = [documents[run.name] for run in harmless]
    warned = sum(first_alarm(of, "suspected") is not None and first_alarm(of, "shown") is None for of in of_harmless)
    by_loss = losses.with_harm("harm")
    return [
        wilson(len(points.stopped(harmful)), len(harmful)),
        wilson(len(points.false(harmless)), len(harmless)),
        f"{len(points.false(points.runs))} of {len(points.runs)}",
        f"{lost.mean():.2f}, {np.percentile(lost, 90):.1f}, {lost.max():.1f}" if len(lost) else "-",
        f"{warned} of {len(harmless)}",
        f"{len(losses.stopped(by_loss))} of {len(by_loss)}, {len(losses.false(losses.runs))} of {len(losses.runs)}",
    ]


def traits(cell: str) -> dict[str, str]:
    """What a training's name says of how it trains."""
    parts = cell.split("-")
    residual = any(part.startswith("resnet") for part in parts) or "finetune" in parts
    annealed = residual and not {"adam", "finetune", "small"} & set(parts)
    return {
        "learning rate": "warm-up, then cosine" if "warmup" in parts else "cosine" if annealed else "constant",
        "optimizer": "SGD with momentum" if annealed else "Adam",
        "augmentation": "mixup, crop and flip" if "mixup" in parts else "crop and flip" if "aug" in parts else "none",
        "batch norm": "yes" if residual or "norm" in parts else "no",
        "dropout": "yes" if "dropout" in parts else "no",
        "weight decay of 1": "yes" if "decay" in parts or parts[0] == "addition" else "no",
    }


def traits_table(runs: list[Run], documents: Told) -> str:
    """The figures by how networks are trained."""
    rows: list[list[object]] = []
    for trait in traits(""):
        for value in sorted({traits(run.cell)[trait] for run in runs}):
            of_value = [run for run in runs if traits(run.cell)[trait] == value]
            rows.append([trait, value, len(of_value), *figures(of_value, documents)])
    return markdown(["", "", "runs", *FIGURES], rows)


def with_right_labels(folder: Path, made: Path) -> bool:
    """Writes a capture whose unseen rows have errors by right labels and no losses; `False` if it has no classes."""
    labels = folder / "judge" / "labels.npz"
    if not labels.exists():
        return False
    right = np.load(labels)["unseen_right"]
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(folder, made)
    for file in made.glob("inbox/*/*.0.safetensors"):
        sent = load_file(file)
        errors = (sent["row:predictions"] != right[: len(sent["row:predictions"])]).astype(np.float32)
        save_file({name: each for name, each in sent.items() if name != "row:losses"} | {"row:errors": errors}, file)
    return True


class Ablation:
    """Replays variants of the rule; captures are unpacked once for each change of their rows."""

    def __init__(self, runs: list[Run], binary: str, folder: Path) -> None:
        self._runs, self._binary, self._folder = runs, binary, folder
        self._told: dict[Variant, Told] = {}

    def _inboxes(self, variant: Variant) -> list[Path]:
        kept = self._folder / ("rows-all" if variant.rows is None else f"rows-{variant.rows}")
        folders = [captures.rows_alone(run, kept, variant.rows) for run in self._runs]
        if variant.right_labels:
            changed = self._folder / "right-labels"
            folders = [changed / folder.name for folder in folders if with_right_labels(folder, changed / folder.name)]
        return [folder / "inbox" for folder in folders]

    def told(self, variant: Variant) -> Told:
        """Returns what the program tells of each run under a variant."""
        key = replace(variant, name="")
        if key not in self._told:
            config = self._folder / "variant.yaml"
            config.write_text(variant.config(), encoding="utf-8")
            self._told[key] = told.replay_all(self._binary, self._inboxes(variant), config=config)
        return self._told[key]

    @cached_property
    def without_labels(self) -> Told:
        """What the program tells without labels, of the runs whose activations are there or were."""
        documents = {run.name: run.told["without_labels"] for run in self._runs if "without_labels" in run.told}
        layers = [run.path / "inbox" for run in self._runs if run.has_layers and run.name not in documents]
        return documents | told.replay_all(self._binary, layers, told.WAYS["without_labels"])


def report(runs: list[Run], ablation: Ablation, groups: Iterable[str]) -> Iterable[str]:
    """Returns the tables in Markdown, one by one."""
    for group in groups:
        yield f"## {TITLES[group]}"
        tried: list[tuple[str, Told]] = [(variant.name, ablation.told(variant)) for variant in GROUPS[group]]
        if group == "labels":
            tried.append(("none", ablation.without_labels))
        rows: list[list[Any]] = [
            [name, sum(run.name in documents for run in runs), *figures(runs, documents)] for name, documents in tried
        ]
        yield markdown(["", "runs", *FIGURES], rows)
        if group == "labels" and (known := tried[-1][1]):
            yield "Of the runs that are judged without labels too:"
            both = [run for run in runs if run.name in known]
            yield markdown(["", *FIGURES], [[name, *figures(both, documents)] for name, documents in tried])


def main() -> None:
    """Reads the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--binary", default="rotewatch")
    parser.add_argument("--unpacked", type=Path, metavar="FOLDER", help="keep unpacked captures here")
    parser.add_argument("--only", nargs="*", choices=[*GROUPS, "traits"], default=[*GROUPS, "traits"], metavar="GROUP")
    options = parser.parse_args()
    runs = captures.read_all(options.captures)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.unpacked or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        ablation = Ablation(runs, options.binary, folder)
        for text in report(runs, ablation, [group for group in GROUPS if group in options.only]):
            print(text, end="\n\n", flush=True)
        if "traits" in options.only:
            print("## By how networks are trained", traits_table(runs, ablation.told(DEFAULT)), sep="\n\n", end="\n\n")
            if known := ablation.without_labels:
                with_layers = [run for run in runs if run.name in known]
                print("The same without labels:", traits_table(with_layers, known), sep="\n\n")


if __name__ == "__main__":
    main()
