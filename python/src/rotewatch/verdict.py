"""The daemon's verdict on a run after an epoch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERDICTS = ("too_early", "cannot_judge", "learning", "memorizing")


@dataclass(frozen=True)
class MemorizedShare:
    """The share of the training rows that the network knows by heart, with a 95 % interval; ratios from 0 to 1."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        estimate, low, high = (f"{100 * share:.0f}" for share in (self.estimate, self.low, self.high))
        return f"about {estimate} % ({low} to {high} %) of the training rows are known by heart"


@dataclass(frozen=True)
class Verdict:
    """The newest verdict on a run.

    A training loop checks ``stop``, which stays true once it is true. The other fields explain it. ``verdict`` alone
    says whether an alarm is active: the fields of an alarm that ended stay, with ``ended_epoch``.
    """

    #: Whether the training should stop now.
    stop: bool = False
    #: Why it should stop.
    reason: str | None = None
    #: ``too_early``, ``cannot_judge``, ``learning`` or ``memorizing``; ``None`` before the first report.
    verdict: str | None = None
    #: How many of the training rows are memorized; ``None`` if that is unknown.
    memorized_share: MemorizedShare | None = None
    #: ``example_level``, ``heuristic`` or ``baseline``: the kind of the alarm.
    kind: str | None = None
    #: ``suspected`` while an alarm only warns, ``shown`` once the network is worse on rows that it has never seen.
    harm: str | None = None
    #: The epoch at which memorization set in: the weights to go back to.
    onset_epoch: int | None = None
    #: The epoch at which the alarm was raised.
    alarm_epoch: int | None = None
    #: The epoch at which the alarm ended; ``None`` while it is active.
    ended_epoch: int | None = None
    #: The layers that show it.
    layers: tuple[str, ...] = ()
    #: One sentence: why this is memorization, what is missing for a verdict, or why it is uncertain.
    why: str | None = None
    #: One sentence: what to do.
    remedy: str | None = None
    #: The measured values behind the verdict, as sent by the daemon.
    evidence: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)
    #: The epoch of this verdict; earlier than the current one if the daemon is behind.
    epoch: int | None = None
    #: The last epoch that survives a crash of the daemon.
    committed_epoch: int | None = None
    #: Whether the daemon has answered for the last ended epoch.
    answered: bool = False
    #: What went wrong while watching, if anything; the training itself is not affected.
    problem: str | None = None

    @property
    def in_words(self) -> str:
        """The verdict in a few words, such as ``learning; alarm at 10, ended at 13``."""
        word = (self.verdict or "no verdict").replace("_", " ")
        if self.ended_epoch is not None:
            word = f"{word}; alarm at {self.alarm_epoch}, ended at {self.ended_epoch}"
        elif self.alarm_epoch is not None:
            word = f"{word} since epoch {self.onset_epoch}, alarm at {self.alarm_epoch}"
        return word if self.memorized_share is None else f"{word}; {self.memorized_share}"

    @classmethod
    def from_json(cls, document: object) -> Verdict:
        """Parses the daemon's answer; raises :class:`ValueError` if it is invalid."""
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        stop, verdict = document.get("stop"), document.get("verdict")
        if not isinstance(stop, bool) or "verdict" not in document or verdict not in (None, *VERDICTS):
            raise ValueError("`stop` or `verdict` is missing or invalid")
        return cls(
            stop=stop,
            reason=_text(document, "reason"),
            verdict=verdict,
            memorized_share=_share(document),
            kind=_text(document, "kind"),
            harm=_text(document, "harm"),
            onset_epoch=_epoch(document, "onset_epoch"),
            alarm_epoch=_epoch(document, "alarm_epoch"),
            ended_epoch=_epoch(document, "ended_epoch"),
            layers=tuple(name for name in _list(document, "layers") if isinstance(name, str)),
            why=_text(document, "why"),
            remedy=_text(document, "remedy"),
            evidence=tuple(number for number in _list(document, "evidence") if isinstance(number, dict)),
            epoch=_epoch(document, "epoch"),
            committed_epoch=_epoch(document, "committed_epoch"),
            answered=True,
        )


def by_old_name(verdict: Verdict) -> Verdict:
    """Returns the verdict with a warning, for a property that is called ``standing``."""
    warnings.warn(
        "`standing` is now `verdict`; the old name goes with the next release", DeprecationWarning, stacklevel=3
    )
    return verdict


def _text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"`{key}` is not a string")
    return value


def _epoch(document: dict[str, Any], key: str) -> int | None:
    value = document.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"`{key}` is not an integer")
    return value


def _share(document: dict[str, Any]) -> MemorizedShare | None:
    value = document.get("memorized_share")
    if value is None:
        return None
    given = [value.get(key) for key in ("estimate", "low", "high")] if isinstance(value, dict) else []
    numbers = [float(number) for number in given if isinstance(number, int | float) and not isinstance(number, bool)]
    if len(numbers) != 3:
        raise ValueError("`memorized_share` has no estimate with its interval")
    return MemorizedShare(*numbers)


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if value is not None and not isinstance(value, list):
        raise ValueError(f"`{key}` is not a list")
    return value or []
