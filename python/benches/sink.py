"""A server that accepts everything and computes nothing, to measure the client's overhead without a daemon's work."""

import contextlib
import json
import multiprocessing
import signal
import socket
from collections.abc import Iterator

_NOTHING = dict.fromkeys(("kind", "onset_epoch", "alarm_epoch", "layers", "why", "remedy", "evidence", "reason"))
_LEARNING = {"run": "overhead", "committed_epoch": None, "verdict": "learning", "stop": False, **_NOTHING}


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """Serves in a separate process; yields its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        process = multiprocessing.Process(target=_serve, args=(listener,), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.join()


def _serve(listener: socket.socket) -> None:
    # The benchmark ends this process itself when it is interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as request:
            path = request.readline().split()[1].decode().partition("?")[0].split("/")
            length = 0
            while line := request.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            while length > 0 and (piece := request.read1(length)):
                length -= len(piece)
            document = {**_LEARNING, "epoch": int(path[-2])} if path[-1] == "end" else {"run": "overhead"}
            body = json.dumps(document).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + body)
