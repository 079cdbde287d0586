"""What the adapters say of a network's outputs, from its class or its compiled loss."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.frameworks

TOKENS = torch.randint(50, (300, 12), generator=torch.Generator().manual_seed(2))


def by_transformers(stub, model, probe):
    pytest.importorskip("transformers")
    from rotewatch.transformers import RotewatchCallback

    callback = RotewatchCallback(probe, run="hf")
    callback.on_train_begin(None, SimpleNamespace(epoch=None), None, model=model)
    callback.on_train_end(None, None, None)
    return stub.of_kind("declare")[-1].json["task"], stub.of_kind("activations")[-1].tensors


def test_a_causal_language_model_is_scored_by_its_next_tokens(stub):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=50, n_positions=12, n_embd=16, n_layer=1, n_head=2)
    model = transformers.GPT2LMHeadModel(config)
    task, frame = by_transformers(stub, model, {"input_ids": TOKENS, "labels": TOKENS})
    with torch.no_grad():
        own_loss = model.eval()(input_ids=TOKENS, labels=TOKENS).loss.item()
    assert task == "tokens" and frame["row:losses"].mean() == pytest.approx(own_loss, rel=1e-5)
    assert all(tensor.size <= 300 * 64 for tensor in frame.values()), "no scores of the vocabulary"


@pytest.mark.parametrize(
    ("options", "labels", "task"),
    [
        ({"num_labels": 1}, torch.randn(300), "values"),
        ({"num_labels": 3, "problem_type": "multi_label_classification"}, torch.zeros(300, 3), "labels"),
        ({"num_labels": 3}, torch.arange(300) % 3, "classes"),
    ],
)
def test_a_sequence_classifier_is_scored_by_its_own_loss(stub, options, labels, task):
    transformers = pytest.importorskip("transformers")
    config = transformers.DistilBertConfig(
        vocab_size=50, dim=16, hidden_dim=32, n_layers=1, n_heads=2, max_position_embeddings=12, **options
    )
    model = transformers.DistilBertForSequenceClassification(config)
    declared, frame = by_transformers(stub, model, {"input_ids": TOKENS, "labels": labels})
    with torch.no_grad():
        own_loss = model.eval()(input_ids=TOKENS, labels=labels).loss.item()
    assert declared == task and frame["row:losses"].mean() == pytest.approx(own_loss, rel=1e-5)
    assert ("row:predictions" in frame) == (task == "classes")


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy", "mse"])
def test_a_keras_model_is_scored_by_its_compiled_loss(stub, loss):
    keras = pytest.importorskip("keras")
    from rotewatch.keras import RotewatchCallback

    keras.utils.set_random_seed(5)
    inputs, classes = np.random.randn(300, 8).astype("float32"), np.arange(300) % 3
    labels = classes if loss.startswith("sparse") else np.eye(3, dtype="float32")[classes]
    # Named, because other tests know the names that Keras counts through.
    hidden = keras.layers.Dense(16, activation="relu", name="hidden")
    head = keras.layers.Dense(3, activation="softmax", name="head")
    model = keras.Sequential([keras.Input((8,)), hidden, head])
    model.compile("sgd", loss)
    callback = RotewatchCallback((inputs, labels), run="keras")
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_train_end()
    task, frame = stub.of_kind("declare")[-1].json["task"], stub.of_kind("activations")[-1].tensors
    if loss == "mse":
        assert task is None and "row:predictions" not in frame
        return
    probabilities = model.predict(inputs, verbose=0)
    assert task == "classes"
    np.testing.assert_allclose(frame["row:confidence"], probabilities.max(1), rtol=1e-5)
    np.testing.assert_allclose(frame["row:losses"], -np.log(probabilities[np.arange(300), classes]), rtol=1e-4)
