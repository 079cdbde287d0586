"""Judges the alarm on recorded trainings, beside other ways to stop.

    python -m benchmarks.alarm.judge CAPTURES [--binary rotewatch] [--config FILE] [--csv FILE]

`rotewatch replay` tells what the alarm says; it reads the inbox alone. The truth is in the judge's tables, which no
detector opens.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Points of accuracy, or per cent of the loss, by which the end lies below the best: for harm, and for none.
HARM = {"accuracy": (1.0, 0.3), "loss": (5.0, 2.0)}
PATIENCE = 5


@dataclass(frozen=True)
class Run:
    """A recorded training and its truth."""

    name: str
    #: Columns of the judge's table by epoch, from epoch 0 on.
    table: dict[str, np.ndarray]
    judged_by: str
    #: How good the weights of each epoch from 1 on are: points of accuracy, or minus per cent of the least loss.
    quality: np.ndarray

    @property
    def drop(self) -> float:
        """How far the end lies below the best."""
        return float(self.quality.max() - self.quality[-1])

    @property
    def harm(self) -> str:
        """`harm`, `undecided` or `none`."""
        least, most_of_none = HARM[self.judged_by]
        return "harm" if self.drop >= least else "none" if self.drop < most_of_none else "undecided"

    @classmethod
    def read(cls, folder: Path) -> Run:
        """Reads the judge's table of a capture."""
        with (folder / "judge" / "table.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        table = {key: np.array([float(row[key]) if row[key] else math.nan for row in rows]) for key in rows[0]}
        judged_by = json.loads((folder / "training.json").read_text())["judged_by"]
        if judged_by == "accuracy":
            quality = 100 * trailing(table["test_accuracy"][1:], 3)
        else:
            losses = trailing(table["test_loss"][1:], 3)
            quality = -100 * losses / losses.min()
        return cls(folder.name, table, judged_by, quality)


@dataclass(frozen=True)
class Stop:
    """When a way to stop stops, and which weights it keeps; both are epochs."""

    at: int
    kept: int


Way = Callable[[Run], Stop | None]


def trailing(values: np.ndarray, over: int) -> np.ndarray:
    """Returns the trailing mean."""
    return np.array([values[max(0, place - over + 1) : place + 1].mean() for place in range(len(values))])


def patience(column: str, sign: int) -> Way:
    """Stops when a held-out number has not become better for five epochs."""

    def stop(run: Run) -> Stop | None:
        if column not in run.table:
            return None
        values = sign * run.table[column][1:]
        best = 0
        for place, value in enumerate(values):
            if value > values[best]:
                best = place
            elif place - best >= PATIENCE:
                return Stop(place + 1, best + 1)
        return None

    return stop


def label_wave(run: Run) -> Stop | None:
    """The first minimum of prediction changes, a trailing mean of 3 (ICLR 2024)."""
    if "prediction_changes" not in run.table:
        return None
    changes = run.table["prediction_changes"]
    known = trailing(changes[2:], 3)
    for place in range(1, len(known)):
        if known[place] > known[place - 1]:
            return Stop(place + 2, place + 1)
    return None


def alignment(run: Run) -> Stop | None:
    """The maximum of gradient-weight alignment (arXiv 2510.25480), known five epochs later."""
    return patience("gwa", 1)(run) if "gwa" in run.table else None


def spectra(run: Run) -> Stop | None:
    """WeightWatcher's rule: over-trained once the mean exponent falls below 2."""
    below = np.flatnonzero(run.table["alpha"][1:] < 2)
    return Stop(int(below[0]) + 1, max(1, int(below[0]))) if len(below) else None


def replayed(binary: str, captures: Path, config: Path | None) -> dict[str, list[dict]]:
    """Returns the alarms of each run as the program tells them."""
    command = [binary, "replay", "--json", str(captures), *([] if config is None else ["--config", str(config)])]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {document["run"]: document["alarms"] for document in map(json.loads, told.splitlines())}


def alarms(told: dict[str, list[dict]], *levels: str) -> Way:
    """The first alarm of one of these levels of harm."""

    def stop(run: Run) -> Stop | None:
        for alarm in told.get(run.name, []):
            if alarm["kind"] == "example_level" and alarm["harm"] in levels:
                return Stop(alarm["alarm_epoch"], max(1, alarm["onset_epoch"]))
        return None

    return stop


def wilson(hits: int, of: int) -> str:
    """Returns a share with its 95 % interval."""
    if not of:
        return "-"
    z, share = 1.96, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{hits} of {of} ({100 * max(0, middle - half):.0f} to {100 * min(1, middle + half):.0f} %)"


def summary(runs: list[Run], ways: dict[str, Way]) -> str:
    """Returns a table in Markdown: a way to stop on each line."""
    harmful = [run for run in runs if run.harm == "harm"]
    harmless = [run for run in runs if run.harm == "none"]
    lines = [
        "| way to stop | harmful runs stopped | stopped without harm | false stops | lost by the weights kept: "
        "mean, p90, max |",
        "|---|---|---|---|---|",
    ]
    for name, way in ways.items():
        stops = {run.name: way(run) for run in runs}
        false = [run for run in runs if is_false(run, stops[run.name])]
        lost = np.array([regret(run, stops[run.name]) for run in harmful])
        told = f"{lost.mean():.1f}, {np.percentile(lost, 90):.1f}, {lost.max():.1f}" if len(lost) else "-"
        found = wilson(sum(stops[run.name] is not None for run in harmful), len(harmful))
        needless = wilson(sum(stops[run.name] is not None for run in harmless), len(harmless))
        lines.append(f"| {name} | {found} | {needless} | {wilson(len(false), len(runs))} | {told} |")
    return "\n".join(lines)


def is_false(run: Run, stop: Stop | None) -> bool:
    """Whether the run reaches weights later that are a point better than those kept."""
    return stop is not None and run.quality[stop.at - 1 :].max() - run.quality[stop.kept - 1] >= 1.0


def regret(run: Run, stop: Stop | None) -> float:
    """How far the weights kept lie below the best; without a stop, those of the end."""
    return float(run.quality.max() - run.quality[-1 if stop is None else stop.kept - 1])


def main() -> None:
    """Reads the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--binary", default="rotewatch")
    parser.add_argument("--config", type=Path, help="a configuration with other thresholds")
    parser.add_argument("--csv", type=Path, help="write a line for each run")
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.captures.glob("*/training.json") if path.parent.suffix != ".part")
    runs = [Run.read(folder) for folder in folders]
    told = replayed(options.binary, options.captures, options.config)
    ways: dict[str, Way] = {
        "rotewatch, harm shown": alarms(told, "shown"),
        "rotewatch, any alarm": alarms(told, "suspected", "shown"),
        "held-out accuracy, patience 5": patience("held_accuracy", 1),
        "held-out loss, patience 5": patience("held_loss", -1),
        "Label Wave": label_wave,
        "gradient-weight alignment": alignment,
        "spectra (alpha below 2)": spectra,
        "training to the end": lambda run: None,
    }
    for judged_by, unit in (("accuracy", "points of accuracy"), ("loss", "per cent of the loss")):
        of_kind = [run for run in runs if run.judged_by == judged_by]
        if of_kind:
            print(f"\n{len(of_kind)} trainings judged by {judged_by}, in {unit}\n\n{summary(of_kind, ways)}")
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["run", "harm", "drop", "best_epoch", *(f"{name}: stop, kept, lost" for name in ways)])
            for run in runs:
                cells = [way(run) for way in ways.values()]
                told_of = [f"{stop.at} {stop.kept} {regret(run, stop):.1f}" if stop else "" for stop in cells]
                writer.writerow([run.name, run.harm, f"{run.drop:.1f}", int(run.quality.argmax()) + 1, *told_of])


if __name__ == "__main__":
    main()
