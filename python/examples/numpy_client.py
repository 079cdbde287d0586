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


def show(epoch: int, activations: dict[str, np.ndarray], predictions: np.ndarray, **metrics: float) -> dict:
    body = save({**activations, "row:predictions": predictions})
    call("POST", f"{RUN}/epochs/{epoch}/activations?attempt={ATTEMPT}&seq=0", body)
    return call("POST", f"{RUN}/epochs/{epoch}/end?attempt={ATTEMPT}&wait=10", json.dumps(metrics).encode())


def declare(layers: list[str]) -> None:
    call("PUT", RUN, json.dumps({"attempt": ATTEMPT, "layers": layers, "framework": "numpy"}).encode())


def finish(status: str) -> None:
    call("POST", f"{RUN}/finish?attempt={ATTEMPT}", json.dumps({"status": status}).encode())


# The training: one hidden layer, stochastic gradient descent.
def main() -> None:
    rng = np.random.default_rng(0)
    images, labels = noisy_digits(2000, label_noise=0.4, seed=1)
    images, probe = images.reshape(-1, 100), noisy_digits(1000, label_noise=0.4, seed=2)[0].reshape(-1, 100)
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
        before = probe @ inner
        answer = show(epoch, {"hidden": before}, (np.maximum(before, 0) @ outer).argmax(1))
        print(epoch, answer["verdict"])
        if answer["stop"]:
            print(answer["why"])
            break
    finish("stopped" if answer["stop"] else "finished")


if __name__ == "__main__":
    main()
