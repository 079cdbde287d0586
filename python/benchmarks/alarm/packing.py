"""Captures made small: the numbers of rows without the activations.

A packed capture is one file. Unpacked, it is a capture in the layout of the recording, which `rotewatch replay` reads.
Losses and entropies are rounded to float16, and so is how far confidences lie below 1.

What is left out: activations, outputs, features, and what the judge keeps of single training examples.
"""

from __future__ import annotations

import io
import json
import lzma
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

#: File names after an epoch's number, by the set of rows.
SUFFIXES = {"unseen": "safetensors", "seen": "seen.safetensors"}
#: The replay asks for a layer of unseen rows. Numbers of the rows stand in for it, so its measures mean nothing.
STAND_IN = "features"
#: Most numbers have two bytes, so that the second one is compressed apart from the first.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 4, "lc": 0, "lp": 1, "pb": 1}]


class PackingError(Exception):
    """A folder is not a finished capture; the text says what is missing."""


def pack(folder: Path, file: Path) -> None:
    """Writes a finished capture as one file."""
    [inbox] = (folder / "inbox").iterdir()
    if not (inbox / "finish.json").exists():
        raise PackingError(f"{inbox} has no finish.json: the recording is not finished")
    texts = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(inbox.glob("*.json"))}
    documents = {
        "run": inbox.name,
        "inbox": texts,
        "training": json.loads((folder / "training.json").read_text(encoding="utf-8")),
        "table": (folder / "judge" / "table.csv").read_text(encoding="utf-8"),
    }
    told = folder / "judge" / "told.json"
    if told.exists():
        documents["told"] = json.loads(told.read_text(encoding="utf-8"))
    epochs = sorted(int(name.partition(".")[0]) for name in texts if name[0].isdigit())
    arrays = {"documents": np.frombuffer(json.dumps(documents).encode(), np.uint8), "epochs": np.array(epochs)}
    for rows, suffix in SUFFIXES.items():
        frames = [_rows_of(inbox, epoch, suffix) for epoch in epochs]
        for name in frames[0]:
            if any(name not in frame for frame in frames):
                raise PackingError(f"{inbox}: {name} of {rows} rows is not in each epoch")
            arrays[f"{rows} {name}"] = _small(name, np.stack([frame[name] for frame in frames]))
    judged = [folder / "judge" / f"{epoch}.npz" for epoch in epochs]
    if all(path.exists() for path in judged):
        loaded = [np.load(path) for path in judged]
        if all("neighbours" in each for each in loaded):
            arrays["unseen row:neighbours"] = np.stack([each["neighbours"] for each in loaded])
    labels = folder / "judge" / "labels.npz"
    if labels.exists():
        arrays |= {f"labels {name}": _narrow(values) for name, values in np.load(labels).items()}
    content = io.BytesIO()
    np.savez(content, **arrays)
    part = file.with_name(file.name + ".part")
    part.write_bytes(lzma.compress(content.getvalue(), lzma.FORMAT_XZ, filters=_FILTERS))
    part.replace(file)


def read(file: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns the documents and the labels of a packed capture."""
    arrays = np.load(io.BytesIO(lzma.decompress(file.read_bytes())))
    return json.loads(arrays["documents"].tobytes()), _labels(arrays)


def unpack(file: Path, folder: Path, rows: int | None = None) -> None:
    """Writes a packed capture as a folder again; `rows/EPOCH.npz` has the numbers of rows that the client does not.

    With `rows`, the two sets have their first so many rows alone.
    """
    arrays = np.load(io.BytesIO(lzma.decompress(file.read_bytes())))
    documents: dict[str, Any] = json.loads(arrays["documents"].tobytes())
    inbox, judge = folder / "inbox" / documents["run"], folder / "judge"
    for each in (inbox, judge, folder / "rows"):
        each.mkdir(parents=True, exist_ok=True)
    declaration = documents["inbox"]["run.json"]
    declaration |= {"layers": [STAND_IN], "features_layer": None}
    for name, document in documents["inbox"].items():
        (inbox / name).write_text(json.dumps(document), encoding="utf-8")
    (folder / "training.json").write_text(json.dumps(documents["training"]), encoding="utf-8")
    (judge / "table.csv").write_text(documents["table"], encoding="utf-8")
    if "told" in documents:
        (judge / "told.json").write_text(json.dumps(documents["told"]), encoding="utf-8")
    if labels := _labels(arrays):
        np.savez(judge / "labels.npz", **labels)
    numbers = {name: _as_sent(name, arrays[name])[:, :rows] for name in arrays if " row:" in name}
    for place, epoch in enumerate(arrays["epochs"].tolist()):
        for part, suffix in SUFFIXES.items():
            sent = {
                name.removeprefix(f"{part} "): np.ascontiguousarray(values[place])
                for name, values in numbers.items()
                if name.startswith(f"{part} ")
            }
            neighbours = sent.pop("row:neighbours", None)
            if neighbours is not None:
                np.savez(folder / "rows" / f"{epoch}.npz", neighbours=neighbours)
            if part == "unseen":
                columns = [values for values in sent.values() if values.dtype == np.float32]
                sent[STAND_IN] = np.stack([columns[0], columns[-1]], axis=1)
            if sent:
                save_file(sent, inbox / f"{epoch}.0.{suffix}")


def _labels(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [name for name in arrays if name.startswith("labels ")]
    return {name.removeprefix("labels "): arrays[name].astype(np.int64) for name in names}


def _rows_of(inbox: Path, epoch: int, suffix: str) -> dict[str, np.ndarray]:
    """Returns the numbers of an epoch's rows, all its frames joined."""
    frames: list[dict[str, np.ndarray]] = []
    while (path := inbox / f"{epoch}.{len(frames)}.{suffix}").exists():
        frames.append(load_file(path))
    names = [name for name in frames[0] if name.startswith("row:")] if frames else []
    return {name: np.concatenate([frame[name] for frame in frames]) for name in sorted(names)}


def _small(name: str, values: np.ndarray) -> np.ndarray:
    if name == "row:predictions":
        return _narrow(values)
    if name == "row:errors" and np.isin(values, (0, 1)).all():
        return values.astype(np.uint8)
    if name == "row:confidence":
        values = 1 - values
    return values.clip(-65504, 65504).astype(np.float16)


def _as_sent(name: str, values: np.ndarray) -> np.ndarray:
    """Undoes :func:`_small`, apart from the rounding; no client sends neighbours, which stay as they are."""
    if name.endswith("row:neighbours"):
        return values
    if name.endswith("row:predictions"):
        return values.astype(np.int64)
    values = values.astype(np.float32)
    return 1 - values if name.endswith("row:confidence") else values


def _narrow(values: np.ndarray) -> np.ndarray:
    fitting = (kind for kind in (np.uint8, np.int16, np.int32) if np.array_equal(values.astype(kind), values))
    return values.astype(next(fitting, np.int64))
