"""What watching costs a training: pairs of runs from one seed, with and without, in turn; the median of the ratios.

    python benches/overhead.py --pairs 9        needs ROTEWATCH_BINARY, or rotewatch in PATH

The training is the one of the record: an MLP of 3 x 256 on 14 x 14 inputs, 10,000 examples an epoch in batches of 128,
Adam, a probe of 1,000 rows; one thread. The daemon runs beside it and shares the
machine. Losses have to be the same.
"""

import argparse
import contextlib
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

import rotewatch

EXAMPLES, PROBE_ROWS, BATCH, SIDE = 10_000, 1_000, 128, 14


def seconds_and_losses(epochs: int, clock: Callable[[], float], **options: object) -> tuple[float, list[float]]:
    """One training's time from its first step to its last, epoch 0 included, and the last loss of every epoch."""
    torch.manual_seed(0)
    widths = [SIDE * SIDE, 256, 256, 256]
    hidden = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*hidden, nn.Linear(256, 10))
    inputs, labels = torch.rand(EXAMPLES, SIDE * SIDE), torch.randint(10, (EXAMPLES,))
    probe = torch.rand(PROBE_ROWS, SIDE * SIDE)
    if options.get("probe"):
        options["probe"] = probe
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    began = clock()
    watching = rotewatch.watch(model, run="overhead", **options) if options else contextlib.nullcontext()
    with watching as watcher:
        for _ in range(epochs):
            for rows in torch.randperm(EXAMPLES).split(BATCH):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
                loss.backward()
                optimizer.step()
            losses.append(loss.item())
            if watcher is not None:
                watcher.epoch_end(train_loss=losses[-1])
    return clock() - began, losses


def main() -> None:
    """Prints one line a way of watching."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=9)
    arguments.add_argument("--epochs", type=int, default=8)
    arguments.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: of this process alone")
    options = arguments.parse_args()
    clock = time.perf_counter if options.clock == "wall" else time.process_time
    torch.set_num_threads(1)
    ways = {
        "probe": {"probe": True},
        "probe, verdict not awaited": {"probe": True, "wait": 0},
        "stream, every 10th step": {"stream_every": 10},
        "stream, verdict not awaited": {"stream_every": 10, "wait": 0},
    }
    seconds_and_losses(1, clock)
    with rotewatch.private_daemon():
        for name, way in ways.items():
            ratios = []
            for _ in range(options.pairs):
                with_it, watched = seconds_and_losses(options.epochs, clock, **way)
                without, bare = seconds_and_losses(options.epochs, clock)
                assert watched == bare, "the losses differ"
                ratios.append(with_it / without)
            print(f"{name:30} {statistics.median(ratios):.3f}  ({min(ratios):.3f} to {max(ratios):.3f})", flush=True)


if __name__ == "__main__":
    main()
