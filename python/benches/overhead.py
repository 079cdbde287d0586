"""Measures what watching costs a training: alternating runs from one seed, with and without; median of the ratios.

    python benches/overhead.py --pairs 9        needs ROTEWATCH_BINARY, or rotewatch in PATH

Trains MLPs of three hidden layers on 14 x 14 inputs in batches of 128, with Adam and one thread, as in the record. The
time of a run is that of its median epoch, end included, so that occasional load on the machine does not count. The
daemon runs on the same machine. The losses of both runs must be equal.
"""

import argparse
import contextlib
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from sink import sink
from torch import nn

import rotewatch

BATCH, SIDE = 128, 14


@dataclass(frozen=True)
class Training:
    """The size of a training and of its probe."""

    width: int
    examples: int
    probe_rows: int
    epochs: int

    def seconds_and_losses(self, clock: Callable[[], float], options: dict[str, Any]) -> tuple[float, list[float]]:
        """Returns the time of the median epoch, and the last loss of each epoch."""
        torch.manual_seed(0)
        widths = [SIDE * SIDE, self.width, self.width, self.width]
        hidden = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        model = nn.Sequential(*hidden, nn.Linear(self.width, 10))
        inputs, labels = torch.rand(self.examples, SIDE * SIDE), torch.randint(10, (self.examples,))
        # One batch, or several as from a loader.
        options = dict(options)
        batches = torch.rand(self.probe_rows, SIDE * SIDE).split(options.pop("batch", self.probe_rows))
        given = torch.randint(10, (self.probe_rows,))
        if options.get("seen"):
            options["probe"] = list(zip(torch.cat(batches).split(BATCH), given.split(BATCH), strict=True))
            seen = [of[: self.probe_rows].split(BATCH) for of in (inputs, labels)]
            options |= {"seen": list(zip(*seen, strict=True)), "loss": nn.CrossEntropyLoss()}
        elif options.get("probe"):
            options["probe"] = iter(batches)
        passes_alone = options.pop("passes_alone", False)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        losses, seconds = [], []
        watching = rotewatch.watch(model, run="overhead", **options) if options else contextlib.nullcontext()
        with watching as watcher:
            for _ in range(self.epochs):
                began = clock()
                for rows in torch.randperm(self.examples).split(BATCH):
                    optimizer.zero_grad()
                    loss = nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
                    loss.backward()
                    optimizer.step()
                losses.append(loss.item())
                if watcher is not None:
                    watcher.epoch_end(train_loss=losses[-1])
                elif passes_alone:
                    with torch.no_grad():
                        for batch in batches:
                            model(batch)
                seconds.append(clock() - began)
        return statistics.median(seconds), losses


def main() -> None:
    """Prints one line for each training and way of watching it."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=9)
    arguments.add_argument(
        "--epochs", type=int, default=15, help="epochs of each run; on a noisy machine use fewer epochs and more pairs"
    )
    arguments.add_argument("--only", default="", help="measure only the lines that contain this text")
    arguments.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="cpu counts the time of this process only"
    )
    arguments.add_argument("--sink", action="store_true", help="use a server that computes nothing instead of a daemon")
    options = arguments.parse_args()
    clock = time.perf_counter if options.clock == "wall" else time.process_time
    torch.set_num_threads(1)
    small = Training(width=256, examples=10_000, probe_rows=1_000, epochs=options.epochs)
    long_steps = Training(width=640, examples=20_000, probe_rows=200, epochs=4)
    ways: list[tuple[str, Training, dict[str, Any]]] = [
        ("3 x 256, probe of 1,000 rows", small, {"probe": True}),
        ("3 x 256, probe, batches of 128", small, {"probe": True, "batch": BATCH}),
        ("3 x 256, unseen and seen rows, batches of 128", small, {"seen": True, "batch": BATCH}),
        ("3 x 256, probe, its forward pass alone", small, {"passes_alone": True}),
        ("3 x 256, probe, batches of 128, passes alone", small, {"passes_alone": True, "batch": BATCH}),
        ("3 x 256, stream of every 10th step", small, {"stream_every": 10}),
        ("3 x 256, probe, every verdict awaited", small, {"probe": True, "wait": 10}),
        ("3 x 640, probe of 1 % of the rows", long_steps, {"probe": True}),
        ("3 x 640, unseen and seen rows of 1 % each", long_steps, {"seen": True, "batch": BATCH}),
    ]
    small.seconds_and_losses(clock, {})
    with sink() if options.sink else rotewatch.private_daemon() as server:
        elsewhere = {"url": server, "token": "none"} if options.sink else {}
        for name, training, way in ways:
            if options.only not in name:
                continue
            if "passes_alone" not in way:
                way = {**way, **elsewhere}
            ratios, steps = [], []
            for _ in range(options.pairs):
                with_it, watched = training.seconds_and_losses(clock, way)
                without, bare = training.seconds_and_losses(clock, {})
                assert watched == bare, "the losses differ"
                ratios.append(with_it / without)
                steps.append(1e3 * without / -(-training.examples // BATCH))
            print(
                f"{name:46} {statistics.median(ratios):.3f}  ({min(ratios):.3f} to {max(ratios):.3f}), "
                f"steps of {statistics.median(steps):.1f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
