"""Judges the alarm on recorded trainings, beside other ways to stop.

    python -m benchmarks.alarm.judge PATH... [--told | --binary FILE] [--config FILE] [--csv FILE] [--tables FOLDER]

A PATH is a capture, packed or not, or a folder of them. `rotewatch replay` tells what the alarm says; it reads the
inbox alone. With `--told`, what it told when the training was recorded is judged. The truth is in the judge's tables,
which no detector opens; it is a mean of 3 epochs.

*Harm*: clean accuracy ends at least 1 point below its best (0.3 to 1: undecided; less: none); where a training is
judged by its loss, that ends 5 % above its least (2 to 5 %: undecided). *By heart*: the true gap (accuracy on seen rows
minus that on held-out rows labelled the same way) ends at 5 points or more; below 1 point: not. *Over-confident*: clean
test loss ends at least 10 % above its least. *Found*: the way to stop asks to stop a harmful run. *False stop*: it asks
to stop, and the weights it keeps are at least 1 point (1 % of the loss) worse than the best that the run reaches later.
*Lost*: how far the weights of the stop, or those kept, lie below the best of the run; of a run that is not stopped,
those of its end. *Rote from the start*: the true gap has reached 5 points, and clean test accuracy not yet a tenth of
what the most frequent class leaves.

Runs whose labels are entirely random have no accuracy to lose. They are judged by being named, have rows of their own,
and are in no other figure, unless it says so.
"""

from __future__ import annotations

import argparse
import csv
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import captures, told
from .captures import Run
from .ways import OTHERS, Stop, Told, Way, alarms, first_alarm

RESAMPLES = 10_000
SEED = 0
#: Points of accuracy, or per cent of the loss, that a false stop costs at least.
FALSE_STOP = 1.0
UNITS = {"accuracy": "points of accuracy", "loss": "per cent of the least loss"}
LEVELS = {"harm shown": ("shown",), "any alarm": ("suspected", "shown")}

#: Columns of a run's table in the repository: from the judge's table, then from what was told.
JUDGED = (
    *("epoch", "test_accuracy", "test_loss", "held_accuracy", "held_loss", "seen_accuracy", "seen_loss"),
    *("unseen_accuracy", "unseen_loss", "true_gap", "wrong_fitted", "gwa", "cnd", "alpha"),
    *("class_information_mean", "class_information_p90", "prediction_changes"),
)
TOLD = ("neighbour_agreement", "consensus", "memorized_share", "verdict")


def is_false(run: Run, stop: Stop | None) -> bool:
    """Whether the run reaches weights later that are a point better than those kept."""
    return stop is not None and run.quality[stop.at - 1 :].max() - run.quality[stop.kept - 1] >= FALSE_STOP


def regret(run: Run, stop: Stop | None) -> float:
    """How far the weights kept lie below the best; without a stop, those of the end."""
    return float(run.quality.max() - run.quality[-1 if stop is None else stop.kept - 1])


def regret_at_stop(run: Run, stop: Stop | None) -> float:
    """How far the weights of the stop lie below the best; without a stop, those of the end."""
    return float(run.quality.max() - run.quality[-1 if stop is None else stop.at - 1])


def share_of(document_of_epoch: dict[str, Any]) -> float:
    """The estimated share of memorized rows of an epoch, or NaN."""
    share = document_of_epoch.get("memorized_share")
    estimate = None if share is None else share["estimate"]
    return math.nan if estimate is None else float(estimate)


def gap_errors(run: Run, document: dict[str, Any]) -> np.ndarray:
    """How far the estimated gap lies from the true one in points, at each epoch that has both."""
    if run.gap is None:
        return np.array([])
    estimates = {epoch["epoch"]: 100 * share_of(epoch) for epoch in document["epochs"]}
    errors = np.array([abs(estimates.get(epoch, math.nan) - gap) for epoch, gap in enumerate(run.gap, 1)])
    return np.asarray(errors[np.isfinite(errors)])


