import contextlib

import numpy as np
import torch
from small_training import examples, losses, network
from torch import nn

import rotewatch


def step(model, inputs):
    model(inputs).sum().backward()


def test_every_nth_step_shows_its_own_rows(stub):
    model = network().train()
    model[3] = nn.Identity()
    watcher = rotewatch.watch(model, stream_every=2, run="r")
    inputs = examples()[0]
    shown = []
    model[0].register_forward_hook(lambda module, args, output: shown.append(output.detach().clone()))
    for _ in range(3):
        step(model, inputs[:16])
    watcher.epoch_end()
    step(model, inputs[16:32])
    watcher.epoch_end()
    step(model, inputs[:16])
    watcher.close()
    frames = stub.of_kind("activations")
    assert [(frame.epoch, frame.query["seq"]) for frame in frames] == [(1, "0"), (2, "0")], "one frame an epoch"
    for frame, steps in zip(frames, ((0, 2), (3,)), strict=True):
        np.testing.assert_array_equal(frame.tensors["0"], np.concatenate([shown[at].numpy() for at in steps]))
    assert stub.of_kind("declare")[0].json["mode"] == "stream"


def test_the_run_is_declared_at_its_first_sampled_step(stub):
    model = network().train()
    watcher = rotewatch.watch(model, stream_every=1, run="r")
    assert not stub.requests
    step(model, examples()[0])
    stub.await_request("declare")
    watcher.close()


def test_rows_an_epoch_are_bounded_and_chosen_by_seed(stub):
    sets = []
    for _ in range(2):
        stub.requests.clear()
        torch.manual_seed(0)
        model = network().train()
        with rotewatch.watch(model, stream_every=1, run="r", rows=20) as watcher:
            for _ in range(3):
                step(model, examples()[0][:16])
            watcher.epoch_end()
        sets.append([frame.tensors["0"] for frame in stub.of_kind("activations")])
    assert [len(rows) for rows in sets[0]] == [20]
    for once, again in zip(*sets, strict=True):
        np.testing.assert_array_equal(once, again)


def test_evaluation_passes_are_not_sampled_and_hooks_leave_with_the_watcher(stub):
    model = network()
    watcher = rotewatch.watch(model, stream_every=1, run="r")
    model.eval()(examples()[0])
    with torch.no_grad():
        model.train()(examples()[0])
    watcher.epoch_end()
    watcher.close()
    assert not stub.of_kind("activations")
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


def test_a_step_that_raises_is_the_trainings_own_affair(stub):
    model = network().train()
    watcher = rotewatch.watch(model, stream_every=1, run="r")
    with contextlib.suppress(RuntimeError):
        model(torch.zeros(4, 99))
    step(model, examples()[0])
    watcher.epoch_end()
    watcher.close()
    assert len(stub.of_kind("activations")) == 1


def test_compiled_networks_are_watched_and_unchanged(stub):
    numbers = {"row:predictions", "row:confidence", "row:entropy"}

    def compiled(model):
        return torch.compile(model, backend="eager")

    def in_place(model):
        model.compile(backend="eager")
        return model

    for prepare in (compiled, in_place):
        bare = losses(prepare=prepare)
        for options in ({"probe": examples()[0]}, {"stream_every": 2}):
            stub.requests.clear()
            watched = losses(
                lambda model, loader, o=options: rotewatch.watch(model, run="r", task="classes", **o), prepare=prepare
            )
            assert watched == bare
            frames = stub.of_kind("activations")
            assert len(frames) == (5 if "probe" in options else 4)
            assert all({"0", "4", "features", *numbers} == set(frame.tensors) for frame in frames)


def test_compiling_goes_on_after_a_probe(stub):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    model = torch.compile(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 3)), backend=backend)
    inputs = examples()[0]
    with rotewatch.watch(model, probe=inputs, run="r") as watcher:
        for _ in range(3):
            step(model, inputs)
            watcher.epoch_end()
    assert len(graphs) == 1
