"""Checks what the client sends, against a stub server that answers like a daemon."""

import logging
import threading
import time

import numpy as np
import pytest
import torch
from small_training import examples, network
from torch import nn

import rotewatch


def test_the_run_is_declared_probed_ended_and_finished(stub):
    model, (inputs, labels) = network(), examples()
    watcher = rotewatch.watch(model, probe=(inputs, labels), run="my-run", wait=20)
    assert watcher.layers == ("0", "4", "features")
    verdict = watcher.epoch_end(train_loss=torch.tensor(0.5), val_loss=float("nan"))
    watcher.close()
    watcher.close()
    kinds = [request.kind for request in stub.requests]
    assert kinds == ["declare", "activations", "end", "activations", "end", "finish"]
    declare, frame0, end0, frame1, end1, finish = stub.requests
    assert declare.path == "/api/v1/runs/my-run"
    assert {key: value for key, value in declare.json.items() if key not in ("attempt", "probe_digest")} == {
        "layers": ["0", "4", "features"],
        "mode": "probe",
        "reduce": "mean",
        "seen_digest": None,
        "task": "classes",
        "features_layer": "features",
        "framework": "pytorch",
    }
    assert all(request.headers["Authorization"] == "Bearer secret" for request in stub.requests)
    assert {request.query["attempt"] for request in stub.requests[1:]} == {declare.json["attempt"]}
    assert (frame0.epoch, frame0.query["seq"], frame1.epoch, frame1.query["seq"]) == (0, "0", 1, "0")
    assert (end0.json, end1.json) == ({}, {"train_loss": 0.5, "val_loss": None})
    assert finish.json == {"status": "finished"}
    assert verdict.answered and verdict.epoch == 1 and verdict.verdict == "learning" and not verdict.stop
    assert watcher.deliveries == rotewatch.sender.Deliveries(offered=2, sent=2, queued=0, dropped={})


def test_activations_are_those_of_the_layers_before_anything_in_place(stub):
    model, (inputs, _) = network().eval(), examples()
    with torch.no_grad():
        first = model[0](inputs)
        logits = model(inputs)
    rotewatch.watch(model, probe=inputs, run="r", task="classes").close()
    tensors = stub.of_kind("activations")[0].tensors
    np.testing.assert_array_equal(tensors["0"], first.numpy())
    np.testing.assert_array_equal(tensors["row:predictions"], logits.argmax(1).numpy())


def test_large_frames_are_cut_into_rows(stub, monkeypatch):
    monkeypatch.setattr(rotewatch.observation, "FRAME_BYTES", 2000)
    rotewatch.watch(network(), probe=examples(), run="r").close()
    frames = stub.of_kind("activations")
    assert [int(frame.query["seq"]) for frame in frames] == list(range(len(frames))) and len(frames) > 1
    assert sum(len(frame.tensors["row:predictions"]) for frame in frames) == 96
    assert all(len(frame.body) < 3000 for frame in frames)


def test_of_wide_layers_the_same_neurons_are_sent_every_epoch(stub):
    model = network()
    with rotewatch.watch(model, probe=examples()[0], run="r", neurons_per_layer=5) as watcher:
        watcher.epoch_end()
    before, after = (request.tensors for request in stub.of_kind("activations"))
    assert before["0"].shape == (96, 5)
    np.testing.assert_array_equal(before["0"], after["0"])


def test_half_precision_is_sent_as_it_is(stub):
    model = network().to(torch.float16)
    rotewatch.watch(model, probe=examples()[0].half(), run="r").close()
    assert stub.of_kind("activations")[0].tensors["0"].dtype == np.float16


def test_a_stop_is_handed_on_and_stands(stub):
    stub.stop_at = 2
    watcher = rotewatch.watch(network(), probe=examples()[0], run="r", wait=20)
    assert not watcher.epoch_end().stop
    verdict = watcher.epoch_end()
    assert verdict.stop and verdict.reason == "memorizing"
    stub.stop_at = None
    assert watcher.epoch_end().stop
    watcher.close()
    assert stub.of_kind("finish")[0].json == {"status": "stopped"}


