"""Speaks the whole protocol without PyTorch, as a JAX or C++ program would. Needs a daemon: rotewatch serve."""

import json
import os
import secrets
import urllib.request
from pathlib import Path

import numpy as np
from noisy_digits import noisy_digits
from safetensors.numpy import save

STATE = Path(os.environ.get("ROTEWATCH_STATE", Path.home() / ".local/state/rotewatch"))
URL = os.environ.get("ROTEWATCH_URL") or (STATE / "url").read_text().strip()
TOKEN = os.environ.get("ROTEWATCH_TOKEN") or (STATE / "token").read_text().strip()
RUN, ATTEMPT = f"{URL}/api/v1/runs/numpy", secrets.token_hex(8)


def call(method: str, url: str, body: bytes) -> dict:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=10) as answer:
        return json.load(answer)


Arrays = dict[str, np.ndarray]


def show(epoch: int, layers: Arrays, unseen: Arrays, seen: Arrays | None = None, **metrics: float) -> dict:
    """Sends the layers and numbers of unseen rows and the numbers of seen rows; returns the verdict."""
    frames = f"{RUN}/epochs/{epoch}/activations?attempt={ATTEMPT}&seq=0"
    call("POST", frames, save({**layers, **unseen}))
    if seen is not None:
        call("POST", f"{frames}&rows=seen", save(seen))
    return call("POST", f"{RUN}/epochs/{epoch}/end?attempt={ATTEMPT}&wait=10", json.dumps(metrics).encode())


def numbers(logits: np.ndarray, labels: np.ndarray) -> Arrays:
    """The numbers of each row."""
    logs = logits - logits.max(1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    predictions = logits.argmax(1)
    return {
        "row:losses": -logs[np.arange(len(labels)), labels],
        "row:errors": (predictions != labels).astype(np.float32),
        "row:predictions": predictions,
    }


def declare(layers: list[str]) -> None:
    call("PUT", RUN, json.dumps({"attempt": ATTEMPT, "layers": layers, "framework": "numpy"}).encode())


def finish(status: str) -> None:
    call("POST", f"{RUN}/finish?attempt={ATTEMPT}", json.dumps({"status": status}).encode())


# The training: one hidden layer, stochastic gradient descent.
def main() -> None:
    rng = np.random.default_rng(0)
    images, labels = noisy_digits(3000, label_noise=0.4, seed=1)
    images = images.reshape(-1, 100)
    unseen, unseen_labels = images[2000:], labels[2000:]
    images, labels = images[:2000], labels[:2000]
    inner = rng.normal(scale=0.14, size=(100, 128)).astype(np.float32)
    outer = rng.normal(scale=0.1, size=(128, 10)).astype(np.float32)
    declare(["hidden"])
    for epoch in range(31):
        for rows in np.array_split(rng.permutation(len(images)), 63) if epoch else []:
            before = images[rows] @ inner
            hidden = np.maximum(before, 0)
            logits = hidden @ outer
            wrong = np.exp(logits - logits.max(1, keepdims=True))
            wrong /= wrong.sum(1, keepdims=True)
            wrong[np.arange(len(rows)), labels[rows]] -= 1
            inner -= 0.02 * images[rows].T @ ((wrong @ outer.T) * (before > 0))
            outer -= 0.02 * hidden.T @ wrong
        hidden = np.maximum(unseen @ inner, 0)
        seen = numbers(np.maximum(images[:1000] @ inner, 0) @ outer, labels[:1000])
        answer = show(epoch, {"hidden": hidden}, numbers(hidden @ outer, unseen_labels), seen)
        print(epoch, answer["verdict"])
        if answer["stop"]:
            print(answer["why"])
            break
    finish("stopped" if answer["stop"] else "finished")


if __name__ == "__main__":
    main()