@dataclass(frozen=True)
class Named:
    """When rote from the start was named by an alarm, and when that ended; `None` for never."""

    at: int | None
    ended: int | None

    @classmethod
    def by(cls, document: dict[str, Any]) -> Named:
        """Reads the first alarm for memorized examples, of any level; one that others continue lasts until they end."""
        first = first_alarm(document, *LEVELS["any alarm"])
        if first is None:
            return cls(None, None)
        ends = first["ended_epoch"]
        for alarm in document["alarms"]:
            if alarm["kind"] == "example_level" and ends is not None and alarm["alarm_epoch"] <= ends:
                later = alarm["ended_epoch"]
                ends = None if later is None else max(ends, later)
        return cls(first["alarm_epoch"], ends)


def interval_of_mean(values: np.ndarray) -> tuple[float, float, float]:
    """Returns the mean and its 95 % interval, by bootstrap over the runs."""
    if not len(values):
        return math.nan, math.nan, math.nan
    chosen = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[chosen].mean(1), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def wilson(hits: int, of: int) -> str:
    """Returns a share with its 95 % interval."""
    if not of:
        return "-"
    z, share = 1.96, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{hits} of {of} ({100 * max(0, middle - half):.0f} to {100 * min(1, middle + half):.0f} %)"


def spread(values: np.ndarray) -> str:
    """Returns the mean with its interval, the median, the 90th percentile and the greatest."""
    if not len(values):
        return "-"
    mean, low, high = interval_of_mean(values)
    return f"{mean:.2f} ({low:.2f} to {high:.2f}), {np.median(values):.1f}, {np.percentile(values, 90):.1f}, " + (
        f"{values.max():.1f}"
    )


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


@dataclass(frozen=True)
class Results:
    """How a way to stop does on the runs that it can be tried on."""

    way: Way
    runs: list[Run]
    stops: dict[str, Stop | None]

    @classmethod
    def of(cls, way: Way, runs: list[Run]) -> Results:
        """Tries it."""
        tried = [run for run in runs if way.applies(run)]
        return cls(way, tried, {run.name: way.stop(run) for run in tried})

    def with_harm(self, harm: str) -> list[Run]:
        """The runs with this much harm."""
        return [run for run in self.runs if run.harm == harm]

    def stopped(self, runs: list[Run]) -> list[Run]:
        """Those of these runs that it asks to stop."""
        return [run for run in runs if self.stops[run.name] is not None]

    def false(self, runs: list[Run]) -> list[Run]:
        """Those of these runs that it stops too early."""
        return [run for run in runs if is_false(run, self.stops[run.name])]

    def lost(self, runs: list[Run], *, at_stop: bool = False) -> np.ndarray:
        """What these runs lose, by the weights kept or by those of the stop."""
        measure = regret_at_stop if at_stop else regret
        return np.array([measure(run, self.stops[run.name]) for run in runs])

    def delays(self) -> np.ndarray:
        """Epochs from the best weights to the stop, and as a share of the run, of the harmful runs found: [runs, 2]."""
        found = [(run, self.stops[run.name]) for run in self.with_harm("harm")]
        late = [(stop.at - run.best, (stop.at - run.best) / run.epochs) for run, stop in found if stop is not None]
        return np.array(late).reshape(-1, 2)


def stops_table(every: list[Results]) -> str:
    """How often each way stops, rightly and wrongly, and how late."""
    rows = []
    for of in every:
        harmful, harmless, delays = of.with_harm("harm"), of.with_harm("none"), of.delays()
        late = f"{np.median(delays[:, 0]):.0f} ({100 * np.median(delays[:, 1]):.0f} %)" if len(delays) else "-"
        rows.append(
            [
                of.way.name,
                wilson(len(of.stopped(harmful)), len(harmful)),
                wilson(len(of.false(harmless)), len(harmless)),
                f"{len(of.false(of.runs))} of {len(of.runs)}",
                f"{len(of.stopped(harmless))} of {len(harmless)}",
                late,
            ]
        )
    head = ["way to stop", "harmful runs found", "false stops in runs without harm", "false stops in all runs"]
    return markdown([*head, "stopped without harm", "epochs after the best, median (share of the run)"], rows)


