"""How a run ends when its script ends."""

import subprocess
import sys

import pytest

SCRIPT = """
import torch, rotewatch
from small_training import examples, network
watcher = rotewatch.watch(network(), probe=examples()[0], run="r")
watcher.epoch_end()
"""


@pytest.mark.parametrize(
    ("ending", "status"),
    [("", "finished"), ("raise SystemExit(0)", "finished"), ("raise RuntimeError('diverged')", "failed")],
)
def test_a_script_that_ends_finishes_its_run(stub, ending, status):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + ending],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path), "ROTEWATCH_URL": stub.url, "OMP_NUM_THREADS": "1"},
    )
    assert [request.json for request in stub.of_kind("finish")] == [{"status": status}], done.stderr
