"""Captures of the alarm's benchmark, packed and unpacked."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

import rotewatch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.alarm import packing, signals, told
from benchmarks.alarm.record import Shards

EPOCHS, ROWS = 3, 300


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture of a small classifier, as the recording writes it."""
    folder = tmp_path / "small.1"
    (folder / "judge").mkdir(parents=True)
    network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    rows, labels = torch.randn(ROWS, 4), torch.arange(ROWS) % 3
    watcher = rotewatch.watch(
        network,
        probe=(rows, labels),
        seen=(rows.flip(0), labels.flip(0)),
        loss=nn.CrossEntropyLoss(),
        run="small.1",
        mode="offline",
        inbox=folder / "inbox",
    )
    for epoch in range(1, EPOCHS + 1):
        with torch.no_grad():
            network[2].weight.mul_(20)  # so that some confidences lie close to 1
        watcher.epoch_end(epoch, train_loss=1 / epoch, val_loss=float("nan"))
    watcher.close()
    for epoch in range(EPOCHS + 1):
        np.savez(folder / "judge" / f"{epoch}.npz", neighbours=np.full(ROWS, epoch, np.uint8), outputs=rows.numpy())
    np.savez(folder / "judge" / "labels.npz", unseen_given=labels.numpy(), seen=np.arange(ROWS) * 30)
    (folder / "judge" / "table.csv").write_text("epoch,test_loss\n0,1.5\n")
    (folder / "training.json").write_text(json.dumps({"cell": "small", "seed": 1, "judged_by": "accuracy"}))
    return folder


def test_an_unpacked_capture_has_the_same_rows(capture, tmp_path):
    packing.pack(capture, tmp_path / "small.pack")
    back = tmp_path / "back"
    packing.unpack(tmp_path / "small.pack", back)
    inbox, before = back / "inbox" / "small.1", capture / "inbox" / "small.1"
    assert {path.name for path in inbox.iterdir()} == {path.name for path in before.iterdir()}
    for epoch in range(EPOCHS + 1):
        assert (inbox / f"{epoch}.json").read_text() == (before / f"{epoch}.json").read_text()
        for suffix in ("safetensors", "seen.safetensors"):
            read, sent = (load_file(at / f"{epoch}.0.{suffix}") for at in (inbox, before))
            assert set(read) - {packing.STAND_IN} == {name for name in sent if name.startswith("row:")}
            for name in ("row:predictions", "row:errors"):
                assert read[name].dtype == sent[name].dtype and np.array_equal(read[name], sent[name])
            for name in ("row:losses", "row:entropy"):
                np.testing.assert_allclose(read[name], sent[name], rtol=5e-4, atol=1e-7)
            np.testing.assert_allclose(1 - read["row:confidence"], 1 - sent["row:confidence"], rtol=1e-3, atol=1e-6)
        assert np.load(back / "rows" / f"{epoch}.npz")["neighbours"].tolist() == [epoch] * ROWS
    assert (back / "judge" / "table.csv").read_text() == (capture / "judge" / "table.csv").read_text()
    assert json.loads((back / "training.json").read_text())["cell"] == "small"
    for name, labels in np.load(capture / "judge" / "labels.npz").items():
        read = np.load(back / "judge" / "labels.npz")[name]
        assert read.dtype == np.int64 and np.array_equal(read, labels)


@pytest.mark.daemon
def test_what_the_program_tells_is_kept(capture, tmp_path, binary):
    told.tell(binary, capture)
    packing.pack(capture, tmp_path / "small.pack")
    packing.unpack(tmp_path / "small.pack", tmp_path / "back")
    documents = json.loads((tmp_path / "back" / "judge" / "told.json").read_text())
    assert set(documents) == set(told.WAYS)
    for document in documents.values():
        assert document["run"] == "small.1" and document["alarms"] == []
        assert [epoch["epoch"] for epoch in document["epochs"]] == list(range(EPOCHS + 1))
        last = document["epochs"][-1]
        assert last["verdict"] != "memorizing"
        assert all(set(layer["class_information_nats"]) == {"mean", "p90"} for layer in last["layers"])
        assert "folder" not in document


def test_a_failing_replay_loses_nothing_else(capture, tmp_path):
    program = tmp_path / "program"
    document = {"run": "small.1", "alarms": [], "epochs": []}
    refuse = 'case "$*" in *--without-labels*) echo "no such flag" >&2; exit 2;; esac'
    program.write_text(f"#!/bin/sh\n{refuse}\necho '{json.dumps(document)}'\n")
    program.chmod(0o755)
    with pytest.raises(RuntimeError, match="no such flag"):
        told.tell(program, capture)
    assert json.loads((capture / "judge" / "told.json").read_text()) == {"labels": document}


def test_only_a_finished_capture_is_packed(capture, tmp_path):
    (capture / "inbox" / "small.1" / "finish.json").unlink()
    with pytest.raises(packing.PackingError, match="not finished"):
        packing.pack(capture, tmp_path / "small.pack")
    assert not (tmp_path / "small.pack").exists()


def test_shards_have_a_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.alarm.record.SHARD_BYTES", 25_000)
    shards = Shards(tmp_path / "part")
    for number in range(5):
        pack = tmp_path / f"{number}.pack"
        pack.write_bytes(bytes(9000))
        shards.add(pack)
    shards.write()
    written = sorted(tmp_path.glob("part-*.tar"))
    assert [path.name for path in written] == ["part-0.tar", "part-1.tar", "part-2.tar"]


def test_neighbours_are_counted_among_other_rows():
    features = torch.cat([torch.randn(20, 5), torch.randn(20, 5) + 100])
    classes = torch.arange(40) // 20
    assert signals.neighbours(features, classes).tolist() == [10] * 40
    assert signals.neighbours(features, torch.arange(40)).tolist() == [0] * 40


def test_information_of_neurons():
    classes = torch.arange(400) % 4
    told = torch.stack([classes.float(), torch.zeros(400), (classes // 2).float()], 1)
    of_class = signals.class_information(told, classes)
    assert of_class.tolist() == pytest.approx([np.log(4), 0, np.log(2)], abs=1e-5)
    assert float(signals.mutual_information(told[:, [0, 2]])) == pytest.approx(np.log(2), abs=1e-5)
    outputs = 5.0 * nn.functional.one_hot(classes, 4)
    assert signals.cnd(outputs, classes) > 0.5
    assert np.isnan(signals.cnd(outputs, (classes + 1) % 4))