def lost_table(every: list[Results]) -> str:
    """What each way loses in harmful runs."""
    rows = []
    for of in every:
        harmful = of.with_harm("harm")
        rows.append([of.way.name, len(harmful), spread(of.lost(harmful)), spread(of.lost(harmful, at_stop=True))])
    what = "mean (95 %), median, p90, max"
    return markdown(["way to stop", "harmful runs", f"lost by the weights kept: {what}", "at the stop"], rows)


def difference(first: Results, other: Results) -> tuple[int, float, float, float]:
    """Returns runs, mean and 95 % interval of what the first way loses minus what the other does, in harmful runs."""
    names = {run.name for run in first.runs} & {run.name for run in other.runs}
    both = [run for run in first.with_harm("harm") if run.name in names]
    return len(both), *interval_of_mean(first.lost(both) - other.lost(both))


def difference_table(ours: list[Results], others: list[Results]) -> str:
    """Differences to each other way, by paired bootstrap."""

    def told_of(first: Results, other: Results) -> str:
        runs, mean, low, high = difference(first, other)
        return f"{mean:+.2f} ({low:+.2f} to {high:+.2f}), {runs} runs" if runs else "-"

    rows = [[other.way.name, *(told_of(first, other) for first in ours)] for other in others]
    return markdown(["lost by the weights kept, minus that of", *(first.way.name for first in ours)], rows)


def warnings_table(runs: list[Run], sources: dict[str, Told]) -> str:
    """Runs that are warned of and not stopped."""
    groups = {
        "harm": [run for run in runs if run.harm == "harm"],
        "undecided": [run for run in runs if run.harm == "undecided"],
        "no harm": [run for run in runs if run.harm == "none"],
        "no harm, over-confident": [run for run in runs if run.harm == "none" and run.over_confident],
        "no harm, by heart": [run for run in runs if run.harm == "none" and run.by_heart == "by heart"],
    }
    rows = []
    for group, members in groups.items():
        cells: list[object] = [group]
        for documents in sources.values():
            known = [documents[run.name] for run in members if run.name in documents]
            stopped = sum(first_alarm(document, "shown") is not None for document in known)
            alarmed = sum(first_alarm(document, "suspected", "shown") is not None for document in known)
            cells.append(f"{stopped}, {alarmed - stopped}, {len(known) - alarmed} of {len(known)}")
        rows.append(cells)
    return markdown(["runs", *(f"{name}: stopped, only warned, quiet" for name in sources)], rows)


def rote_rows(runs: list[Run], documents: Told) -> list[list[object]]:
    """Each run that learns by heart from the start, or has random labels: when that was so, and when it was named."""
    rows: list[list[object]] = []
    for run in runs:
        if run.name not in documents or (run.rote is None and not run.random_labels):
            continue
        named = Named.by(documents[run.name])
        gap = f"{run.gap[-1]:.0f}" if run.gap is not None else ""
        if run.rote is None:
            rows.append([run.name, gap, "never", "", named.at or "never", "", named.ended or "-"])
            continue
        late = "not named" if named.at is None else f"{named.at - run.rote.begins:+d}"
        rows.append(
            [
                run.name,
                gap,
                run.rote.begins,
                run.rote.ends or "-",
                named.at or "never",
                late,
                named.ended or "-",
            ]
        )
    return rows


def rote_named(runs: list[Run], documents: Told, within: int) -> tuple[int, int]:
    """How many runs that learn by heart from the start were named in time, and of how many.

    A run that ends before the time is over, unnamed, is not counted.
    """
    delays = []
    for run in runs:
        if run.rote is None or run.name not in documents:
            continue
        at = Named.by(documents[run.name]).at
        if at is not None or run.epochs >= run.rote.begins + within:
            delays.append(math.inf if at is None else at - run.rote.begins)
    return sum(delay <= within for delay in delays), len(delays)


def gap_table(runs: list[Run], sources: dict[str, Told]) -> str:
    """How far the estimated gap lies from the true one."""
    rows = []
    for name, documents in sources.items():
        errors = [gap_errors(run, documents[run.name]) for run in runs if run.name in documents]
        errors = [of for of in errors if len(of)]
        if errors:
            every, last = np.concatenate(errors), np.array([of[-1] for of in errors])
            told_of = [f"{of.mean():.1f}, {np.percentile(of, 90):.1f}, {of.max():.1f}" for of in (every, last)]
            rows.append([name, len(errors), *told_of])
    if not rows:
        return "No estimate of the gap was told."
    what = "mean, p90, max in points"
    return markdown(["from", "runs", f"error, all epochs: {what}", "error, last epoch"], rows)


