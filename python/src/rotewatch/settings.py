"""Mode, address, token and folders. An argument overrides the environment, which overrides the daemon's files.

==========================  ============================================================================
``ROTEWATCH_MODE``          ``online`` (default), ``offline`` (writes the inbox format) or ``disabled``
``ROTEWATCH_URL``           the daemon's address; else ``STATE/url``; else http://127.0.0.1:19787
``ROTEWATCH_TOKEN``         its token; else the file ``ROTEWATCH_TOKEN_FILE``; else ``STATE/token``
``ROTEWATCH_STATE``         its state folder STATE; else $XDG_STATE_HOME/rotewatch; else ~/.local/state/rotewatch
``ROTEWATCH_INBOX``         where offline runs are written; else ``STATE/inbox``
``ROTEWATCH_BINARY``        the program ``rotewatch`` for a private daemon; else the one in PATH
==========================  ============================================================================
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:19787"


class Mode(Enum):
    """The destination of a run's activations."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"

    @classmethod
    def chosen(cls, argument: str | None) -> Mode:
        """Returns the requested mode; raises :class:`ValueError` for an unknown one."""
        word = argument or os.environ.get("ROTEWATCH_MODE") or cls.ONLINE.value
        try:
            return cls(word)
        except ValueError:
            choices = ", ".join(mode.value for mode in cls)
            raise ValueError(f"unknown mode {word!r}: set ROTEWATCH_MODE or mode= to one of {choices}") from None


@dataclass(frozen=True)
class Endpoint:
    """The daemon's address and token."""

    scheme: str
    host: str
    port: int
    #: Path prefix before ``/api/v1``; empty unless a proxy adds one.
    prefix: str
    token: str | None

    @property
    def url(self) -> str:
        """The address as text."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def checked_url(url: str) -> str:
    """Returns the address if it is valid; raises :class:`ValueError` otherwise."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"invalid daemon address {url!r}: expected http://HOST:PORT")
    return url


def endpoint(url: str | None = None, token: str | None = None) -> Endpoint:
    """Finds the daemon. Called for each connection, because a restarted daemon may listen on another address."""
    address = url or os.environ.get("ROTEWATCH_URL") or _first_line(state_folder() / "url") or DEFAULT_URL
    parts = urlsplit(checked_url(address))
    assert parts.hostname is not None, "checked by checked_url"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Endpoint(parts.scheme, parts.hostname, port, parts.path.rstrip("/"), token or _token())


def state_folder() -> Path:
    """Returns the daemon's state folder by the XDG rules; it may not exist."""
    if state := os.environ.get("ROTEWATCH_STATE"):
        return Path(state)
    if base := os.environ.get("XDG_STATE_HOME"):
        return Path(base) / "rotewatch"
    return Path.home() / ".local" / "state" / "rotewatch"


def inbox_folder(argument: str | os.PathLike[str] | None = None) -> Path:
    """Returns the folder for offline runs."""
    return Path(argument or os.environ.get("ROTEWATCH_INBOX") or state_folder() / "inbox")


def _token() -> str | None:
    if token := os.environ.get("ROTEWATCH_TOKEN"):
        return token.strip()
    named = os.environ.get("ROTEWATCH_TOKEN_FILE")
    return _first_line(Path(named) if named else state_folder() / "token")


def _first_line(path: Path) -> str | None:
    try:
        lines = path.read_text(encoding="utf-8").split("\n", 1)
    except (OSError, UnicodeDecodeError):
        return None
    return lines[0].strip() or None
