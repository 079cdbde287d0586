"""Records the trainings of the benchmark, each once.

    python -m benchmarks.alarm.record --out FOLDER choose|judge [--cells GLOB ...]

`split.json` says which trainings thresholds are chosen on, and which they are judged on. A finished training is a
folder `CELL.SEED`; an interrupted one goes on from its last checkpoint. With `--packed PREFIX`, finished trainings are
packed instead, into `PREFIX-0.tar`, `PREFIX-1.tar` and so on. With `--binary`, what the program tells of a training is
kept with it.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import multiprocessing
import os
import shutil
import sys
import tarfile
import time
import traceback
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from . import packing, told
from .data import MissingDataError
from .recording import Recording
from .trainings import Cell, cells

Wanted = tuple[Cell, int]
#: Transfers and mail that take files of 16 MiB take a shard.
SHARD_BYTES = 31 << 19


def record(cell: Cell, seed: int, out: Path, device: torch.device) -> Path:
    """Records one training in this process, unless it is there; returns its folder."""
    done = out / f"{cell.name}.{seed}"
    if not done.exists():
        part = out / f"{cell.name}.{seed}.part"
        Recording(cell, seed, part, device).run()
        part.rename(done)
    return done


def planned(part: str) -> list[Wanted]:
    """Returns the trainings of a part of the split, seed by seed, long ones first."""
    split = json.loads(Path(__file__).with_name("split.json").read_text(encoding="utf-8"))
    if part == "judge" and split["thresholds"] is None:
        raise SystemExit("error: split.json has no thresholds yet; choose them before anything judged is recorded")

    def is_in(cell: Cell, globs: list[str]) -> bool:
        return any(fnmatch.fnmatchcase(cell.name, glob) for glob in globs)

    of = split[part]
    chosen = [cell for cell in cells().values() if is_in(cell, of["cells"]) and not is_in(cell, of.get("not", []))]
    chosen.sort(key=lambda cell: -cell.seconds)
    return [(cell, seed) for seed in split[part]["seeds"] for cell in chosen]


class Shards:
    """Joins packed trainings into files of a bounded size."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._waiting: list[Path] = []
        self._written = 0

    def add(self, pack: Path) -> None:
        """Takes a packed training; writes a shard when the next one would be too large."""
        # A header and padding for each file of a tar.
        if sum(path.stat().st_size + 1024 for path in [*self._waiting, pack]) > SHARD_BYTES:
            self.write()
        self._waiting.append(pack)

    def write(self) -> None:
        """Writes what waits."""
        if not self._waiting:
            return
        with tarfile.open(f"{self._prefix}-{self._written}.tar", "w") as shard:
            for path in self._waiting:
                shard.add(path, path.name)
        self._written += 1
        self._waiting = []


def _worker(orders: Connection, out: Path, device: str, packed: bool, binary: Path | None) -> None:
    """Records the trainings that it is told to; answers each with its seconds, or `None` if it failed."""
    torch.set_num_threads(1)
    known = cells()
    while (order := orders.recv()) is not None:
        name, seed = order
        began = time.monotonic()
        try:
            done = record(known[name], seed, out, torch.device(device))
            if binary is not None:
                try:
                    told.tell(binary, done)
                except RuntimeError as error:
                    print(f"{done.name}: not told: {error}", file=sys.stderr, flush=True)
            if packed:
                packing.pack(done, out / f"{done.name}.pack")
                shutil.rmtree(done)
            orders.send(time.monotonic() - began)
        except MissingDataError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            orders.send(None)
        except Exception:
            traceback.print_exc()
            orders.send(None)