def cells_table(runs: list[Run], sources: dict[str, Told]) -> str:
    """Every cell of the benchmark, failures first, a value for each seed; `?` where nothing was told."""
    rows: list[tuple[tuple[float, float, str], list[object]]] = []
    for cell in sorted({run.cell for run in runs}):
        seeds = [run for run in runs if run.cell == cell]
        failures, worst, cells = 0, 0.0, []
        for documents in sources.values():
            shown = alarms("", documents, "shown")
            missed = false = 0
            of_seeds: list[tuple[str, str, str]] = []
            for run in seeds:
                if not shown.applies(run):
                    of_seeds.append(("?", "?", "?"))
                    continue
                stop, warning = shown.stop(run), first_alarm(documents[run.name], "suspected")
                lost = regret(run, stop)
                missed += run.harm == "harm" and stop is None
                false += is_false(run, stop)
                worst = max(worst, lost if run.harm == "harm" else 0.0)
                at = f"{stop.at}/{stop.kept}" if stop else "-"
                of_seeds.append((at, f"{lost:.1f}", str(warning["alarm_epoch"]) if warning else "-"))
            failures += missed + false
            cells += [" ".join(column) for column in zip(*of_seeds, strict=True)]
            cells.append(
                ", ".join(f"{count} {word}" for count, word in ((missed, "missed"), (false, "false")) if count)
            )
        known = [
            f"{cell} ({', '.join(str(run.seed) for run in seeds)})",
            " ".join(run.harm for run in seeds),
            " ".join(f"{run.drop:.1f}" for run in seeds),
            " ".join(f"{run.gap[-1]:.0f}" if run.gap is not None else "-" for run in seeds),
            " ".join(f"{run.best}/{run.epochs}" for run in seeds),
        ]
        rows.append(((-failures, -worst, cell), [*known, *cells]))
    head = ["training (seeds)", "harm", "the end loses", "gap at the end", "best epoch/epochs"]
    for name in sources:
        head += [f"{name}: stop/kept", "lost", "warned", "failures"]
    return markdown(head, [row for _, row in sorted(rows, key=lambda row: row[0])])


def aims_table(runs: list[Run], sources: dict[str, Told]) -> str:
    """What is aimed at, and what came of it."""
    rows: list[list[object]] = []
    for name, documents in sources.items():
        shown = alarms(name, documents, "shown")
        # Without labels, nothing is known of a task without classes.
        kinds = ("accuracy",) if name == _WITHOUT else ("accuracy", "loss")
        judged = Results.of(shown, [run for run in runs if not run.random_labels and run.judged_by in kinds])
        harmful, harmless = judged.with_harm("harm"), judged.with_harm("none")
        points = [run for run in harmful if run.judged_by == "accuracy"]
        errors = [gap_errors(run, documents[run.name]) for run in judged.runs]
        every = np.concatenate([*errors, np.array([])])
        others = [(way, difference(judged, Results.of(way, points))) for way in OTHERS["accuracy"]]
        above = [
            [way.name for way, (_, mean, *_) in others if mean >= 0 and way.without_labels >= least] for least in (0, 1)
        ]
        rows.append(
            [
                name,
                wilson(len(judged.false(harmless)), len(harmless)),
                wilson(len(judged.stopped(harmful)), len(harmful)),
                spread(judged.lost(points)),
                *(", ".join(names) or "none" for names in above),
                *("{} of {}".format(*rote_named(runs, documents, within)) for within in (3, 5)),
                f"{every.mean():.1f}" if len(every) else "-",
            ]
        )
    head = ["", "false stops in runs without harm", "harmful runs found", "points lost by the weights kept"]
    head += ["other ways that lose no more", "of those without labels"]
    return markdown([*head, "rote named within 3 epochs", "within 5", "error of the gap, points"], rows)


