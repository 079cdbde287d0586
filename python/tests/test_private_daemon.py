import os
import stat

import pytest

import rotewatch


def test_no_program_is_said_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ROTEWATCH_BINARY", raising=False)
    with (
        pytest.raises(FileNotFoundError, match=r"not in PATH; build it with `make build`"),
        rotewatch.private_daemon(),
    ):
        pass
    monkeypatch.setenv("ROTEWATCH_BINARY", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="is not an executable file"), rotewatch.private_daemon():
        pass


def test_a_program_that_ends_at_once_is_said_with_its_words(monkeypatch, tmp_path):
    program = tmp_path / "rotewatch"
    program.write_text("#!/bin/sh\necho the state folder is taken >&2\nexit 2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("ROTEWATCH_BINARY", str(program))
    before = dict(os.environ)
    with pytest.raises(RuntimeError, match=r"(?s)exit code 2.*the state folder is taken"), rotewatch.private_daemon():
        pass
    assert dict(os.environ) == before


@pytest.mark.daemon
def test_it_lives_as_long_as_the_block_and_is_found(binary, tmp_path):
    before = dict(os.environ)
    with rotewatch.private_daemon(state=tmp_path / "kept") as daemon:
        assert os.environ["ROTEWATCH_STATE"] == str(tmp_path / "kept")
        assert daemon.process.poll() is None and daemon.url.startswith("http://127.0.0.1:")
    assert daemon.process.returncode == 0
    assert dict(os.environ) == before and (tmp_path / "kept" / "daemon.log").exists()
