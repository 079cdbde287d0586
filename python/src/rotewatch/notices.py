"""Warnings through the logger ``rotewatch``; each is logged once, however often its cause occurs."""

from __future__ import annotations

import logging
import threading

logger = logging.getLogger("rotewatch")


class Notices:
    """Logs each warning once a run and remembers the newest."""

    def __init__(self, run: str, *, aloud: bool = True) -> None:
        self._run = run
        self._level = logging.WARNING if aloud else logging.DEBUG
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self.newest: str | None = None

    def once(self, key: str, message: str) -> None:
        """Logs ``message`` as a warning unless one was logged under ``key`` before."""
        with self._lock:
            self.newest = message
            if key in self._said:
                return
            self._said.add(key)
        logger.log(self._level, "rotewatch: run %s: %s", self._run, message)

    def forget(self, key: str) -> None:
        """Allows a new warning under ``key``, because the problem is over."""
        with self._lock:
            self._said.discard(key)

    def inform(self, message: str) -> None:
        """Logs ``message`` at level INFO."""
        logger.info("rotewatch: run %s: %s", self._run, message)