def write_table(run: Run, sources: dict[str, Told], file: Path) -> None:
    """Writes what is known of each epoch of a run."""
    columns: dict[str, list[str]] = {
        name: ["" if math.isnan(value) else f"{value:.5g}" for value in run.table[name]]
        for name in JUDGED
        if name in run.table
    }
    for source, documents in zip(("", "_without_labels"), sources.values(), strict=False):
        if run.name not in documents:
            continue
        epochs = {epoch["epoch"]: epoch for epoch in documents[run.name]["epochs"]}
        for name in TOLD:
            told_of = [epochs.get(int(epoch), {}) for epoch in run.table["epoch"]]
            if name == "memorized_share":
                values = [share_of(of) for of in told_of]
                cells = ["" if math.isnan(value) else f"{value:.5g}" for value in values]
            else:
                cells = [_cell(of.get(name)) for of in told_of]
            # The neighbours are the same with and without labels.
            if any(cells) and (not source or name in ("verdict", "consensus") or name not in columns):
                columns[name + source] = cells
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else "" if value is None else str(value)


def write_runs(runs: list[Run], ways: dict[str, list[Way]], file: Path) -> None:
    """Writes a line for each run."""
    names = list(dict.fromkeys(way.name for of_kind in ways.values() for way in of_kind))
    head = ["run", "judged_by", "harm", "drop", "by_heart", "gap_points", "over_confident", "best_epoch", "epochs"]
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow([*head, *(f"{name}: {what}" for name in names for what in ("stop", "kept", "lost"))])
        for run in runs:
            gap = "" if run.gap is None else f"{run.gap[-1]:.1f}"
            line: list[object] = [run.name, run.judged_by, "random labels" if run.random_labels else run.harm]
            line += [f"{run.drop:.2f}", run.by_heart, gap, int(run.over_confident), run.best, run.epochs]
            for name in names:
                way = next((way for way in ways[run.judged_by] if way.name == name and way.applies(run)), None)
                stop = way.stop(run) if way is not None else None
                at = ["", ""] if stop is None else [str(stop.at), str(stop.kept)]
                line += [*at, "" if way is None else f"{regret(run, stop):.2f}"]
            writer.writerow(line)


def report(runs: list[Run], sources: dict[str, Told]) -> str:
    """Returns all tables in Markdown."""
    text = []
    for judged_by, unit in UNITS.items():
        of_kind = [run for run in runs if run.judged_by == judged_by]
        judged = [run for run in of_kind if not run.random_labels]
        if not judged:
            continue
        ours = {
            name: [Results.of(way, judged) for way in own_ways(name, documents)] for name, documents in sources.items()
        }
        others = [Results.of(way, judged) for way in OTHERS[judged_by]]
        every = [of for of in [*(of for each in ours.values() for of in each), *others] if of.runs]
        counts = [f"{sum(run.harm == harm for run in judged)} {word}" for harm, word in _HARMS.items()]
        counts += [f"{sum(run.by_heart == word for run in judged)} {word}" for word in ("by heart", "not")]
        counts.append(f"{sum(run.over_confident for run in judged)} over-confident")
        text += [
            f"## {len(judged)} trainings judged by {judged_by}, in {unit}",
            "{}, {}, {}; {}, {} so; {}.".format(*counts),
            stops_table(every),
            lost_table(every),
            difference_table([each[0] for each in ours.values() if each[0].runs], others),
            warnings_table(judged, sources),
        ]
        if random := [run for run in of_kind if run.random_labels]:
            text.append(_with_random(judged, random, sources))
    text += [
        "## The estimated gap",
        gap_table(runs, sources),
        "## Rote from the start, and labels entirely random",
    ]
    head = ["run", "gap at the end", "rote from", "until", "named at", "epochs after it began", "withdrawn at"]
    for name, documents in sources.items():
        named, of = rote_named(runs, documents, 5)
        text += [f"{name}: named within 5 epochs {named} of {of}", markdown(head, rote_rows(runs, documents))]
    judged = [run for run in runs if not run.random_labels]
    text += [
        "## The aims",
        "Of trainings with classes alone, where there are no labels.",
        aims_table(runs, sources),
        "## By training",
        cells_table(judged, sources),
    ]
    return "\n\n".join(text)