def test_a_slow_verdict_holds_nothing_up_and_is_told_as_soon_as_it_is_there(stub, caplog):
    judged = threading.Event()

    def slowly(request):
        if request.kind == "end" and request.epoch == 1:
            judged.wait(20)
        return stub.as_a_daemon(request)

    stub.answers, stub.stop_at = slowly, 1
    with rotewatch.watch(network(), probe=examples(300), run="r") as watcher:
        first = watcher.epoch_end()
        assert not first.answered and not first.stop and first.problem is None
        judged.set()
        while watcher.verdict.epoch != 1:
            time.sleep(0.001)
        assert watcher.verdict.stop
        assert watcher.epoch_end().stop
    assert not caplog.records


def test_the_old_names_of_the_verdict_still_work(stub):
    from rotewatch.standing import Standing

    assert rotewatch.Standing is Standing is rotewatch.Verdict
    with rotewatch.watch(network(), probe=examples()[0], run="r", wait=20) as watcher:
        verdict = watcher.epoch_end()
        with pytest.warns(DeprecationWarning, match="`standing` is now `verdict`") as warned:
            assert watcher.standing == verdict
    assert [warning.filename for warning in warned] == [__file__]


def test_an_error_in_the_block_is_a_failed_run(stub):
    with pytest.raises(ZeroDivisionError), rotewatch.watch(network(), probe=examples()[0], run="r"):
        raise ZeroDivisionError
    assert stub.of_kind("finish")[0].json == {"status": "failed"}


def test_disabled_does_nothing(stub, monkeypatch):
    monkeypatch.setenv("ROTEWATCH_MODE", "disabled")
    watcher = rotewatch.watch(network(), probe=examples()[0], run="r")
    assert watcher.epoch_end(train_loss=1) == rotewatch.Verdict()
    watcher.close()
    assert not stub.requests


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"run": "../x"}, "run name"),
        ({"reduce": "sum"}, "reduce"),
        ({"probe": None}, "stream_every"),
        ({"stream_every": 2}, "stream_every"),
        ({"layers": "nothing"}, "matches"),
        ({"mode": "sometimes"}, "ROTEWATCH_MODE"),
        ({"url": "ftp://x"}, "address"),
        ({"probe": []}, "no example"),
        ({"probe": 3}, "neither a batch"),
        ({"rows": 0}, "rows"),
        ({"wait": float("nan")}, "wait"),
        ({"task": "regression"}, "unknown task 'regression': use one of classes"),
        ({"loss": 3}, "loss: int is neither"),
        ({"loss": nn.MSELoss}, r"pass an instance, MSELoss\(\)"),
        ({"probe": None, "stream_every": 2, "seen": examples()}, "seen=... needs probe"),
        ({"seen": []}, "seen: it holds no example"),
    ],
)
def test_arguments_that_cannot_be_meant_are_errors(stub, arguments, error):
    with pytest.raises((ValueError, TypeError), match=error):
        rotewatch.watch(network(), **{"probe": examples()[0], "run": "r", **arguments})


class Odd(nn.Module):
    """Layers with one kind of misbehaviour each."""

    def __init__(self) -> None:
        super().__init__()
        self.good, self.last = nn.Linear(8, 16), nn.Linear(16, 3)
        self.idle, self.counts, self.flat = nn.Linear(8, 8), nn.Identity(), nn.Identity()
        self.grows = nn.Identity()
        self.calls = 0

    def forward(self, inputs):
        self.calls += 1
        hidden = self.good(inputs)
        self.counts(inputs.long())
        self.flat(inputs.flatten())
        self.grows(inputs[:, : 2 + self.calls])
        return self.last(hidden)


def test_odd_layers_are_left_out_with_their_reasons(stub, caplog):
    watcher = rotewatch.watch(Odd(), probe=examples(), run="r", layers=["*"])
    watcher.epoch_end()
    watcher.close()
    before, after = (request.tensors for request in stub.of_kind("activations"))
    numbers = {f"row:{name}" for name in ("losses", "errors", "predictions", "confidence", "entropy")}
    assert set(before) == {"good", "last", "Odd", "grows", "features", *numbers}
    assert set(after) == set(before) - {"grows"}
    for said in (
        "not watched because the forward pass never calls them: idle",
        "layer counts is left out: its output is torch.int64",
        "layer flat is left out: its output has shape [768]",
        "layer grows is left out: it has 4 neurons, before it had 3",
    ):
        assert said in caplog.text


