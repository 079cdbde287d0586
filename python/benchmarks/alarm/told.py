"""What the program tells of a recorded run: the documents of `rotewatch replay --json`, without what no judge needs.

Packing drops the activations, so the program judges each training while they are still there, and its answer is kept:
FOLDER/judge/told.json has a document for each of `WAYS`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: Flags of the replay, by the name of the document.
WAYS = {"labels": [], "without_labels": ["--without-labels"]}
#: Of each run.
SECONDS_AT_MOST = 300
RUNS_A_PROCESS = 8

_OF_RUN = (
    *("run", "verdict", "kind", "harm", "onset_epoch", "alarm_epoch", "ended_epoch", "memorized_share"),
    *("layers", "evidence", "why", "alarms"),
)
_OF_EPOCH = ("epoch", "verdict", "memorized_share", "neighbour_agreement", "consensus")
_OF_LAYER = {"class_information_nats": ("mean", "p90"), "mutual_information_nats": ("mean",)}


def told_of(document: dict[str, Any]) -> dict[str, Any]:
    """Returns what is kept of a run's document."""
    kept = {key: document[key] for key in _OF_RUN if key in document}
    kept["epochs"] = [
        {key: epoch[key] for key in _OF_EPOCH if key in epoch}
        | {"layers": [{"layer": layer["layer"]} | _measures(layer) for layer in epoch["layers"]]}
        for epoch in document["epochs"]
    ]
    return kept


def _measures(layer: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    kept: dict[str, dict[str, float | None]] = {}
    for name, parts in _OF_LAYER.items():
        if (of := layer.get(name)) is not None:
            # A number that is not finite is null in JSON.
            kept[name] = {part: None if of[part] is None else float(f"{of[part]:.5g}") for part in parts}
    return kept


def replayed(
    binary: str | Path, inboxes: Iterable[Path], flags: Iterable[str] = (), config: Path | None = None
) -> Iterator[dict[str, Any]]:
    """Replays recorded runs; returns what is kept of each, in the order of the program."""
    folders = [str(inbox) for inbox in inboxes]
    command = [str(binary), "replay", "--json", *flags, *folders]
    command += [] if config is None else ["--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_AT_MOST * len(folders))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed ({done.returncode}): {done.stderr.strip()[-500:]}")
    return (told_of(json.loads(line)) for line in done.stdout.splitlines())


def replay_all(
    binary: str | Path, inboxes: list[Path], flags: Iterable[str] = (), config: Path | None = None
) -> dict[str, dict[str, Any]]:
    """Replays recorded runs in two processes at a time; returns what is kept of each, by its name."""
    parts = [inboxes[first : first + RUNS_A_PROCESS] for first in range(0, len(inboxes), RUNS_A_PROCESS)]
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda part: list(replayed(binary, part, flags, config)), parts)
        return {document["run"]: document for documents in done for document in documents}


def tell(binary: str | Path, folder: Path) -> None:
    """Writes what the program tells of a finished capture.

    A replay that fails leaves its document out; the error is raised at the end, after the others are written.
    """
    documents: dict[str, Any] = {}
    errors: list[str] = []
    for name, flags in WAYS.items():
        try:
            [documents[name]] = replayed(binary, [folder / "inbox"], flags)
        except (RuntimeError, ValueError, OSError, subprocess.TimeoutExpired) as error:
            errors.append(str(error))
    if documents:
        (folder / "judge" / "told.json").write_text(json.dumps(documents), encoding="utf-8")
    if errors:
        raise RuntimeError("; ".join(errors))
