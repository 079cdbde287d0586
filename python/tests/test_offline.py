import json

import numpy as np
from safetensors.numpy import load_file
from small_training import examples, network

import rotewatch


def test_offline_writes_what_the_wire_would_carry(stub, tmp_path, monkeypatch):
    model = network()
    with rotewatch.watch(model, probe=examples()[0], run="r") as watcher:
        watcher.epoch_end(train_loss=0.5)
    monkeypatch.setenv("ROTEWATCH_MODE", "offline")
    monkeypatch.setenv("ROTEWATCH_INBOX", str(tmp_path / "inbox"))
    with rotewatch.watch(model, probe=examples()[0], run="r") as watcher:
        verdict = watcher.epoch_end(train_loss=0.5)
    assert not verdict.stop and verdict.problem is None
    folder = tmp_path / "inbox" / "r"
    names = {"run.json", "0.0.safetensors", "0.json", "1.0.safetensors", "1.json", "finish.json"}
    assert {path.name for path in folder.iterdir()} == names

    def document(name):
        return json.loads((folder / name).read_text())

    declared = stub.of_kind("declare")[0].json
    assert document("run.json") == declared | {"attempt": document("run.json")["attempt"]}
    assert [document("0.json"), document("1.json")] == [end.json for end in stub.of_kind("end")]
    assert document("finish.json") == stub.of_kind("finish")[0].json
    for frame in stub.of_kind("activations"):
        written = load_file(folder / f"{frame.epoch}.{frame.query['seq']}.safetensors")
        for name, tensor in frame.tensors.items():
            np.testing.assert_array_equal(written[name], tensor)


def test_nothing_unfinished_lies_in_the_inbox(tmp_path):
    rotewatch.watch(network(), probe=examples()[0], run="r", mode="offline", inbox=tmp_path / "inbox").close()
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["r"]
    assert not list((tmp_path / "inbox.writing").iterdir())


def test_a_run_that_still_waits_is_not_written_over(tmp_path, caplog):
    for _ in range(2):
        rotewatch.watch(network(), probe=examples()[0], run="r", mode="offline", inbox=tmp_path).close()
    assert "still holds another training of run r" in caplog.text
    assert len(list((tmp_path / "r").iterdir())) == 4


def test_a_folder_that_cannot_be_written_is_survived(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    with rotewatch.watch(
        network(), probe=examples()[0], run="r", mode="offline", inbox=tmp_path / "file" / "x"
    ) as watcher:
        assert not watcher.epoch_end().stop
    assert "cannot write" in caplog.text
