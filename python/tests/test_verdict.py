"""The daemon's verdict as Python reads it."""

from __future__ import annotations

import logging

import pytest
from stub_daemon import StubDaemon, as_json, verdict
from torch import nn, zeros

import rotewatch
from rotewatch.verdict import MemorizedShare, Verdict

ALARM = {"kind": "example_level", "harm": "shown", "onset_epoch": 7, "alarm_epoch": 10}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"verdict": "too_early"}, "too early"),
        ({"verdict": "learning"}, "learning"),
        ({"verdict": "memorizing", **ALARM}, "memorizing since epoch 7, alarm at 10"),
        ({"verdict": "learning", **ALARM, "ended_epoch": 13}, "learning; alarm at 10, ended at 13"),
        (
            {"verdict": "learning", "memorized_share": {"estimate": 0.31, "low": 0.27, "high": 0.35}},
            "learning; about 31 % (27 to 35 %) of the training rows are known by heart",
        ),
    ],
)
def test_an_alarm_that_ended_is_told_apart_from_one_that_is_active(fields, words):
    read = Verdict.from_json(verdict(20, **fields))
    assert read.in_words == words
    assert (read.alarm_epoch, read.ended_epoch) == (fields.get("alarm_epoch"), fields.get("ended_epoch"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ended_epoch", "13"),
        ("memorized_share", 0.3),
        ("memorized_share", {"estimate": 0.3, "low": 0.2}),
        ("memorized_share", {"estimate": 0.3, "low": 0.2, "high": True}),
    ],
)
def test_what_is_malformed_is_refused(key, value):
    with pytest.raises(ValueError, match=key):
        Verdict.from_json(verdict(20, **{key: value}))


def test_the_memorized_share_is_read_with_its_interval():
    read = Verdict.from_json(verdict(20, memorized_share={"estimate": 0.31, "low": 0.27, "high": 1}))
    assert read.memorized_share == MemorizedShare(0.31, 0.27, 1.0)
    assert Verdict.from_json(verdict(20, memorized_share=None)).memorized_share is None


def test_the_last_line_names_the_alarm_that_ended(monkeypatch, caplog):
    stub = StubDaemon()
    ended = verdict(1, **ALARM, ended_epoch=13)
    stub.answers = lambda request: as_json(200, ended) if request.kind == "end" else stub.as_a_daemon(request)
    monkeypatch.setenv("ROTEWATCH_URL", stub.url)
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with (
        caplog.at_level(logging.INFO, logger="rotewatch"),
        rotewatch.watch(network, probe=zeros(600, 4), run="r", wait=20) as watcher,
    ):
        assert not watcher.epoch_end().stop
    stub.close()
    assert "verdict: learning; alarm at 10, ended at 13" in caplog.text
