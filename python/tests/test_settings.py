import subprocess
import sys

import pytest

from rotewatch import naming, settings


def test_an_argument_wins_over_the_environment_which_wins_over_files(monkeypatch, tmp_path):
    state = tmp_path / "state"
    monkeypatch.setenv("ROTEWATCH_STATE", str(state))
    assert (settings.endpoint().url, settings.endpoint().token) == (settings.DEFAULT_URL, None)
    state.mkdir()
    (state / "url").write_text("http://127.0.0.1:4000\n")
    (state / "token").write_text("of the state folder\n")
    assert (settings.endpoint().url, settings.endpoint().token) == ("http://127.0.0.1:4000", "of the state folder")
    (tmp_path / "token").write_text("of a file\n")
    monkeypatch.setenv("ROTEWATCH_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("ROTEWATCH_URL", "https://train.example.org/watch/")
    assert (settings.endpoint().url, settings.endpoint().token) == ("https://train.example.org:443/watch", "of a file")
    monkeypatch.setenv("ROTEWATCH_TOKEN", "of the environment")
    assert settings.endpoint().token == "of the environment"
    assert settings.endpoint("http://[::1]:5", "argument") == settings.Endpoint("http", "::1", 5, "", "argument")
    assert settings.endpoint("http://[::1]:5").url == "http://[::1]:5"


def test_the_state_folder_follows_the_xdg_rules(monkeypatch, tmp_path):
    monkeypatch.delenv("ROTEWATCH_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert settings.state_folder() == tmp_path / "rotewatch"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.state_folder() == tmp_path / ".local/state/rotewatch"
    assert settings.inbox_folder() == tmp_path / ".local/state/rotewatch/inbox"


@pytest.mark.parametrize("url", ["", "127.0.0.1:1", "http://", "http://host:port", "http://host:99999", "file:///x"])
def test_addresses_that_are_none(url):
    with pytest.raises(ValueError, match="invalid daemon address"):
        settings.checked_url(url)


def test_names():
    assert naming.checked_run_name("a.B-1_") == "a.B-1_"
    for name in ("", ".a", "a/b", "ä", "a" * 65, "a\n"):
        with pytest.raises(ValueError, match="run name"):
            naming.checked_run_name(name)
    assert naming.layer_name("_orig_mod.block._fsdp_wrapped_module.fc", None) == "block.fc"
    long = naming.layer_name("x" * 300 + ".end", None)
    assert len(long.encode()) <= 128 and long.endswith(".end")
    assert naming.METRIC_NAME.fullmatch("train_loss") and not naming.METRIC_NAME.fullmatch("Loss")


def test_the_package_needs_torch_and_safetensors_only():
    others = ("lightning", "transformers", "keras", "torch._dynamo")
    script = f"import sys, rotewatch; print(*(name for name in {others} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
