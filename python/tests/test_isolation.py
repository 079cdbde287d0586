import random

import numpy as np
import pytest
import torch
from small_training import examples, losses, network
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rotewatch
from rotewatch.isolation import isolated
from rotewatch.notices import Notices
from rotewatch.observer import Observer
from rotewatch.probe import Probe
from rotewatch.scores import Scoring
from rotewatch.selection import selection


def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_every_random_state_is_put_back_also_after_an_error():
    model = network()
    before = states()
    with pytest.raises(ZeroDivisionError), isolated(model):
        random.random(), np.random.rand(), torch.rand(1)
        assert not torch.backends.mha.get_fastpath_enabled()
        raise ZeroDivisionError
    assert states() == before
    assert torch.backends.mha.get_fastpath_enabled()


def test_modes_are_put_back_module_by_module():
    model = network().train()
    model[1].eval()
    before = [module.training for module in model.modules()]
    with isolated(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
    assert [module.training for module in model.modules()] == before


def test_a_probe_leaves_no_hook_no_gradient_and_no_statistics(stub):
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with rotewatch.watch(model, probe=examples()[0], run="r") as watcher:
        watcher.epoch_end()
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("generator", [None, torch.Generator()])
def test_a_shuffling_loader_is_read_once_without_moving_its_generator(caplog, generator):
    dataset = TensorDataset(*examples())
    loader = DataLoader(
        dataset, batch_size=32, shuffle=True, generator=generator, num_workers=1, persistent_workers=True
    )
    before = states(), None if generator is None else generator.get_state().tolist()
    probe = Probe.of(loader, rows=50, forward=None, notices=Notices("r"))
    assert (states(), None if generator is None else generator.get_state().tolist()) == before
    assert probe.rows == 50 and loader._iterator is None
    assert not caplog.records


def test_a_probe_is_kept_as_it_was():
    inputs = torch.randn(20, 3)
    probe = Probe.of(inputs, rows=10, forward=None, notices=Notices("r"))
    same = Probe.of(inputs.clone(), rows=10, forward=None, notices=Notices("r"))
    inputs.zero_()
    other = Probe.of(inputs, rows=10, forward=None, notices=Notices("r"))
    assert probe.digest == same.digest != other.digest and probe.rows == 10


@pytest.mark.parametrize("batch", [{"x": torch.randn(6, 2), "labels": torch.zeros(6)}, (np.ones((6, 2)), np.ones(6))])
def test_labels_are_not_part_of_a_probe(batch):
    seen = []

    class Network(nn.Module):
        def forward(self, x):
            seen.append(x.shape)
            return x

    probe = Probe.of(batch, rows=5, forward=None, notices=Notices("r"))
    model = Network()
    scoring = Scoring(None, None, Notices("r"), reduce="mean")
    chosen = selection(model, "Network")
    observer = Observer(model, chosen, Notices("r"), scoring, reduce="mean", neurons_per_layer=None, seed=0)
    probe.frames(observer)
    assert seen == [(5, 2)]


WAYS = {
    "probe": lambda model, loader: rotewatch.watch(model, probe=examples(200)[0], run="r"),
    "probe from the training's own loader": lambda model, loader: rotewatch.watch(model, probe=loader, run="r"),
    "seen": lambda model, loader: rotewatch.watch(model, probe=examples(200), seen=loader, run="r"),
    "seen with a loss": lambda model, loader: rotewatch.watch(
        model, probe=loader, seen=loader.dataset, loss=nn.CrossEntropyLoss(label_smoothing=0.1), run="r"
    ),
    "stream": lambda model, loader: rotewatch.watch(model, stream_every=2, run="r"),
    "sample": lambda model, loader: rotewatch.watch(model, stream_every=1, run="r", rows=40, reduce="sample"),
}


@pytest.mark.parametrize("way", WAYS)
def test_losses_are_the_same_to_the_last_bit(stub, way):
    assert losses(WAYS[way]) == losses()
    assert stub.of_kind("activations")


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_losses_are_the_same_in_other_modes(mode, tmp_path):
    def watched(model, loader):
        return rotewatch.watch(model, probe=loader, run="r", mode=mode, inbox=tmp_path)

    assert losses(watched) == losses()
