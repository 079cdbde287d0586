"""The daemon's verdict on a run after an epoch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERDICTS = ("too_early", "cannot_judge", "learning", "memorizing")


@dataclass(frozen=True)
class Verdict:
    """The newest verdict on a run.

    A training loop checks ``stop``, which stays true once it is true. The other fields explain it.
    """

    #: Whether the training should stop now.
    stop: bool = False
    #: Why it should stop.
    reason: str | None = None
    #: ``too_early``, ``cannot_judge``, ``learning`` or ``memorizing``; ``None`` before the first report.
    verdict: str | None = None
    #: ``example_level`` or ``heuristic`` while memorizing.
    kind: str | None = None
    #: ``suspected`` while an alarm only warns, ``shown`` once the network is worse on rows that it has never seen.
    harm: str | None = None
    #: The epoch at which memorization set in: the weights to go back to.
    onset_epoch: int | None = None
    #: The epoch at which the alarm was raised.
    alarm_epoch: int | None = None
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
            kind=_text(document, "kind"),
            harm=_text(document, "harm"),
            onset_epoch=_epoch(document, "onset_epoch"),
            alarm_epoch=_epoch(document, "alarm_epoch"),
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


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if value is not None and not isinstance(value, list):
        raise ValueError(f"`{key}` is not a list")
    return value or []
