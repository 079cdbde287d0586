"""Records the trainings of the benchmark, each once.

    python -m benchmarks.alarm.record --out FOLDER choose|judge [--cells GLOB ...]

`split.json` says which trainings thresholds are chosen on, and which they are judged on. A finished training is a
folder `CELL.SEED`; an interrupted one goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from .data import MissingDataError
from .recording import Recording
from .trainings import Cell, cells

Wanted = tuple[Cell, int]


def record(cell: Cell, seed: int, out: Path) -> None:
    """Records one training in this process, unless it is there."""
    torch.set_num_threads(1)
    done = out / f"{cell.name}.{seed}"
    if done.exists():
        return
    part = out / f"{cell.name}.{seed}.part"
    Recording(cell, seed, part).run()
    part.rename(done)


def planned(part: str) -> list[Wanted]:
    """Returns the trainings of a part of the split, seed by seed, short ones first."""
    split = json.loads(Path(__file__).with_name("split.json").read_text(encoding="utf-8"))
    if part == "judge" and split["thresholds"] is None:
        raise SystemExit("error: split.json has no thresholds yet; choose them before anything judged is recorded")
    globs = split[part]["cells"]
    chosen = [cell for cell in cells().values() if any(fnmatch.fnmatchcase(cell.name, glob) for glob in globs)]
    chosen.sort(key=lambda cell: cell.seconds)
    return [(cell, seed) for seed in split[part]["seeds"] for cell in chosen]


def record_all(part: str, wanted: list[Wanted], out: Path, at_once: int) -> int:
    """Records trainings, `at_once` at a time, each in a process of its own; returns how many failed."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running: list[tuple[Wanted, subprocess.Popen[bytes]]] = []
    began, worked, failed = time.monotonic(), 0.0, 0
    while wanted or running:
        while wanted and len(running) < at_once:
            cell, seed = wanted.pop(0)
            command = [sys.executable, "-m", __spec__.name, "--out", str(out), part]
            command += ["--cells", cell.name, "--seed", str(seed)]
            running.append(((cell, seed), subprocess.Popen(command, env=environment)))
        (cell, seed), process = running.pop(0)
        try:
            code = process.wait(1.0)
        except subprocess.TimeoutExpired:
            running.append(((cell, seed), process))
            continue
        worked += cell.seconds
        failed += code != 0
        left = (time.monotonic() - began) / worked * sum(cell.seconds for cell, _ in wanted)
        word = "recorded" if code == 0 else "FAILED"
        print(f"{word} {cell.name}.{seed}; {len(wanted)} left, about {left / 60:.0f} minutes", flush=True)
    return failed


def main() -> int:
    """Reads the command line and records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["choose", "judge"], help="which part of the split")
    parser.add_argument("--out", type=Path, required=True, help="folder of the captures")
    parser.add_argument("--cells", nargs="*", default=["*"], metavar="GLOB", help="names of trainings (all)")
    parser.add_argument("--at-once", type=int, default=2, help="trainings at a time, one thread each")
    parser.add_argument("--seed", type=int, help="record these trainings of one seed in this process")
    options = parser.parse_args()
    every = planned(options.part)
    every = [of for of in every if any(fnmatch.fnmatchcase(of[0].name, glob) for glob in options.cells)]
    options.out.mkdir(parents=True, exist_ok=True)
    if options.seed is not None:
        for cell, seed in every:
            if seed == options.seed:
                record(cell, seed, options.out)
        return 0
    wanted = [(cell, seed) for cell, seed in every if not (options.out / f"{cell.name}.{seed}").exists()]
    estimate = sum(cell.seconds for cell, _ in wanted) / options.at_once
    print(f"{len(wanted)} of {len(every)} trainings to record, about {estimate / 60:.0f} minutes", flush=True)
    return int(record_all(options.part, wanted, options.out, options.at_once) > 0)


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except MissingDataError as error:
        raise SystemExit(f"error: {error}") from error
