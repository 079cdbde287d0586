"""One training of the benchmark while it is recorded: what a monitor sees, and apart from it what the judge sees.

FOLDER/inbox/RUN/...     what the client wrote offline: all that a detector may see
FOLDER/judge/table.csv   clean test loss and accuracy, true gap, wrong labels fitted, signals of others, of each epoch
FOLDER/judge/labels.npz  given and right labels
FOLDER/judge/EPOCH.npz   outputs, features, neighbours, head, margins and predictions of the training pass
FOLDER/judge/told.json   what the program tells of the run, if it was asked
FOLDER/training.json     the cell, the seed, what it is judged by
"""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import rotewatch

from . import alignment, passes, signals
from .tasks import Classes, Tokens
from .trainings import Cell

CHECKPOINT_SECONDS = 120.0
#: Bounds the size of a capture; the measures of more neurons differ little.
NEURONS_PER_LAYER = 128


class Recording:
    """One training that is being recorded."""

    def __init__(self, cell: Cell, seed: int, folder: Path, device: torch.device | None = None) -> None:
        self._cell, self._seed, self._folder = cell, seed, folder
        self._device = device or torch.device("cpu")
        torch.manual_seed(seed)
        # Made on the CPU, so that the sets, the labels and the first weights are the same on any device.
        self._training = cell.make(seed)
        self._labels = self._training.split.train.given, self._training.split.train.right
        self._training.split = self._training.split.to(self._device)
        network = self._training.network.to(self._device)
        if self._training.before is not None:
            self._training.before(network)
        self._optimizer = self._training.optimizer(list(network.parameters()))
        self._rates = [group["lr"] for group in self._optimizer.param_groups]
        self._epoch = 0
        self._table: list[dict[str, float]] = []
        self._before: torch.Tensor | None = None
        torch.manual_seed(seed)

    @property
    def _run(self) -> str:
        return f"{self._cell.name}.{self._seed}"

    def run(self) -> None:
        """Trains to the end, from the checkpoint if there is one."""
        (self._folder / "judge").mkdir(parents=True, exist_ok=True)
        resumed = self._resume()
        inbox = self._folder / ("inbox.resumed" if resumed else "inbox")
        shutil.rmtree(inbox, ignore_errors=True)
        watcher = self._watcher(inbox)
        if not resumed:
            self._write_labels()
            self._judge({})
        saved = time.monotonic()
        while self._epoch < self._training.epochs:
            metrics = self._train()
            self._epoch += 1
            shown = {name: value for name, value in metrics.items() if not name.startswith("_")}
            watcher.epoch_end(self._epoch, **shown, **self._judge(metrics))
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._join(inbox)
                self._save()
                saved = time.monotonic()
        watcher.close()
        if watcher.deliveries.sent < watcher.deliveries.offered:
            raise RuntimeError(f"frames of {self._run} are missing: {watcher.deliveries}")
        self._join(inbox)
        if resumed:
            shutil.rmtree(inbox)  # else the replay would find the run twice
        with (self._folder / "judge" / "table.csv").open("w", newline="") as file:
            columns = list(dict.fromkeys(key for row in self._table for key in row))
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in self._table)
        (self._folder / "checkpoint.pt").unlink(missing_ok=True)

    def _watcher(self, inbox: Path) -> rotewatch.Watcher:
        split, task = self._training.split, self._training.task
        seen = split.train[split.seen]
        loss: Any = nn.CrossEntropyLoss() if isinstance(task, (Classes, Tokens)) else nn.MSELoss()
        watcher = rotewatch.watch(
            self._training.network,
            probe=list(zip(split.unseen.inputs.split(500), split.unseen.given.split(500), strict=True)),
            seen=list(zip(seen.inputs.split(500), seen.given.split(500), strict=True)),
            loss=loss,
            run=self._run,
            mode="offline",
            inbox=inbox,
            neurons_per_layer=NEURONS_PER_LAYER,
            close_wait=60,
            framework="pytorch",
        )
        if not watcher.layers:
            raise RuntimeError(f"nothing of {self._run} is watched, so there would be nothing to judge")
        return watcher

    def _join(self, inbox: Path) -> None:
        """Moves the files of a resumed recording to those before it, under the first declaration."""
        if inbox.name == "inbox":
            return
        target = self._folder / "inbox" / self._run
        for file in (inbox / self._run).iterdir():
            first, _, _ = file.name.partition(".")
            # The resumed client sees the network of the checkpoint as epoch 0.
            if first != "run" and first != "0":
                file.replace(target / file.name)

    def _train(self) -> dict[str, Any]:
        t = self._training
        rows, network = t.split.train, t.network.train()
        wanted = t.steps_an_epoch or -(-len(rows) // t.batch)
        losses: list[torch.Tensor] = []
        examples, margins, predicted, aligned = [], [], [], []
        while len(losses) < wanted:
            order = torch.randperm(len(rows)).to(self._device)
            for ids in order.split(t.batch)[: wanted - len(losses)]:
                self._set_rate((self._epoch + len(losses) / wanted) / t.epochs)
                inputs, targets = rows.inputs[ids], rows.given[ids]
                if t.augment is not None:
                    inputs = t.augment(inputs)
                inputs, mixed = self._mixed(inputs, targets, len(losses)) if t.mixup else (inputs, targets)
                head = alignment.HeadInput(network)
                with torch.autocast(self._device.type, torch.bfloat16, enabled=t.bf16):
                    outputs = network(inputs)
                outputs = outputs.float()
                loss = t.task.training_loss(outputs, mixed)
                self._optimizer.zero_grad()
                loss.backward()
                if t.clip:
                    nn.utils.clip_grad_norm_(network.parameters(), t.clip)
                self._optimizer.step()
                losses.append(loss.detach())
                if isinstance(t.task, Classes):
                    with torch.no_grad():
                        logits = outputs.detach()
                        given = logits.gather(1, targets[:, None]).squeeze(1)
                        others = logits.scatter(1, targets[:, None], -torch.inf).amax(1)
                        examples.append(ids)
                        margins.append(given - others)
                        predicted.append(logits.argmax(1))
                        aligned.append(head.alignment(logits, targets))
        metrics: dict[str, Any] = {"train_loss": float(torch.stack(losses).double().mean())}
        if examples:
            # On the CPU, where the last step of an example that comes twice is the one that stays.
            metrics |= self._of_classes(*(torch.cat(each).cpu() for each in (examples, margins, predicted, aligned)))
        return metrics

    def _of_classes(
        self, ids: torch.Tensor, margins: torch.Tensor, predicted: torch.Tensor, aligned: torch.Tensor
    ) -> dict[str, Any]:
        given, _ = self._labels
        latest = torch.full((len(given),), -1, dtype=torch.long)
        latest[ids] = predicted
        of_rows = torch.full((len(given),), torch.nan)
        of_rows[ids] = margins
        metrics: dict[str, Any] = {"train_accuracy": float((predicted == given[ids]).float().mean())}
        if self._before is not None:
            both = (latest >= 0) & (self._before >= 0)
            metrics["prediction_changes"] = float((latest[both] != self._before[both]).float().mean())
        self._before = latest
        return metrics | {"_gwa": alignment.gwa(aligned), "_margins": of_rows, "_predicted": latest}

    def _mixed(self, inputs: torch.Tensor, targets: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        share = float(
            np.random.default_rng((self._seed, self._epoch, step)).beta(self._training.mixup, self._training.mixup)
        )
        other = torch.randperm(len(inputs)).to(self._device)
        one_hot = functional.one_hot(targets, 10).float()
        return share * inputs + (1 - share) * inputs[other], share * one_hot + (1 - share) * one_hot[other]

    def _set_rate(self, progress: float) -> None:
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * self._training.schedule(progress)

    def _judge(self, metrics: dict[str, Any]) -> dict[str, float]:
        """Writes what the judge sees of the epoch; returns the held-out numbers that a trainer would log."""
        t = self._training
        split, seen = t.split, t.split.train[t.split.seen]
        row: dict[str, float] = {"epoch": self._epoch}
        row |= {name.removeprefix("_"): value for name, value in metrics.items() if isinstance(value, float)}
        arrays: dict[str, np.ndarray] = {}
        for name, examples in (("unseen", split.unseen), ("seen", seen), ("held", split.held), ("test", split.test)):
            result = passes.run(t.network, examples.inputs, bf16=t.bf16)
            scores = t.task.scores(result.outputs, examples.given)
            row[f"{name}_loss"] = float(scores.losses.mean())
            if scores.errors is not None:
                row[f"{name}_accuracy"] = 1 - float(scores.errors.mean())
            if name in ("unseen", "seen") and isinstance(t.task, Classes):
                arrays[f"{name}_outputs"] = result.outputs.half().cpu().numpy()
                arrays[f"{name}_features"] = result.features.cpu().numpy()
            if name == "unseen" and scores.predictions is not None and isinstance(t.task, Classes):
                arrays["neighbours"] = signals.neighbours(result.features, scores.predictions).cpu().numpy()
                of_class = signals.class_information(result.features, scores.predictions)
                row["class_information_p90"] = float(of_class.quantile(0.9))
                row["class_information_mean"] = float(of_class.mean())
                row["mutual_information_mean"] = float(signals.mutual_information(result.features))
            if name == "seen" and isinstance(t.task, Classes):
                row["cnd"] = signals.cnd(result.outputs, examples.given)
        if isinstance(t.task, Classes):
            row["true_gap"] = row["seen_accuracy"] - row["held_accuracy"]
            given, right = self._labels
            wrong = given != right
            if wrong.any() and "_predicted" in metrics:
                row["wrong_fitted"] = float((metrics["_predicted"] == given)[wrong].float().mean())
            if "_predicted" in metrics:
                arrays |= {"train_margins": metrics["_margins"].half().numpy()}
                arrays |= {"train_predicted": metrics["_predicted"].to(torch.int16).numpy()}
            heads = [module.weight for module in t.network.modules() if isinstance(module, nn.Linear)]
            arrays["head"] = heads[-1].detach().half().cpu().numpy()
        row["alpha"] = alignment.alpha(t.network)
        if arrays:
            np.savez(self._folder / "judge" / f"{self._epoch}.npz", **arrays)
        self._table.append(row)
        return {f"val_{name}": row[f"held_{name}"] for name in ("loss", "accuracy") if f"held_{name}" in row}

    def _write_labels(self) -> None:
        split = self._training.split
        if isinstance(self._training.task, Classes):
            np.savez(
                self._folder / "judge" / "labels.npz",
                unseen_given=split.unseen.given.cpu().numpy(),
                unseen_right=split.unseen.right.cpu().numpy(),
                train_given=split.train.given.cpu().numpy(),
                train_right=split.train.right.cpu().numpy(),
                seen=split.seen.cpu().numpy(),
            )
        told = {
            "cell": self._cell.name,
            "seed": self._seed,
            "judged_by": self._training.task.judged_by,
            "epochs": self._training.epochs,
        }
        (self._folder / "training.json").write_text(json.dumps(told))

    def _save(self) -> None:
        state = {
            "network": self._training.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "epoch": self._epoch,
            "table": self._table,
            "before": self._before,
            "random": torch.get_rng_state(),
        }
        if self._device.type == "cuda":
            state["random_of_device"] = torch.cuda.get_rng_state(self._device)
        part = self._folder / "checkpoint.part"
        torch.save(state, part)
        part.replace(self._folder / "checkpoint.pt")

    def _resume(self) -> bool:
        file = self._folder / "checkpoint.pt"
        if not file.exists():
            return False
        state = torch.load(file, map_location="cpu", weights_only=False)
        self._training.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._epoch, self._table, self._before = state["epoch"], state["table"], state["before"]
        torch.set_rng_state(state["random"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state["random_of_device"], self._device)
        return True
