"""A daemon that runs as long as a block of a script."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .settings import Endpoint, endpoint

START_SECONDS = 15.0
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class PrivateDaemon:
    """A daemon started by :func:`private_daemon`."""

    #: Its address: the live page, and ``/metrics`` for Prometheus.
    url: str
    #: Its state folder, with its log ``daemon.log``.
    state: Path
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def private_daemon(
    *, state: str | os.PathLike[str] | None = None, config: str | os.PathLike[str] | None = None
) -> Iterator[PrivateDaemon]:
    """Starts ``rotewatch serve`` on a free port of this machine, and stops it when the block ends.

    Within the block, :func:`rotewatch.watch` finds it automatically, in this process and in its child processes. Close
    the watchers before the block ends.

    Args:
        state: Its state folder, with history and token; by default a temporary folder that is removed afterwards.
        config: A configuration file for it.

    Raises:
        FileNotFoundError: if the program ``rotewatch`` is not found; the message says where it was searched.
        RuntimeError: if it does not start; the message ends with the daemon's output.
    """
    binary = _binary()
    with contextlib.ExitStack() as cleanup:
        if state is None:
            state = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="rotewatch-", ignore_cleanup_errors=True))
        folder = Path(state)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "url").unlink(missing_ok=True)
        log = cleanup.enter_context((folder / "daemon.log").open("wb"))
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--state", str(folder)]
        if config is not None:
            command += ["--config", os.fspath(config)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=_environment()
        )
        cleanup.callback(_end, process)
        with _found_by_itself(folder):
            daemon = _ready(process, folder, folder / "daemon.log")
            yield PrivateDaemon(daemon.url, folder, process)


def _binary() -> str:
    named = os.environ.get("ROTEWATCH_BINARY")
    found = shutil.which(named) if named else shutil.which("rotewatch")
    if found is None:
        where = f"ROTEWATCH_BINARY={named} is not an executable file" if named else "it is not in PATH"
        raise FileNotFoundError(
            f"cannot start a private daemon: no program rotewatch, {where}; build it with `make build`, then set "
            "ROTEWATCH_BINARY to target/release/rotewatch or add it to PATH"
        )
    return found


def _environment() -> dict[str, str]:
    """Returns the environment without the settings of another daemon."""
    others = ("ROTEWATCH_CONFIG", "ROTEWATCH_INBOX", "ROTEWATCH_LISTEN", "ROTEWATCH_STATE")
    return {name: value for name, value in os.environ.items() if name not in others}


@contextlib.contextmanager
def _found_by_itself(state: Path) -> Iterator[None]:
    """Points the environment at the daemon, and restores it afterwards."""
    ours = {"ROTEWATCH_STATE": str(state), "ROTEWATCH_URL": None, "ROTEWATCH_TOKEN": None, "ROTEWATCH_TOKEN_FILE": None}
    before = {name: os.environ.get(name) for name in ours}
    _set(ours)
    try:
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None] | dict[str, str]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _ready(process: subprocess.Popen[bytes], state: Path, log: Path) -> Endpoint:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(
                f"the private daemon exited during start (exit code {process.returncode}); its output:\n{_tail(log)}"
            )
        if (state / "url").exists() and _answers(daemon := endpoint()):
            return daemon
        time.sleep(0.02)
    raise RuntimeError(f"the private daemon was not ready within {START_SECONDS:g} s; its output:\n{_tail(log)}")


def _answers(daemon: Endpoint) -> bool:
    connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=2)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() or "(none)"