@pytest.mark.parametrize("model", [nn.Sequential(), nn.Sequential(nn.ReLU()), nn.Linear(8, 3)])
def test_a_network_without_hidden_layers_trains_on_unwatched(stub, caplog, model):
    watcher = rotewatch.watch(model, probe=examples()[0], run="r")
    assert not watcher.epoch_end(train_loss=1.0).stop
    watcher.close()
    assert "nothing is watched: the network has no hidden" in caplog.text
    assert not stub.requests


def test_a_probe_that_raises_is_said_and_survived(stub, caplog):
    watcher = rotewatch.watch(network(), probe=torch.randn(96, 5), run="r")
    verdict = watcher.epoch_end(train_loss=1.0)
    watcher.close()
    assert "the forward pass failed: RuntimeError" in caplog.text
    assert not verdict.answered and "RuntimeError" in (verdict.problem or "")
    assert watcher.deliveries.dropped == {"pass_failed": 2}


def test_a_probe_that_fails_once_does_not_end_the_observation(stub):
    model = network()
    failing = [True]

    def forward(network, batch):
        if failing.pop() if failing else False:
            raise RuntimeError("out of memory")
        return network(batch)

    watcher = rotewatch.watch(model, probe=examples()[0], run="r", forward=forward, wait=20)
    assert watcher.epoch_end().answered
    watcher.close()
    assert [request.epoch for request in stub.of_kind("activations")] == [1]


def test_metrics_that_are_none_are_left_out(stub, caplog):
    with rotewatch.watch(network(), probe=examples()[0], run="r") as watcher:
        watcher.epoch_end(train_loss=1.0, Name=2.0, text="x", nothing=None, many=torch.zeros(2))
    assert stub.of_kind("end")[1].json == {"train_loss": 1.0}
    assert "metric Name" in caplog.text and "metric text" in caplog.text and "metric many" in caplog.text


def test_an_epoch_that_is_no_number_is_said_and_counted_on(stub, caplog):
    with rotewatch.watch(network(), probe=examples()[0], run="r") as watcher:
        watcher.epoch_end("first")
        watcher.epoch_end(7)
        watcher.epoch_end()
    assert [request.epoch for request in stub.of_kind("end")] == [0, 1, 7, 8]
    assert "reading the epoch failed" in caplog.text


def test_missing_predictions_are_said(stub, caplog):
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 1))
    with caplog.at_level(logging.WARNING):
        rotewatch.watch(model, probe=examples()[0], run="r").close()
    assert "no predicted classes: pass loss=" in caplog.text
    assert set(stub.of_kind("activations")[0].tensors) == {"0", "features"}


def test_a_loader_that_raises_is_said_and_survived(stub, caplog):
    def loader():
        yield examples()[0][:0]
        raise OSError("the disk is gone")

    watcher = rotewatch.watch(network(), probe=loader(), run="r")
    assert not watcher.epoch_end().stop
    watcher.close()
    assert "nothing is watched: cannot read the probe: OSError: the disk is gone" in caplog.text


def test_lazy_modules_are_initialised_by_training_alone(stub, caplog):
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 3))
    with rotewatch.watch(model, probe=examples()[0], run="r", wait=20) as watcher:
        assert nn.parameter.is_lazy(model[0].weight)
        model(examples()[0])
        assert watcher.epoch_end().answered
    assert "lazy modules" in caplog.text
    assert [request.epoch for request in stub.of_kind("activations")] == [1]


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_transformer_is_watched_though_pytorch_fuses_it_in_evaluation(stub, batch_first):
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=batch_first), 2)
            self.head = nn.Linear(8, 3)

        def forward(self, tokens):
            hidden = self.encoder(tokens if batch_first else tokens.transpose(0, 1))
            return self.head(hidden.mean(1 if batch_first else 0))

    rotewatch.watch(Classifier(), probe=torch.randn(20, 5, 8), run="r", task="classes").close()
    [declare], [frame] = stub.of_kind("declare"), stub.of_kind("activations")
    layer = ["self_attn", "linear1", "linear2"]
    layers = [f"encoder.layers.{place}.{name}" for place in range(2) for name in layer]
    assert declare.json["layers"] == [*layers, "features"]
    assert {tensor.shape for name, tensor in frame.tensors.items() if name.endswith("linear1")} == {(20, 16)}
