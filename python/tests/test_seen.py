"""Rows of the training set: how they are declared, computed and sent."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from small_training import examples, network
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rotewatch

NUMBERS = {f"row:{name}" for name in ("losses", "errors", "predictions", "confidence", "entropy")}


def unseen():
    inputs = torch.randn(300, 8, generator=torch.Generator().manual_seed(9))
    return inputs, inputs[:, :3].argmax(1)


def test_seen_rows_follow_the_unseen_ones_before_the_epoch_ends(stub):
    model = network()
    seen = TensorDataset(*examples(400))
    with rotewatch.watch(model, probe=unseen(), seen=seen, run="r", wait=20) as watcher:
        assert watcher.epoch_end().answered
    sent = [(request.kind, request.query.get("rows"), request.query.get("seq")) for request in stub.requests]
    epoch = [("activations", None, "0"), ("activations", "seen", "0"), ("end", None, None)]
    assert sent == [("declare", None, None), *epoch, *epoch, ("finish", None, None)]
    declare = stub.of_kind("declare")[0].json
    assert len(declare["seen_digest"]) == 64 and declare["seen_digest"] != declare["probe_digest"]
    probe, of_seen = (request.tensors for request in stub.of_kind("activations")[:2])
    assert set(probe) == {"0", "4", "features", *NUMBERS} and set(of_seen) == NUMBERS
    with torch.no_grad():
        logits = model.eval()(seen.tensors[0])
    expected = nn.functional.cross_entropy(logits, seen.tensors[1], reduction="none")
    np.testing.assert_allclose(of_seen["row:losses"], expected.numpy(), rtol=1e-5)
    assert watcher.deliveries.sent == 4


def test_each_set_counts_its_own_frames(stub, monkeypatch):
    monkeypatch.setattr(rotewatch.observation, "FRAME_BYTES", 5000)
    rotewatch.watch(network(), probe=unseen(), seen=examples(500), run="r").close()
    for rows in (None, "seen"):
        frames = [request for request in stub.of_kind("activations") if request.query.get("rows") == rows]
        assert [int(frame.query["seq"]) for frame in frames] == list(range(len(frames))) and len(frames) > 1
        assert sum(len(frame.tensors["row:losses"]) for frame in frames) == (500 if rows else 300)


def test_a_shuffling_and_a_sorted_loader_give_the_same_rows(stub):
    data = TensorDataset(*examples(600))
    digests = []
    for loader in (DataLoader(data, batch_size=64, shuffle=True), DataLoader(data, batch_size=64)):
        rotewatch.watch(network(), probe=unseen(), seen=loader, rows=300, run="r").close()
        digests.append(stub.of_kind("declare")[-1].json["seen_digest"])
    assert digests[0] == digests[1]


def test_a_seen_pass_that_fails_leaves_the_probe(stub, caplog):
    watcher = rotewatch.watch(network(), probe=unseen(), seen=torch.randn(300, 5), run="r")
    watcher.close()
    assert "the forward pass failed: RuntimeError" in caplog.text
    assert [request.query.get("rows") for request in stub.of_kind("activations")] == [None]
    assert watcher.deliveries.dropped == {"pass_failed": 1}


def test_losses_of_a_regression_are_sent(stub, caplog):
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1))
    inputs = torch.randn(300, 8)
    sets = {"probe": (inputs, inputs[:, 0]), "seen": (inputs + 1, inputs[:, 1])}
    rotewatch.watch(model, **sets, loss=nn.functional.l1_loss, run="r").close()
    assert stub.of_kind("declare")[0].json["task"] == "values"
    probe, seen = (request.tensors for request in stub.of_kind("activations"))
    assert set(probe) == {"0", "features", "row:losses"} and set(seen) == {"row:losses"}
    assert not caplog.records


def test_numbers_that_one_batch_lacks_are_left_out(stub):
    inputs, labels = unseen()
    batches = [(inputs[:200], labels[:200]), (inputs[200:], labels[200:].float())]
    rotewatch.watch(network(), probe=batches, run="r").close()
    tensors = stub.of_kind("activations")[0].tensors
    assert set(tensors) == {"0", "4", "features", *NUMBERS} - {"row:losses", "row:errors"}
    assert tensors["row:predictions"].shape == (300,)


def test_offline_files_name_the_seen_rows(stub, tmp_path):
    for mode in ("online", "offline"):
        torch.manual_seed(0)
        watcher = rotewatch.watch(
            network(), probe=unseen(), seen=examples(300), run="r", mode=mode, inbox=tmp_path / "inbox"
        )
        watcher.close()
    folder = tmp_path / "inbox" / "r"
    names = {"run.json", "0.0.safetensors", "0.0.seen.safetensors", "0.json", "finish.json"}
    assert {path.name for path in folder.iterdir()} == names
    written, sent = load_file(folder / "0.0.seen.safetensors"), stub.of_kind("activations")[1].tensors
    for name in NUMBERS:
        np.testing.assert_array_equal(written[name], sent[name])
    declared = json.loads((folder / "run.json").read_text())
    assert declared["seen_digest"] == stub.of_kind("declare")[0].json["seen_digest"]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (
            {"probe": torch.randn(64, 8)},
            "a probe of 64 examples is too small: fewer than 5 a bin, so no alarm is possible; pass at least 250",
        ),
        ({"probe": unseen(), "seen": examples(64)}, "a set of seen rows of 64 examples is too small"),
        ({"probe": (torch.randn(300, 8), torch.full((300,), 2))}, "the probe has labels of one class only (2)"),
        (
            {"probe": unseen(), "seen": (torch.randn(300, 8), torch.zeros(300).long())},
            "the set of seen rows has labels of one class only (0)",
        ),
    ],
)
def test_sets_that_cannot_show_memorization_are_warned_of(stub, caplog, sets, said):
    rotewatch.watch(network(), **sets, task="classes", run="r").close()
    assert [said in record.message for record in caplog.records] == [True]


def test_good_sets_are_not_warned_of(stub, caplog):
    rotewatch.watch(network(), probe=unseen(), seen=examples(250), run="r").close()
    assert not caplog.records
