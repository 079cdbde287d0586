"""Compares two gloo processes on the CPU with one process."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from small_training import examples, network

import rotewatch

WORKER = """
import os, sys, torch, torch.distributed as dist, rotewatch
from small_training import examples, network
from torch.utils.data import DataLoader
torch.set_num_threads(1)
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
torch.manual_seed(0)
model = network()
inputs = examples()[0]
{body}
# Gloo sometimes aborts when one process destroys its groups while the other still uses them.
dist.barrier()
dist.destroy_process_group()
"""


def run_two(body: str, tmp_path, url: str) -> list[str]:
    script = WORKER.format(body=textwrap.dedent(body))
    environment = {"PYTHONPATH": ":".join(sys.path), "ROTEWATCH_URL": url, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "meeting")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in range(2)
    ]
    outputs = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            outputs.append(out.strip())
    finally:
        for process in processes:
            process.kill()
    return outputs


def frames_of_one_process(stub) -> list[dict[str, np.ndarray]]:
    torch.manual_seed(0)
    model = network()
    loader = torch.utils.data.DataLoader(examples()[0], batch_size=20)
    with rotewatch.watch(model, probe=loader, run="one") as watcher:
        watcher.epoch_end()
    frames = [request.tensors for request in stub.of_kind("activations")]
    stub.requests.clear()
    return frames


@pytest.mark.parametrize("wrapped", ["model", "torch.nn.parallel.DistributedDataParallel(model)"])
def test_the_same_probe_on_both_ranks_is_shared_out_and_gives_the_same_rows(stub, tmp_path, wrapped):
    expected = frames_of_one_process(stub)
    body = f"""
        stop_seen = []
        watcher = rotewatch.watch({wrapped}, probe=DataLoader(inputs, batch_size=20), run="two", wait=30)
        stop_seen.append(watcher.epoch_end(train_loss=0.1 + rank).stop)
        watcher.close()
        print(watcher.deliveries.sent, stop_seen)
    """
    stub.stop_at = 1
    outputs = run_two(body, tmp_path, stub.url)
    assert outputs == ["2 [True]", "0 [True]"]
    frames = [request.tensors for request in stub.of_kind("activations")]
    assert len(stub.of_kind("declare")) == len(stub.of_kind("finish")) == 1
    assert len(frames) == len(expected)
    for ours, theirs in zip(frames, expected, strict=True):
        assert set(ours) == set(theirs)
        for name, tensor in theirs.items():
            np.testing.assert_array_equal(ours[name], tensor)


def test_seen_rows_are_shared_out_and_count_once(stub, tmp_path):
    def watched(model):
        inputs, labels = examples(50)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=20)
        return rotewatch.watch(model, probe=examples()[0], seen=loader, run="one")

    torch.manual_seed(0)
    watched(network()).close()
    [_, expected] = [request.tensors for request in stub.of_kind("activations")]
    stub.requests.clear()
    body = """
        from torch.utils.data import TensorDataset
        loader = DataLoader(TensorDataset(*examples(50)), batch_size=20)
        watcher = rotewatch.watch(model, probe=inputs, seen=loader, run="two", wait=30)
        watcher.close()
    """
    run_two(body, tmp_path, stub.url)
    [probe, seen] = stub.of_kind("activations")
    assert (probe.query.get("rows"), seen.query.get("rows")) == (None, "seen")
    assert set(seen.tensors) == set(expected)
    for name, tensor in expected.items():
        assert tensor.shape == (50,)
        np.testing.assert_allclose(seen.tensors[name], tensor, rtol=1e-6)


def test_probes_that_differ_from_rank_to_rank_are_taken_together(stub, tmp_path):
    expected = frames_of_one_process(stub)
    body = """
        part = inputs[:40] if rank == 0 else inputs[40:]
        watcher = rotewatch.watch(model, probe=DataLoader(part, batch_size=20), run="two", wait=30)
        watcher.close()
    """
    run_two(body, tmp_path, stub.url)
    [frame] = [request.tensors for request in stub.of_kind("activations")]
    np.testing.assert_array_equal(frame["0"], expected[0]["0"])


def test_streamed_rows_are_gathered_when_the_epoch_ends_as_float32(stub, tmp_path):
    body = """
        model = model.to(torch.bfloat16)
        watcher = rotewatch.watch(model, stream_every=1, run="two", rows=32, wait=30)
        for _ in range(2):
            model(inputs[rank * 16 : rank * 16 + 16].to(torch.bfloat16)).sum().backward()
        watcher.epoch_end()
        watcher.close()
    """
    run_two(body, tmp_path, stub.url)
    [frame] = [request.tensors for request in stub.of_kind("activations")]
    assert frame["0"].shape == (32, 16) and frame["0"].dtype == np.float32


def test_a_pass_that_fails_on_one_rank_keeps_them_together(stub, tmp_path):
    body = """
        def forward(network, batch):
            if rank == 1 and forward.failing:
                raise RuntimeError("out of memory")
            return network(batch)
        forward.failing = False
        watcher = rotewatch.watch(model, probe=DataLoader(inputs, batch_size=20), run="two", wait=30, forward=forward)
        forward.failing = True
        first = watcher.epoch_end()
        forward.failing = False
        second = watcher.epoch_end()
        watcher.close()
        print(first.stop, second.answered, watcher.deliveries.dropped)
    """
    outputs = run_two(body, tmp_path, stub.url)
    assert outputs == ["False True {'pass_failed': 1}", "False True {}"]
    assert [request.epoch for request in stub.of_kind("activations")] == [0, 2]


def test_a_sharded_network_is_probed_on_every_rank(stub, tmp_path):
    expected = frames_of_one_process(stub)
    body = """
        from torch.distributed.fsdp import fully_shard
        from torch.distributed.device_mesh import init_device_mesh
        mesh = init_device_mesh("cpu", (2,))
        for layer in (model[0], model[4], model[6]):
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        watcher = rotewatch.watch(model, probe=DataLoader(inputs, batch_size=20), run="two", wait=30)
        watcher.epoch_end()
        watcher.close()
    """
    run_two(body, tmp_path, stub.url)
    frames = [request.tensors for request in stub.of_kind("activations")]
    assert len(frames) == 2
    for ours, theirs in zip(frames, expected, strict=True):
        np.testing.assert_allclose(ours["4"], theirs["4"], rtol=1e-5, atol=1e-6)
