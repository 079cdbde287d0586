"""Each adapter with its real framework, against a stub server that requests a stop after two epochs."""

import importlib

import pytest
import torch
from small_training import examples, network
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

pytestmark = pytest.mark.frameworks


def of_epochs(stub):
    return [request.epoch for request in stub.of_kind("end")], stub.of_kind("finish")[0].json["status"]


def test_lightning_stops_through_should_stop_and_trains_as_without(stub, tmp_path):
    pl = pytest.importorskip("lightning.pytorch")
    from rotewatch.lightning import RotewatchCallback

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.network, self.curve = network(), []

        def forward(self, inputs):
            return self.network(inputs)

        def training_step(self, batch, index):
            loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
            self.log("loss/train", loss)
            self.curve.append(loss.item())
            return loss

        def validation_step(self, batch, index):
            self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-2)

    def curve(callbacks, epochs):
        pl.seed_everything(5)
        module = Module()
        data = TensorDataset(*examples())
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            callbacks=callbacks,
            default_root_dir=tmp_path,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(data, batch_size=16, shuffle=True), DataLoader(data, batch_size=32))
        return module.curve

    stub.stop_at = 2
    callback = RotewatchCallback(run="pl", wait=20)
    watched = curve([callback], 9)
    assert of_epochs(stub) == ([0, 1, 2], "stopped") and callback.verdict.stop
    assert watched == curve([], 2)
    assert set(stub.of_kind("end")[1].json) == {"loss_train", "val_loss"}
    assert stub.of_kind("declare")[0].json["layers"] == ["network.0", "network.4", "features"]
    assert stub.of_kind("declare")[0].json["task"] == "classes", "by the labels of the validation loader"
    assert "row:losses" in stub.of_kind("activations")[0].tensors


def test_transformers_stop_through_should_training_stop_and_train_as_without(stub, tmp_path):
    transformers = pytest.importorskip("transformers")
    from rotewatch.transformers import RotewatchCallback

    def curve(callbacks, epochs):
        transformers.set_seed(5)
        config = transformers.DistilBertConfig(
            vocab_size=50, dim=16, hidden_dim=32, n_layers=2, n_heads=2, max_position_embeddings=12, num_labels=3
        )
        model = transformers.DistilBertForSequenceClassification(config)
        generator = torch.Generator().manual_seed(1)
        data = [
            {"input_ids": torch.randint(50, (12,), generator=generator), "labels": torch.tensor(place % 3)}
            for place in range(48)
        ]
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path),
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            lr_scheduler_type="constant",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=5,
        )
        trainer = transformers.Trainer(model, arguments, train_dataset=data, eval_dataset=data, callbacks=callbacks)
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]

    stub.stop_at = 2
    probe = {"input_ids": torch.randint(50, (30, 12), generator=torch.Generator().manual_seed(2))}
    watched = curve([RotewatchCallback(probe, run="hf", wait=20)], 9)
    assert of_epochs(stub) == ([0, 1, 2], "stopped")
    assert watched == curve([], 2)
    frame = stub.of_kind("activations")[1].tensors
    layers = stub.of_kind("declare")[0].json["layers"]
    assert set(frame) == {*layers, "row:predictions", "row:confidence", "row:entropy"}
    assert frame["row:predictions"].shape == (30,)
    assert layers[0].endswith("q_lin") and layers[-2:] == ["pre_classifier", "features"]
    assert "train_loss" in stub.of_kind("end")[1].json


def test_keras_stops_through_stop_training_and_trains_as_without(stub):
    keras = pytest.importorskip("keras")
    from rotewatch.keras import RotewatchCallback

    inputs, labels = (tensor.numpy() for tensor in examples())

    def curve(callbacks, epochs):
        keras.utils.set_random_seed(5)
        model = keras.Sequential(
            [
                keras.Input((8,)),
                keras.layers.Reshape((8, 1)),
                keras.layers.Conv1D(4, 3, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dropout(0.3),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.Dense(3),
            ]
        )
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return model.fit(inputs, labels, batch_size=16, epochs=epochs, verbose=0, callbacks=callbacks).history["loss"]

    stub.stop_at = 2
    watched = curve([RotewatchCallback(inputs, run="keras", wait=20)], 9)
    assert of_epochs(stub) == ([0, 1, 2], "stopped")
    assert watched == curve([], 2)
    frame = stub.of_kind("activations")[0].tensors
    assert {name: tensor.shape for name, tensor in frame.items()} == {
        "conv1d": (96, 4),
        "dense": (96, 16),
        "features": (96, 16),
        "row:predictions": (96,),
        "row:confidence": (96,),
        "row:entropy": (96,),
    }
    assert set(stub.of_kind("end")[1].json) == {"train_loss", "train_accuracy"}


@pytest.mark.parametrize("framework", ["lightning", "transformers", "keras"])
def test_the_old_name_of_a_callbacks_verdict_still_works(framework):
    pytest.importorskip(framework)
    callback = importlib.import_module(f"rotewatch.{framework}").RotewatchCallback(examples()[0])
    with pytest.warns(DeprecationWarning, match="`standing` is now `verdict`") as warned:
        assert callback.standing is callback.verdict
    assert [warning.filename for warning in warned] == [__file__]
