"""What people are told through the logger ``rotewatch``: each thing once, however often it happens."""

from __future__ import annotations

import logging
import threading

logger = logging.getLogger("rotewatch")


class Notices:
    """Says each thing once a run, and remembers the newest."""

    def __init__(self, run: str, *, aloud: bool = True) -> None:
        self._run = run
        self._level = logging.WARNING if aloud else logging.DEBUG
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self.newest: str | None = None

    def once(self, key: str, message: str) -> None:
        """Warns with ``message`` unless something was said under ``key`` before."""
        with self._lock:
            self.newest = message
            if key in self._said:
                return
            self._said.add(key)
        logger.log(self._level, "rotewatch: run %s: %s", self._run, message)

    def forget(self, key: str) -> None:
        """Lets ``key`` be said again: what it was about is over."""
        with self._lock:
            self._said.discard(key)

    def inform(self, message: str) -> None:
        """Says something that is no cause for worry."""
        logger.info("rotewatch: run %s: %s", self._run, message)
