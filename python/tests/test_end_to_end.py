"""Runs the examples, and the client against the real daemon."""

import copy
import json
import math
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import plain_loop
import pytest
import torch
from noisy_digits import noisy_digits
from small_training import examples, losses, network
from torch.utils.data import DataLoader, TensorDataset

import rotewatch

pytestmark = pytest.mark.daemon

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run_example(*command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=EXAMPLES, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("options", [[], ["--compile"]])
def test_a_plain_loop_with_wrong_labels_is_alarmed_and_stops(binary, options):
    output = run_example("plain_loop.py", *options)
    assert (
        "memorizing" in output
        and "stopped: On rows that the network has never seen, its errors rose" in output
        and "epoch 30" not in output
    )


@pytest.mark.frameworks
@pytest.mark.parametrize("script", ["with_lightning.py", "with_transformers.py", "with_keras.py"])
def test_frameworks_are_alarmed_and_stop(binary, script):
    pytest.importorskip(script.removeprefix("with_").removesuffix(".py"))
    output = run_example(script)
    assert "memorizing; On rows that the network has never seen, its errors rose" in output
    assert int(output.split("ended after ")[1].split()[0]) < 30


def test_numpy_alone_is_alarmed_and_stops(binary):
    with rotewatch.private_daemon():
        output = run_example("numpy_client.py")
    assert "memorizing" in output and output.splitlines()[-1].startswith(
        "On rows that the network has never seen, its errors rose"
    )


def test_case_32_losses_are_the_same_while_the_daemon_is_killed(binary):
    with rotewatch.private_daemon() as daemon:

        def kill(epoch: int) -> None:
            if epoch == 3:
                daemon.process.kill()
                daemon.process.wait()

        def watched(model, loader):
            return rotewatch.watch(model, probe=examples()[0], run="r", wait=10, close_wait=0.5)

        assert losses(watched, each_epoch=kill) == losses()


def by_torch(frame: Path, model, probe) -> None:
    with rotewatch.watch(model, probe=probe, run="numpy", task="classes", wait=20) as watcher:
        assert watcher.epoch_end().answered


def by_numpy(frame: Path, model, probe) -> None:
    send = """
import sys, numpy_client
from safetensors.numpy import load_file
layers = load_file(sys.argv[1])
predictions = layers.pop("row:predictions")
layers = {name: layer for name, layer in layers.items() if not name.startswith("row:")}
numpy_client.declare(sorted(layers))
assert numpy_client.show(0, layers, {"row:predictions": predictions})["epoch"] == 0
"""
    subprocess.run([sys.executable, "-c", send, str(frame)], cwd=EXAMPLES, check=True)


def by_curl(frame: Path, model, probe) -> None:
    """Sends with curl, as docs/protocol.md shows."""
    send = """
URL=$(cat $ROTEWATCH_STATE/url)/api/v1/runs/numpy
AUTH="Authorization: Bearer $(cat $ROTEWATCH_STATE/token)"
ATTEMPT=$(od -An -N8 -tx1 /dev/urandom | tr -d ' ')
LAYERS='["0", "2", "4", "features"]'
curl -sf -X PUT -H "$AUTH" "$URL" -d "{\\"attempt\\": \\"$ATTEMPT\\", \\"layers\\": $LAYERS}"
curl -sf -X POST -H "$AUTH" "$URL/epochs/0/activations?attempt=$ATTEMPT&seq=0" --data-binary @"$1"
curl -sf -X POST -H "$AUTH" "$URL/epochs/0/end?attempt=$ATTEMPT&wait=10" -d '{"train_loss": 2.31}'
"""
    subprocess.run(["bash", "-euc", send, "curl", str(frame)], check=True)


@pytest.mark.parametrize("send", [by_torch, by_numpy, by_curl])
def test_what_the_daemon_measures_is_what_measure_says_of_the_same_activations(binary, tmp_path, monkeypatch, send):
    model, probe = network(), torch.randn(400, 8)
    rotewatch.watch(model, probe=probe, run="r", task="classes", mode="offline", inbox=tmp_path).close()
    frame = tmp_path / "r/0.0.safetensors"
    command = [binary, "measure", str(frame), "--tensor", "4", "--measure", "mi", "--json"]
    measured = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    pairs = measured["tensors"][0]["mi_nats"]
    upper = [pairs[a][b] for a in range(len(pairs)) for b in range(a + 1, len(pairs))]
    with rotewatch.private_daemon() as daemon:
        monkeypatch.setenv("ROTEWATCH_STATE", str(daemon.state))
        send(frame, model, probe)
        metrics = urllib.request.urlopen(f"{daemon.url}/metrics").read().decode()
    [line] = [
        line
        for line in metrics.splitlines()
        if line.startswith("rotewatch_layer_mutual_information_nats{") and 'layer="4"' in line and 'stat="mean"' in line
    ]
    assert float(line.rsplit(" ", 1)[1]) == pytest.approx(sum(upper) / len(upper), rel=1e-6)


def test_a_crashed_training_may_be_run_again_at_once(binary):
    with rotewatch.private_daemon() as daemon:
        crashed = rotewatch.watch(network(), probe=examples()[0], run="r", wait=10)
        crashed.close("failed")
        with rotewatch.watch(network(), probe=examples()[0], run="r", wait=10) as watcher:
            assert watcher.epoch_end().answered
        assert (daemon.state / "daemon.log").exists()


def verdict_of(url: str, run: str, epoch: int, seconds: float = 60.0) -> dict:
    """Returns the verdict on a run, once the daemon has measured that epoch."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            document = json.load(urllib.request.urlopen(f"{url}/api/v1/runs/{run}", timeout=10))
        except urllib.error.HTTPError:
            document = {}
        if document.get("epoch") == epoch:
            return {
                key: document[key] for key in ("verdict", "kind", "onset_epoch", "alarm_epoch", "layers", "evidence")
            }
        time.sleep(0.05)
    raise AssertionError(f"epoch {epoch} of {run} was not measured within {seconds} s")


def train(epochs: int, **options: object) -> None:
    torch.manual_seed(0)
    images, labels = map(torch.from_numpy, noisy_digits(2000, label_noise=0.4, seed=1))
    model = plain_loop.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with rotewatch.watch(model, probe=images[:500], run="r", task="classes", **options) as watcher:
        for _ in range(epochs):
            for rows in torch.randperm(len(images)).split(64):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
                optimizer.step()
            watcher.epoch_end()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("rebound", "the network's answers are the same to the last bit since epoch 0"),
        ("sorted", "all rows of the probe have the label 0"),
        ("diverged", "NaN or infinite since epoch 2"),
    ],
)
def test_case_39_a_rebound_model_and_a_sorted_probe_cannot_be_judged(binary, caplog, fault, reason):
    torch.manual_seed(0)
    images, labels = map(torch.from_numpy, noisy_digits(2000, label_noise=0.0, seed=1))
    model = plain_loop.network()
    watched = copy.deepcopy(model) if fault == "rebound" else model
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    if fault == "sorted":
        order = labels.argsort(stable=True)
        images, labels = images[order], labels[order]
    unseen, seen = TensorDataset(images[:150], labels[:150]), TensorDataset(images[150:], labels[150:])
    sets = {"probe": DataLoader(unseen, batch_size=50), "seen": DataLoader(seen, batch_size=50)}
    loss = torch.nn.functional.cross_entropy
    with (
        rotewatch.private_daemon(),
        rotewatch.watch(watched, **sets, loss=loss, run="r", task="classes", wait=60) as watcher,
    ):
        for epoch in range(1, 6):
            for rows in torch.randperm(len(images)).split(64):
                optimizer.zero_grad()
                loss(model(images[rows]), labels[rows]).backward()
                optimizer.step()
            if fault == "diverged" and epoch == 2:
                with torch.no_grad():
                    next(model.parameters()).fill_(math.nan)
            verdict = watcher.epoch_end()
    assert verdict.verdict == "cannot_judge"
    assert reason in verdict.why
    assert verdict.remedy
    said = [record.message for record in caplog.records if "cannot judge since epoch" in record.message]
    assert len(said) == 1
    assert reason in said[0]


def test_an_offline_run_is_replayed_with_the_verdict_that_it_would_have_had(binary, tmp_path):
    train(10, mode="offline", inbox=tmp_path / "inbox")
    config = tmp_path / "config.yaml"
    config.write_text(f"inbox: {tmp_path / 'inbox'}\n")
    with rotewatch.private_daemon() as daemon:
        train(10, wait=60)
        live = verdict_of(daemon.url, "r", 10)
    with rotewatch.private_daemon(config=config) as daemon:
        replayed = verdict_of(daemon.url, "r", 10)
    assert replayed == live
    assert live["verdict"] == "memorizing"
