"""A server that misbehaves in ways a real daemon does not: invalid answers, closed connections, disappearing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from safetensors.numpy import load


class Request:
    """A received request."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        parts = urlsplit(target)
        self.method = method
        self.path = parts.path
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.headers = headers
        self.body = body

    @property
    def kind(self) -> str:
        """``declare``, ``activations``, ``end`` or ``finish``."""
        return "declare" if self.method == "PUT" else self.path.rsplit("/", 1)[1]

    @property
    def epoch(self) -> int:
        """The epoch in the path."""
        return int(self.path.split("/epochs/")[1].split("/")[0])

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """The body as safetensors."""
        return load(self.body)


Answer = tuple[int, dict[str, str], bytes]


def as_json(status: int, document: Any, **headers: str) -> Answer:
    """A JSON answer in the format of the daemon."""
    return status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode()


def verdict(epoch: int, *, stop: bool = False, **fields: Any) -> dict[str, Any]:
    """The document that answers an epoch's end."""
    nothing = dict.fromkeys(("kind", "onset_epoch", "alarm_epoch", "layers", "why", "remedy", "evidence", "reason"))
    return {
        "run": "r",
        "epoch": epoch,
        "committed_epoch": None,
        "verdict": "learning",
        "stop": stop,
        **nothing,
        **fields,
    }


class StubDaemon:
    """Listens on a free port. ``answers`` replaces its answers; ``None`` closes the connection without an answer."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.answers: Callable[[Request], Answer | None] = self.as_a_daemon
        self.stop_at: int | None = None
        self._declared: set[str] = set()
        self._arrived = threading.Condition()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, dict(self.headers), body)
                with stub._arrived:
                    stub.requests.append(request)
                    stub._arrived.notify_all()
                answer = stub.answers(request)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_PUT = do_POST = do_GET = _serve

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients that closed their connection

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def as_a_daemon(self, request: Request) -> Answer:
        """Returns the answer of a real daemon."""
        run = request.path.split("/")[4]
        if request.kind == "declare":
            self._declared.add(run)
            return as_json(200, {"run": run, "attempt": request.json["attempt"]})
        if run not in self._declared:
            return as_json(404, {"error": f"run {run} was not declared"})
        if request.kind == "activations":
            return as_json(202, {"queued": True})
        if request.kind == "end":
            stop = self.stop_at is not None and request.epoch >= self.stop_at
            return as_json(200, verdict(request.epoch, stop=stop, reason="memorizing" if stop else None))
        return as_json(200, {"run": run})

    def of_kind(self, kind: str) -> list[Request]:
        """Returns the requests of one kind so far."""
        with self._arrived:
            return [request for request in self.requests if request.kind == kind]

    def await_request(self, kind: str, at_least: int = 1, seconds: float = 20.0) -> None:
        """Waits for requests to arrive."""
        with self._arrived:
            arrived = self._arrived.wait_for(
                lambda: sum(request.kind == kind for request in self.requests) >= at_least, seconds
            )
        assert arrived, f"no {kind} within {seconds} s"

    def forget_everything(self) -> None:
        """Forgets all runs, like a restarted daemon without a history."""
        self._declared.clear()

    def close(self) -> None:
        """Stops the server."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> StubDaemon:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