class Recorder:
    """Records trainings, several at a time, in processes that each record one after another."""

    def __init__(self, out: Path, device: str, shards: Shards | None, binary: Path | None, until: float) -> None:
        self._out, self._device, self._shards, self._binary, self._until = out, device, shards, binary, until
        #: What the processes are at, by connection; `None` for nothing.
        self._at: dict[Connection, Wanted | None] = {}
        self._processes: dict[Connection, multiprocessing.process.BaseProcess] = {}
        #: Seconds that trainings took for each second of their estimate.
        self._pace = 0.0

    def run(self, wanted: list[Wanted], at_once: int) -> int:
        """Records until all is done or the time is over; returns how many failed."""
        failed, began, worked = 0, time.monotonic(), 0.0
        for _ in range(min(at_once, len(wanted))):
            self._give(self._start(), wanted)
        while any(self._at.values()):
            busy = [connection for connection, at in self._at.items() if at]
            ready = wait(busy, max(0.0, min(self._until - time.monotonic(), 3600.0)))
            if not ready and time.monotonic() >= self._until:
                print(f"the time is over; left out: {' '.join(self._left(wanted))}", flush=True)
                break
            for connection in ready:
                assert isinstance(connection, Connection)
                cell, seed = self._at[connection] or wanted[0]
                try:
                    seconds = connection.recv()
                except EOFError:
                    seconds = None
                    self._end(connection)
                    connection = self._start()
                if seconds is None:
                    failed += 1
                else:
                    self._pace = max(self._pace, seconds / cell.seconds)
                    if self._shards is not None:
                        self._shards.add(self._out / f"{cell.name}.{seed}.pack")
                self._give(connection, wanted)
                worked += cell.seconds
                left = (time.monotonic() - began) / worked * sum(cell.seconds for cell, _ in wanted)
                word = f"recorded in {seconds:.1f} s" if seconds is not None else "FAILED"
                print(f"{cell.name}.{seed} {word}; {len(wanted)} left, about {left / 60:.1f} minutes", flush=True)
        for connection in list(self._at):
            self._end(connection)
        if self._shards is not None:
            self._shards.write()
        return failed

    def _left(self, wanted: list[Wanted]) -> list[str]:
        return [f"{cell.name}.{seed}" for cell, seed in [*filter(None, self._at.values()), *wanted]]

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self._out, self._device, self._shards is not None, self._binary)
        process = context.Process(target=_worker, args=arguments, daemon=True)
        process.start()
        theirs.close()  # so that the end of the process is the end of the connection
        self._processes[ours], self._at[ours] = process, None
        return ours

    def _give(self, connection: Connection, wanted: list[Wanted]) -> None:
        """Gives the next training for which there is time."""
        left = self._until - time.monotonic()
        place = next((n for n, (cell, _) in enumerate(wanted) if cell.seconds * self._pace < left), None)
        self._at[connection] = None if place is None else wanted.pop(place)
        if (at := self._at[connection]) is not None:
            connection.send((at[0].name, at[1]))

    def _end(self, connection: Connection) -> None:
        process = self._processes.pop(connection)
        if self._at.pop(connection) is None:
            connection.send(None)
        else:
            process.terminate()
        connection.close()
        process.join(20)


def main() -> int:
    """Reads the command line and records."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["choose", "judge", "ablate"], help="which part of the split")
    parser.add_argument("--out", type=Path, required=True, help="folder of the captures")
    parser.add_argument("--cells", nargs="*", default=["*"], metavar="GLOB", help="names of trainings (all)")
    parser.add_argument("--seeds", nargs="*", type=int, help="seeds of trainings (all)")
    parser.add_argument("--skip", type=Path, metavar="FILE", help="names CELL.SEED to leave out, one on each line")
    parser.add_argument("--at-once", type=int, default=2, help="trainings at a time, one thread each")
    parser.add_argument("--device", default="cpu", help="where networks and rows are, such as cuda")
    parser.add_argument("--minutes", type=float, help="stop after this time; unfinished trainings are left out")
    parser.add_argument("--packed", type=Path, metavar="PREFIX", help="pack finished trainings into PREFIX-N.tar")
    parser.add_argument("--binary", type=Path, metavar="FILE", help="rotewatch, to keep what its replay tells")
    options = parser.parse_args()
    skipped = set(options.skip.read_text(encoding="utf-8").split()) if options.skip else set()
    every = planned(options.part)
    every = [of for of in every if any(fnmatch.fnmatchcase(of[0].name, glob) for glob in options.cells)]
    every = [of for of in every if options.seeds is None or of[1] in options.seeds]
    options.out.mkdir(parents=True, exist_ok=True)
    names = {path.name.removesuffix(".pack") for path in options.out.iterdir()} | skipped
    wanted = [(cell, seed) for cell, seed in every if f"{cell.name}.{seed}" not in names]
    print(f"{len(wanted)} of {len(every)} trainings to record", flush=True)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that record
    until = began + 60 * options.minutes if options.minutes is not None else float("inf")
    shards = Shards(options.packed) if options.packed is not None else None
    return int(Recorder(options.out, options.device, shards, options.binary, until).run(wanted, options.at_once) > 0)


if __name__ == "__main__":
    raise SystemExit(main())
