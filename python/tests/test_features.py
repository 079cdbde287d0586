"""The classifier's input is a layer of its own."""

import logging

import numpy as np
import pytest
import torch
from small_training import examples, network
from torch import nn

import rotewatch


def sent(stub, model, probe, **options):
    rotewatch.watch(model, probe=probe, run="r", task="classes", **options).close()
    declare = stub.of_kind("declare")[-1].json
    return declare["layers"], declare["features_layer"], stub.of_kind("activations")[-1].tensors


def input_of(model, module, inputs):
    kept = []
    handle = module.register_forward_pre_hook(lambda module, args: kept.append(args[0].detach().clone()))
    with torch.no_grad():
        model.eval()(inputs)
    handle.remove()
    return kept[0]


def test_of_an_mlp_they_are_the_last_hidden_activations(stub):
    model, (inputs, _) = network(), examples()
    expected = input_of(model, model[6], inputs)
    layers, name, tensors = sent(stub, model, inputs)
    assert (layers, name) == (["0", "4", "features"], "features")
    np.testing.assert_array_equal(tensors["features"], expected.numpy())


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU())
        self.head = nn.Linear(6, 3)

    def forward(self, images):
        return self.head(self.features(images).mean((2, 3)))


def test_of_a_cnn_they_are_pooled_and_a_module_keeps_its_name(stub):
    model, images = Convolutions(), torch.randn(20, 1, 8, 8)
    expected = input_of(model, model.head, images)
    layers, name, tensors = sent(stub, model, images)
    assert (layers, name) == (["features.0", "features.2", "features~2"], "features~2")
    np.testing.assert_array_equal(tensors["features~2"], expected.numpy())


def test_of_a_convolution_they_are_reduced_as_layers_are(stub):
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.randn(20, 1, 8, 8)
    expected = input_of(model, model[2], images).amax((2, 3))
    _, _, tensors = sent(stub, model, images, reduce="max")
    np.testing.assert_array_equal(tensors["features"], expected.numpy())


def test_what_overwrites_them_in_place_comes_too_late(stub):
    class Overwriting(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.head = nn.Linear(8, 4), nn.Linear(4, 3)

        def forward(self, inputs):
            hidden = self.hidden(inputs).relu()
            logits = self.head(input=hidden)
            hidden.zero_()
            return logits

    _, _, tensors = sent(stub, Overwriting(), examples()[0])
    assert tensors["features"].any()


def test_they_are_watched_with_layers_of_the_users_choice_too(stub):
    layers, name, tensors = sent(stub, network(), examples()[0], layers="0", neurons_per_layer=5)
    assert (layers, name) == (["0", "features"], "features")
    assert tensors["features"].shape == (96, 5)


def test_in_a_stream_they_are_those_of_the_sampled_rows(stub):
    model = network().train()
    shown = []
    model[6].register_forward_pre_hook(lambda module, args: shown.append(args[0].detach().clone()))
    with rotewatch.watch(model, stream_every=1, run="r") as watcher:
        model(examples()[0][:20]).sum().backward()
        watcher.epoch_end()
    [frame] = stub.of_kind("activations")
    assert stub.of_kind("declare")[0].json["features_layer"] == "features"
    np.testing.assert_array_equal(frame.tensors["features"], shown[0].numpy())


class Repeated(nn.Module):
    """A classifier that sees the positions as rows."""

    def __init__(self, width=4):
        super().__init__()
        self.hidden, self.narrow, self.head = nn.Linear(8, 4), nn.Linear(4, width), nn.Linear(width, 3)

    def forward(self, inputs):
        return self.head(self.narrow(self.hidden(inputs)).repeat(2, 1))[: len(inputs)]


class Narrow(Repeated):
    def __init__(self):
        super().__init__(width=1)

    def forward(self, inputs):
        return self.head(self.narrow(self.hidden(inputs)))


@pytest.mark.parametrize(
    ("model", "said"), [(Repeated(), "expected one row for each of the 300"), (Narrow(), "it has one neuron")]
)
def test_an_input_that_cannot_be_used_is_left_out(stub, caplog, model, said):
    with caplog.at_level(logging.INFO, "rotewatch"):
        layers, name, tensors = sent(stub, model, torch.randn(300, 8), layers="hidden")
    assert (layers, name) == (["hidden"], None) and "features" not in tensors
    assert "the input of the last layer head is not watched: " in caplog.text and said in caplog.text
    assert all(not module._forward_hooks for module in model.modules())


def test_padded_sequences_of_an_encoder_are_watched(stub, caplog):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(50, 16)
            self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
            self.head = nn.Linear(16, 3)

        def forward(self, words):
            return self.head(self.encoder(self.words(words), src_key_padding_mask=words == 0).mean(1))

    words = torch.randint(1, 50, (300, 9))
    words[1:, 6:] = 0
    rotewatch.watch(Encoder(), probe=words, seen=words, task="classes", run="r").close()
    declare, [probe, seen] = stub.of_kind("declare")[0].json, stub.of_kind("activations")
    assert len(declare["layers"]) == 7 and set(declare["layers"]) < set(probe.tensors)
    np.testing.assert_array_equal(seen.tensors["row:confidence"], probe.tensors["row:confidence"])
    assert not caplog.records
    assert torch.backends.mha.get_fastpath_enabled()


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def test_of_a_recurrent_network_they_are_the_only_layer(stub):
    model, inputs = Recurrent(), torch.randn(20, 5, 8)
    layers, name, tensors = sent(stub, model, inputs)
    assert (layers, name) == (["features"], "features")
    np.testing.assert_array_equal(tensors["features"], input_of(model, model.head, inputs).numpy())


def test_the_data_of_a_linear_classifier_are_no_layer(stub, caplog):
    rotewatch.watch(nn.Sequential(nn.Linear(8, 3)), probe=torch.randn(20, 8), run="r", task="classes").close()
    assert not stub.requests
    assert any("no hidden layer" in record.getMessage() for record in caplog.records)
