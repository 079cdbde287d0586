"""A daemon that is absent, slow, killed or restarted, or another program at its address."""

import contextlib
import socket
import threading
import time

import pytest
import torch
from small_training import examples, losses, network
from stub_daemon import StubDaemon, as_json, verdict

import rotewatch

DEEP = b"[" * 100_000
RUBBISH = {
    "html": lambda request: (200, {"Content-Type": "text/html"}, b"<html>router login</html>"),
    "empty": lambda request: (200, {}, b""),
    "a list": lambda request: as_json(200, [1, 2]),
    "no verdict": lambda request: as_json(200, {"stop": "yes"}),
    "wrong types": lambda request: as_json(200, verdict(1, stop=True) | {"layers": 3}),
    "deep": lambda request: (200, {}, DEEP),
    "not utf-8": lambda request: (200, {}, b'{"a": "\xff\xfe"}'),
    "endless": lambda request: (200, {}, b"x" * (2 << 20)),
    "redirect": lambda request: (302, {"Location": "http://127.0.0.1:1/"}, b""),
    "not found": lambda request: (404, {}, b"no such page"),
    "broken": lambda request: as_json(500, {"error": "out of order"}),
    "unauthorized": lambda request: as_json(401, {"error": "who are you"}),
    "hangs up": lambda request: None,
    "always busy": lambda request: as_json(429, {"error": "later"}, **{"Retry-After": "86400"}),
    "busy without reason": lambda request: as_json(429, {}, **{"Retry-After": "soon"}),
    "never declared": lambda request: as_json(404, {"error": "not declared"}),
    "contested": lambda request: as_json(409, {"error": "another attempt"}),
}
#: The warning for each kind of answer; kinds without an entry get NO_DOCUMENT.
SAID = {
    "no verdict": "`stop` or `verdict` is missing or invalid",
    "wrong types": "`layers` is not a list",
    "endless": "sent an answer of more than 1 MiB",
    "not found": "no `rotewatch serve` at http://127.0.0.1:",
    "broken": "out of order (500",
    "unauthorized": "who are you (401",
    "hangs up": "closed the connection before the answer was complete",
    "always busy": "later (429",
    "busy without reason": "no reason given (429",
    "never declared": "message dropped (refused): not declared (404",
    "contested": "another attempt (409",
}
NO_DOCUMENT = "without a JSON object"


def watched(**options):
    return lambda model, loader: rotewatch.watch(
        model, **{"probe": examples()[0], "run": "r", "wait": 0.3, "close_wait": 0.3, **options}
    )


@pytest.fixture(scope="module")
def bare():
    torch.set_num_threads(1)
    return losses()


@pytest.mark.parametrize("kind", RUBBISH)
def test_case_32_rubbish_changes_nothing_and_costs_little(stub, bare, kind, caplog):
    stub.answers = RUBBISH[kind]
    began = time.monotonic()
    assert losses(watched()) == bare
    assert time.monotonic() - began < 4 * 0.3 + 0.3 + 2
    assert SAID.get(kind, NO_DOCUMENT) in caplog.text


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_in_the_answers_to_epochs_never_stops_a_training(stub, kind):
    stub.answers = lambda request: RUBBISH[kind](request) if request.kind == "end" else stub.as_a_daemon(request)
    with rotewatch.watch(network(), probe=examples()[0], run="r", wait=0.3, close_wait=0.3) as watcher:
        verdict = watcher.epoch_end()
    assert not verdict.stop and not verdict.answered and verdict.problem


