"""Talks to the daemon over HTTP with the standard library only; uses no proxies and follows no redirects."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from typing import Any
from urllib.parse import quote, urlencode

from .settings import Endpoint, endpoint
from .transport import (
    BusyError,
    ContestedError,
    Declaration,
    Metrics,
    Pieces,
    RefusedError,
    Rows,
    RubbishError,
    Status,
    UndeclaredError,
    UnreachableError,
)
from .verdict import Verdict

#: Limit for connecting, for sending, and for each part of the answer.
SOCKET_SECONDS = 10.0
#: Limit for the whole answer, beyond the requested wait.
ANSWER_SECONDS = 15.0
_ANSWER_BYTES_AT_MOST = 1 << 20
_BUSY_SECONDS = 1.0


class HttpTransport:
    """Opens a connection for each request: requests are few, and the next one works after a restart of the daemon."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self._url = url
        self._token = token
        self._connection: http.client.HTTPConnection | None = None
        self._closed = False

    @property
    def destination(self) -> str:
        """The daemon's current address, or the reason why it is unusable."""
        try:
            return endpoint(self._url, self._token).url
        except ValueError as error:
            return str(error)

    def declare(self, declaration: Declaration) -> None:
        """``PUT /api/v1/runs/{run}``."""
        self._asked("PUT", declaration, "", body=[_json(declaration.document())])

    def activations(
        self, declaration: Declaration, epoch: int, seq: int, body: Pieces, rows: Rows = "unseen"
    ) -> dict[str, str]:
        """``POST .../epochs/{epoch}/activations``."""
        path = f"/epochs/{epoch}/activations"
        query = {"seq": seq} if rows == "unseen" else {"seq": seq, "rows": rows}
        answer = self._asked("POST", declaration, path, query, body, "application/octet-stream")
        rejected = answer.get("rejected") or {}
        if not isinstance(rejected, dict):
            raise RubbishError(
                "invalid answer from the daemon: `rejected` is not an object; is another program using this address?"
            )
        return {str(layer): str(reason) for layer, reason in rejected.items()}

    def end(self, declaration: Declaration, epoch: int, metrics: Metrics, wait_seconds: float) -> Verdict:
        """``POST .../epochs/{epoch}/end``."""
        path = f"/epochs/{epoch}/end"
        wait = round(max(wait_seconds, 0.0), 3)
        answer = self._asked("POST", declaration, path, {"wait": wait}, [_json(metrics)], patience_seconds=wait)
        try:
            return Verdict.from_json(answer)
        except ValueError as error:
            raise RubbishError(
                f"invalid answer from the daemon: {error}; is another program using this address?"
            ) from error

    def finish(self, declaration: Declaration, status: Status) -> None:
        """``POST .../finish``."""
        self._asked("POST", declaration, "/finish", {}, [_json({"status": status})])

    def close(self) -> None:
        """Aborts a request that another thread is waiting for."""
        self._closed = True
        connection = self._connection
        sock = connection.sock if connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _asked(
        self,
        method: str,
        declaration: Declaration,
        path: str,
        query: dict[str, Any] | None = None,
        body: Pieces = (),
        content_type: str = "application/json",
        patience_seconds: float = 0.0,
    ) -> dict[str, Any]:
        try:
            daemon = endpoint(self._url, self._token)
        except ValueError as error:
            raise UnreachableError(str(error)) from error
        target = f"{daemon.prefix}/api/v1/runs/{quote(declaration.run, safe='')}{path}"
        if query is not None:
            target += "?" + urlencode({"attempt": declaration.attempt, **query})
        headers = {"Content-Type": content_type, "Accept": "application/json", "Connection": "close"}
        headers["Content-Length"] = str(sum(map(len, body)))
        # Without it, a daemon sends "too_early" for "cannot_judge", which clients of version 0.1.0 do not know.
        headers["Rotewatch-Verdicts"] = "cannot_judge"
        if daemon.token is not None:
            headers["Authorization"] = f"Bearer {daemon.token}"
        try:
            status, retry_after, answer = self._exchange(daemon, method, target, body, headers, patience_seconds)
        except http.client.HTTPException as error:
            if isinstance(error, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
                raise UnreachableError(f"{daemon.url} closed the connection before the answer was complete") from error
            raise RubbishError(
                f"{daemon.url} sent an invalid HTTP answer ({type(error).__name__}); check ROTEWATCH_URL"
            ) from error
        except (OSError, ValueError) as error:
            raise UnreachableError(
                f"cannot reach the daemon at {daemon.url}: {error or type(error).__name__}"
            ) from error
        return _judged(daemon, status, retry_after, answer)

    def _exchange(
        self, daemon: Endpoint, method: str, target: str, body: Pieces, headers: dict[str, str], patience_seconds: float
    ) -> tuple[int, str | None, bytes]:
        connection = _connection(daemon, SOCKET_SECONDS)
        self._connection = connection
        deadline = time.monotonic() + patience_seconds + ANSWER_SECONDS
        try:
            connection.connect()
            if self._closed:
                raise OSError("closed")
            connection.request(method, target, body=body, headers=headers)
            if connection.sock is not None:
                connection.sock.settimeout(patience_seconds + SOCKET_SECONDS)
            response = connection.getresponse()
            answer = bytearray()
            while piece := response.read1(1 << 16):
                answer += piece
                if len(answer) > _ANSWER_BYTES_AT_MOST:
                    raise RubbishError(f"{daemon.url} sent an answer of more than 1 MiB; check ROTEWATCH_URL")
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer was not complete in time")
            return response.status, response.getheader("Retry-After"), bytes(answer)
        finally:
            self._connection = None
            connection.close()


def _connection(daemon: Endpoint, timeout: float) -> http.client.HTTPConnection:
    if daemon.scheme == "https":
        return http.client.HTTPSConnection(
            daemon.host, daemon.port, timeout=timeout, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(daemon.host, daemon.port, timeout=timeout)


def _judged(daemon: Endpoint, status: int, retry_after: str | None, answer: bytes) -> dict[str, Any]:
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        if status == 404:
            raise RubbishError(f"no `rotewatch serve` at {daemon.url} (404); check ROTEWATCH_URL")
        raise RubbishError(f"{daemon.url} answered {status} without a JSON object; check ROTEWATCH_URL")
    if status in (200, 202):
        return document
    reason = document.get("error")
    said = f"{reason if isinstance(reason, str) else 'no reason given'} ({status} from {daemon.url})"
    if status == 404:
        raise UndeclaredError(said)
    if status == 429 or status == 503:
        raise BusyError(said, _seconds(retry_after))
    if status == 409:
        raise ContestedError(said)
    if status in (401, 403):
        raise RefusedError(said + "; check the token in ROTEWATCH_TOKEN, ROTEWATCH_TOKEN_FILE or STATE/token")
    if 400 <= status < 500:
        raise RefusedError(said)
    raise RubbishError(said)


def _seconds(retry_after: str | None) -> float:
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return _BUSY_SECONDS
    return seconds if 0 <= seconds < float("inf") else _BUSY_SECONDS


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=False).encode()