_HARMS = {"harm": "with harm", "undecided": "undecided", "none": "without harm"}


def own_ways(name: str, documents: Told) -> list[Way]:
    """The program's ways to stop."""
    without = name.endswith("without labels")
    return [alarms(f"{name}, {word}", documents, *levels, without_labels=without) for word, levels in LEVELS.items()]


def _with_random(judged: list[Run], random: list[Run], sources: dict[str, Told]) -> str:
    """The figures with the runs that have entirely random labels."""
    harmful = sum(run.harm == "harm" for run in random)
    told_of = []
    for name, documents in sources.items():
        both = Results.of(alarms(name, documents, "shown"), [*judged, *random])
        with_harm, without = both.with_harm("harm"), both.with_harm("none")
        told_of.append(
            f"{name}: found {wilson(len(both.stopped(with_harm)), len(with_harm))}, false stops without harm "
            f"{wilson(len(both.false(without)), len(without))}, lost by the weights kept {spread(both.lost(with_harm))}"
        )
    return (
        f"{len(random)} runs with entirely random labels are not in these tables: they have no accuracy to lose, "
        f"although {harmful} end a point below their best by chance. With them: {'; '.join(told_of)}."
    )


def replayed_sources(
    runs: list[Run], binary: str, config: Path | None, folder: Path
) -> tuple[dict[str, Told], list[str]]:
    """Replays the runs with and, where there are activations, without labels; returns notes on what was left out."""
    folders = {run.name: captures.unpacked(run, folder) for run in runs}
    inboxes = [folders[run.name] / "inbox" for run in runs]
    sources = {"rotewatch": told.replay_all(binary, inboxes, told.WAYS["labels"], config), _WITHOUT: {}}
    layers = [folders[run.name] / "inbox" for run in runs if run.has_layers]
    notes = []
    if len(layers) < len(runs):
        notes.append(f"{len(runs) - len(layers)} captures have no activations: not replayed without labels.")
    try:
        sources[_WITHOUT] = told.replay_all(binary, layers, told.WAYS["without_labels"], config)
    except RuntimeError as error:
        notes.append(f"Not judged without labels: {error}")
    return sources, notes


_WITHOUT = "rotewatch without labels"


def told_sources(runs: list[Run]) -> tuple[dict[str, Told], list[str]]:
    """Returns what was told when the runs were recorded, and notes on what was left out."""
    sources = {
        name: {run.name: run.told[way] for run in runs if way in run.told}
        for name, way in (("rotewatch", "labels"), (_WITHOUT, "without_labels"))
    }
    left = {name: [run.name for run in runs if run.name not in documents] for name, documents in sources.items()}
    return sources, [f"{name}: nothing was told of {' '.join(names)}" for name, names in left.items() if names]


def main() -> None:
    """Reads the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", type=Path, metavar="PATH")
    parser.add_argument("--told", action="store_true", help="judge what was told when the trainings were recorded")
    parser.add_argument("--binary", default="rotewatch")
    parser.add_argument("--config", type=Path, help="a configuration with other thresholds")
    parser.add_argument("--unpacked", type=Path, metavar="FOLDER", help="keep unpacked captures here")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a line for each run")
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="write a table of the epochs of each run")
    options = parser.parse_args()
    if options.told and options.config:
        parser.error("what was told when a training was recorded was told by the default thresholds")
    runs = captures.read_all(options.captures)
    if not runs:
        raise SystemExit("error: no captures")
    with tempfile.TemporaryDirectory() as scratch:
        sources, notes = (
            told_sources(runs)
            if options.told
            else replayed_sources(runs, options.binary, options.config, options.unpacked or Path(scratch))
        )
    sources = {name: documents for name, documents in sources.items() if documents}
    print("\n\n".join([report(runs, sources), *notes]))
    if options.csv:
        own = [way for name, documents in sources.items() for way in own_ways(name, documents)]
        write_runs(runs, {judged_by: [*own, *others] for judged_by, others in OTHERS.items()}, options.csv)
    if options.tables:
        options.tables.mkdir(parents=True, exist_ok=True)
        for run in runs:
            write_table(run, sources, options.tables / f"{run.name}.csv")


if __name__ == "__main__":
    main()
