"""Mode, address, token and folders: an argument wins over the environment, which wins over the daemon's own files.

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
    """Where a run's activations go."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"

    @classmethod
    def chosen(cls, argument: str | None) -> Mode:
        """The mode asked for; :class:`ValueError` for a word that is none."""
        word = argument or os.environ.get("ROTEWATCH_MODE") or cls.ONLINE.value
        try:
            return cls(word)
        except ValueError:
            choices = ", ".join(mode.value for mode in cls)
            raise ValueError(f"mode {word!r} is none of {choices} (ROTEWATCH_MODE or mode=)") from None


@dataclass(frozen=True)
class Endpoint:
    """Where the daemon is, and the token it asks for."""

    scheme: str
    host: str
    port: int
    #: What precedes ``/api/v1`` in paths; empty unless a proxy adds something.
    prefix: str
    token: str | None

    @property
    def url(self) -> str:
        """The address for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def checked_url(url: str) -> str:
    """The address, if it is one of a daemon; :class:`ValueError` otherwise."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{url!r} is no address of a daemon: expected http://HOST:PORT")
    return url


def endpoint(url: str | None = None, token: str | None = None) -> Endpoint:
    """The daemon as it can be found now. Read anew for each connection: a restarted daemon may listen elsewhere."""
    address = url or os.environ.get("ROTEWATCH_URL") or _first_line(state_folder() / "url") or DEFAULT_URL
    parts = urlsplit(checked_url(address))
    assert parts.hostname is not None, "checked_url saw to it"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Endpoint(parts.scheme, parts.hostname, port, parts.path.rstrip("/"), token or _token())


def state_folder() -> Path:
    """The daemon's state folder by the XDG rules; it need not exist."""
    if state := os.environ.get("ROTEWATCH_STATE"):
        return Path(state)
    if base := os.environ.get("XDG_STATE_HOME"):
        return Path(base) / "rotewatch"
    return Path.home() / ".local" / "state" / "rotewatch"


def inbox_folder(argument: str | os.PathLike[str] | None = None) -> Path:
    """Where offline runs are written."""
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
