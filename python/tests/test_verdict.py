"""The daemon's verdict as Python reads it."""

from __future__ import annotations

import logging

import pytest
from stub_daemon import StubDaemon, as_json, verdict
from torch import nn, zeros

import rotewatch
from rotewatch.verdict import Verdict

ALARM = {"kind": "example_level", "harm": "shown", "onset_epoch": 7, "alarm_epoch": 10}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"verdict": "too_early"}, "too early"),
        ({"verdict": "learning"}, "learning"),
        ({"verdict": "memorizing", **ALARM}, "memorizing since epoch 7, alarm at 10"),
        ({"verdict": "learning", **ALARM, "ended_epoch": 13}, "learning; alarm at 10, ended at 13"),
    ],
)
def test_an_alarm_that_ended_is_told_apart_from_one_that_is_active(fields, words):
    read = Verdict.from_json(verdict(20, **fields))
    assert read.in_words == words
    assert (read.alarm_epoch, read.ended_epoch) == (fields.get("alarm_epoch"), fields.get("ended_epoch"))


def test_an_epoch_that_is_no_integer_is_refused():
    with pytest.raises(ValueError, match="ended_epoch"):
        Verdict.from_json(verdict(20, ended_epoch="13"))


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
