"""Fixtures of every test: one thread, fixed seeds, an environment without settings of a real daemon."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from stub_daemon import StubDaemon

ROOT = Path(__file__).resolve().parents[2]

# Keras reads its backend at first import, which may happen in any test.
os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture(autouse=True)
def quiet_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("ROTEWATCH_") and name not in ("ROTEWATCH_BINARY", "ROTEWATCH_REQUIRE_ALL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ROTEWATCH_STATE", str(tmp_path / "state"))
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubDaemon]:
    """A server that answers like a daemon, or as the test configures it."""
    with StubDaemon() as daemon:
        monkeypatch.setenv("ROTEWATCH_URL", daemon.url)
        monkeypatch.setenv("ROTEWATCH_TOKEN", "secret")
        yield daemon


@pytest.fixture
def binary(monkeypatch: pytest.MonkeyPatch) -> str:
    """The daemon's binary. Without it the test is skipped, or fails if ROTEWATCH_REQUIRE_ALL is 1."""
    candidates = [
        os.environ.get("ROTEWATCH_BINARY"),
        *(ROOT / "target" / kind / "rotewatch" for kind in ("release", "debug")),
    ]
    found = next((str(path) for path in candidates if path and shutil.which(path)), None)
    if found is None:
        message = "program rotewatch not found: run `make build`, or set ROTEWATCH_BINARY"
        if os.environ.get("ROTEWATCH_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    monkeypatch.setenv("ROTEWATCH_BINARY", found)
    return found