def test_case_32_nobody_there(bare, monkeypatch, caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ROTEWATCH_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
    began = time.monotonic()
    assert losses(watched(wait=30.0, close_wait=30.0)) == bare
    assert time.monotonic() - began < 10
    assert "Connection refused" in caplog.text
    assert "0 of 5 frames were delivered; dropped: 5 closed" in caplog.text


def test_a_daemon_that_accepts_and_says_nothing_costs_one_wait(monkeypatch, bare):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        monkeypatch.setenv("ROTEWATCH_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert losses(watched(wait=0.5, close_wait=0.5)) == bare
        assert time.monotonic() - began < 0.5 + 0.5 + 2


def test_case_32_something_that_speaks_no_http(monkeypatch, bare, caplog):
    def greet(listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
                connection.shutdown(socket.SHUT_WR)
                # Closing before the request has arrived would cause another error.
                while connection.recv(1 << 16):
                    pass

    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        thread = threading.Thread(target=greet, args=(listening,), daemon=True)
        thread.start()
        monkeypatch.setenv("ROTEWATCH_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert losses(watched()) == bare
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "sent an invalid HTTP answer (BadStatusLine)" in caplog.text


def test_a_daemon_that_drips_costs_one_wait(monkeypatch, bare):
    leave = threading.Event()

    def drip(listening):
        while not leave.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not leave.wait(0.05):
                        connection.sendall(b"X")
                except OSError:
                    pass

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        thread = threading.Thread(target=drip, args=(listening,), daemon=True)
        thread.start()
        monkeypatch.setenv("ROTEWATCH_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
        began = time.monotonic()
        assert losses(watched(wait=0.5, close_wait=0.5)) == bare
        assert time.monotonic() - began < 0.5 + 0.5 + 2
        leave.set()


def test_killed_half_way_the_loss_is_the_same(bare, monkeypatch, caplog):
    stub = StubDaemon()
    monkeypatch.setenv("ROTEWATCH_URL", stub.url)
    assert losses(watched(), each_epoch=lambda epoch: stub.close() if epoch == 3 else None) == bare
    assert [request.epoch for request in stub.of_kind("activations")] == [0, 1, 2]
    assert "3 of 5 frames were delivered" in caplog.text


def test_restarted_it_is_declared_again_and_gets_what_waited(bare, monkeypatch):
    first = StubDaemon()
    monkeypatch.setenv("ROTEWATCH_URL", first.url)
    second = []

    def restart(epoch):
        if epoch == 2:
            first.close()
        if epoch == 4:
            second.append(StubDaemon(first.port))

    assert losses(watched(close_wait=20.0), each_epoch=restart, epochs=5) == bare + losses(epochs=5)[len(bare) :]
    [second] = second
    assert [request.kind for request in second.requests[:3]] == ["activations", "declare", "activations"]
    assert list(dict.fromkeys(request.epoch for request in second.of_kind("activations"))) == [2, 3, 4, 5]
    assert second.of_kind("declare")[0].json == first.of_kind("declare")[0].json
    second.close()


def test_restarted_between_two_messages_it_is_declared_again(stub):
    with rotewatch.watch(network(), probe=examples()[0], run="r", wait=20) as watcher:
        assert watcher.epoch_end().answered
        stub.forget_everything()
        assert watcher.epoch_end().answered
    assert len(stub.of_kind("declare")) == 2
    assert watcher.deliveries.dropped == {}


def test_a_restarted_daemon_is_found_at_its_new_address(monkeypatch, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    first, second = StubDaemon(), StubDaemon()
    (state / "url").write_text(first.url + "\n")
    (state / "token").write_text("one\n")
    with rotewatch.watch(network(), probe=examples()[0], run="r", wait=20, close_wait=20) as watcher:
        assert watcher.epoch_end().answered
        first.close()
        (state / "url").write_text(second.url + "\n")
        (state / "token").write_text("two\n")
        watcher.epoch_end()
        second.await_request("end")
    assert first.requests[0].headers["Authorization"] == "Bearer one"
    assert {request.headers["Authorization"] for request in second.requests} == {"Bearer two"}
    second.close()


def test_busy_is_tried_again(stub):
    refusals = iter([as_json(429, {"error": "later"}, **{"Retry-After": "0"})] * 3)
    stub.answers = lambda request: (
        next(refusals, None) or stub.as_a_daemon(request)
        if request.kind == "activations"
        else stub.as_a_daemon(request)
    )
    with rotewatch.watch(network(), probe=examples()[0], run="r", wait=20) as watcher:
        assert watcher.epoch_end().answered
    assert watcher.deliveries.sent == 2 and len(stub.of_kind("activations")) == 5


def test_a_rejected_layer_is_said(stub, caplog):
    stub.answers = lambda request: (
        as_json(202, {"queued": True, "rejected": {"0": "had 16 neurons"}})
        if request.kind == "activations"
        else stub.as_a_daemon(request)
    )
    rotewatch.watch(network(), probe=examples()[0], run="r").close()
    assert "the daemon rejected layer 0: had 16 neurons" in caplog.text


def test_what_does_not_fit_the_queue_is_dropped_and_counted(stub, monkeypatch):
    go_on = threading.Event()
    stub.answers = lambda request: go_on.wait(20) and stub.as_a_daemon(request)
    monkeypatch.setattr(rotewatch.sender.Sender.__init__, "__kwdefaults__", {"queue_bytes": 20_000, "backoff": None})
    watcher = rotewatch.watch(network(), probe=examples()[0], run="r", wait=0, close_wait=20)
    for _ in range(4):
        watcher.epoch_end()
    go_on.set()
    watcher.close()
    counts = watcher.deliveries
    assert counts.offered == 5 and counts.dropped["queue_full"] >= 3
    assert counts.offered == counts.sent + counts.queued + sum(counts.dropped.values())


def test_a_stop_from_something_that_is_no_daemon_is_not_obeyed(stub):
    stub.answers = lambda request: as_json(200, {"stop": True})
    with rotewatch.watch(network(), probe=examples()[0], run="r", wait=0.3, close_wait=0.3) as watcher:
        assert not watcher.epoch_end().stop


def test_proxies_are_not_used(stub, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with rotewatch.watch(network(), probe=examples()[0], run="r", wait=20) as watcher:
        assert watcher.epoch_end().answered
