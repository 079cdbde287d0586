"""Keras 3 on PyTorch with one callback. Needs rotewatch in PATH or ROTEWATCH_BINARY, or a daemon at ROTEWATCH_URL."""

import contextlib
import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from noisy_digits import noisy_digits

import rotewatch
from rotewatch.keras import RotewatchCallback


def main() -> None:
    keras.utils.set_random_seed(0)
    images, labels = noisy_digits(4000, label_noise=0.4, seed=1)
    unseen = noisy_digits(1000, label_noise=0.4, seed=2)
    hidden = [layer for _ in range(3) for layer in (keras.layers.Dense(128), keras.layers.ReLU())]
    model = keras.Sequential([keras.Input((10, 10)), keras.layers.Flatten(), *hidden, keras.layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    callback = RotewatchCallback(unseen, seen=(images[:1000], labels[:1000]), run="keras", wait=10)
    own_daemon = contextlib.nullcontext() if "ROTEWATCH_URL" in os.environ else rotewatch.private_daemon()
    with own_daemon:
        history = model.fit(images, labels, batch_size=128, epochs=30, verbose=0, callbacks=[callback])
    print(f"ended after {len(history.epoch)} epochs: {callback.verdict.verdict}; {callback.verdict.why}")


if __name__ == "__main__":
    main()
