"""Offline mode: writes files that a daemon imports later, for example from a cluster without network.

    INBOX/RUN/run.json                    the declaration
    INBOX/RUN/EPOCH.SEQ.safetensors       a frame
    INBOX/RUN/EPOCH.SEQ.seen.safetensors  a frame of rows of the training set
    INBOX/RUN/EPOCH.json                  the metrics of an epoch, written after its frames
    INBOX/RUN/finish.json                 {"status": ...}, written last

Every file is written in a folder next to the inbox and then renamed into it, so that no reader sees a partial file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .transport import Declaration, Metrics, Pieces, RefusedError, Rows, Status, UnreachableError


class InboxTransport:
    """Writes one run into its folder."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox

    @property
    def destination(self) -> str:
        """The inbox's folder."""
        return str(self._inbox)

    def declare(self, declaration: Declaration) -> None:
        """Writes ``run.json``; refuses if the inbox still holds another training of this name."""
        waiting = self._attempt_waiting(declaration.run)
        if waiting not in (None, declaration.attempt):
            raise RefusedError(
                f"{self._inbox / declaration.run} still holds another training of run {declaration.run}: "
                "choose another run name, or let a daemon import that one first"
            )
        self._write(declaration, "run.json", [_json(declaration.document())])

    def activations(
        self, declaration: Declaration, epoch: int, seq: int, body: Pieces, rows: Rows = "unseen"
    ) -> dict[str, str]:
        """Writes ``EPOCH.SEQ.safetensors``, or ``EPOCH.SEQ.seen.safetensors``."""
        number = f"{epoch}.{seq}" if rows == "unseen" else f"{epoch}.{seq}.{rows}"
        self._write(declaration, f"{number}.safetensors", body)
        return {}

    def end(self, declaration: Declaration, epoch: int, metrics: Metrics, wait_seconds: float) -> None:
        """Writes ``EPOCH.json``; there is no verdict offline."""
        self._write(declaration, f"{epoch}.json", [_json(metrics)])

    def finish(self, declaration: Declaration, status: Status) -> None:
        """Writes ``finish.json``."""
        self._write(declaration, "finish.json", [_json({"status": status})])

    def close(self) -> None:
        """Does nothing: file writes are not interrupted."""

    def _attempt_waiting(self, run: str) -> str | None:
        try:
            document = json.loads((self._inbox / run / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return str(document.get("attempt")) if isinstance(document, dict) else None

    def _write(self, declaration: Declaration, name: str, content: Pieces) -> None:
        # A sibling of the inbox is on the same disk and is not watched by a daemon.
        aside = self._inbox.with_name(self._inbox.name + ".writing")
        part = aside / f"{declaration.run}.{declaration.attempt}.{name}"
        folder = self._inbox / declaration.run
        try:
            aside.mkdir(parents=True, exist_ok=True)
            folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.writelines(content)
            part.replace(folder / name)
        except OSError as error:
            raise UnreachableError(
                f"cannot write {folder / name}: {error}; check ROTEWATCH_INBOX and its permissions"
            ) from error


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=False).encode()
