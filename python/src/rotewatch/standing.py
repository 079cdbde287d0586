"""What the daemon says of a run after an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERDICTS = ("too_early", "learning", "memorizing")


@dataclass(frozen=True)
class Standing:
    """The newest that was heard of a run.

    ``stop`` is what a training loop asks for; once true it stays true. The rest says why.
    """

    #: Whether training should end here.
    stop: bool = False
    #: Why it should, if so.
    reason: str | None = None
    #: ``too_early``, ``learning`` or ``memorizing``; ``None`` before the first report.
    verdict: str | None = None
    #: ``example_level`` or ``heuristic`` while memorizing.
    kind: str | None = None
    #: The epoch at which memorization set in: the weights to go back to.
    onset_epoch: int | None = None
    #: The epoch at which it was noticed.
    alarm_epoch: int | None = None
    #: The layers that show it.
    layers: tuple[str, ...] = ()
    #: One sentence: why this is memorization, or what is missing to tell.
    why: str | None = None
    #: One sentence: what to do.
    remedy: str | None = None
    #: The numbers behind it, as the daemon sent them.
    evidence: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)
    #: The epoch that the verdict is about; it lags behind where the daemon does.
    epoch: int | None = None
    #: The last epoch that survives a crash of the daemon.
    committed_epoch: int | None = None
    #: Whether the daemon has answered for the epoch that was ended last.
    answered: bool = False
    #: What went wrong with the observation, if anything did; training itself is never affected.
    problem: str | None = None

    @classmethod
    def from_json(cls, document: object) -> Standing:
        """Reads the daemon's answer; :class:`ValueError` where it is none."""
        if not isinstance(document, dict):
            raise ValueError("the answer is no JSON object")
        stop, verdict = document.get("stop"), document.get("verdict")
        if not isinstance(stop, bool) or "verdict" not in document or verdict not in (None, *VERDICTS):
            raise ValueError("the answer holds no verdict")
        return cls(
            stop=stop,
            reason=_text(document, "reason"),
            verdict=verdict,
            kind=_text(document, "kind"),
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


def _text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is no text")
    return value


def _epoch(document: dict[str, Any], key: str) -> int | None:
    value = document.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"{key} is no whole number")
    return value


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{key} is no list")
    return value or []
