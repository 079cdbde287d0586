"""Names that end up in files, labels and pages: checked here and nowhere else."""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
METRIC_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
METRICS_AT_MOST = 32
LAYER_NAME_BYTES_AT_MOST = 128
#: The tensor that holds the predicted classes; no layer may be called so.
PREDICTIONS = "predictions"


def checked_run_name(name: str) -> str:
    """The name, if the daemon would take it; :class:`ValueError` otherwise."""
    if not RUN_NAME.fullmatch(name):
        raise ValueError(
            f"run name {name!r}: start with a letter or digit, then at most 63 letters, digits, '.', '_' or '-'"
        )
    return name


def run_name_of_script() -> str:
    """A run name made of the running script's file name; ``run`` where there is none."""
    stem = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else ""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip("._-")[:64]
    return name or "run"


def new_attempt() -> str:
    """16 random hexadecimal digits, drawn from the system so that no seeded generator moves."""
    return secrets.token_hex(8)


def layer_name(path: str, module: object) -> str:
    """The name under which the module at ``path`` is declared, at most 128 bytes without control characters.

    Wrappers leave no trace in it. The network itself, whose path is empty, goes by its class.
    """
    parts = [
        part
        for part in path.split(".")
        if part not in ("", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
    ]
    name = ".".join(parts) or type(module).__name__
    if name == PREDICTIONS:
        name += ".output"
    name = "".join(character if character.isprintable() else "?" for character in name)
    encoded = name.encode()
    if len(encoded) > LAYER_NAME_BYTES_AT_MOST:
        # The end tells layers apart better than the beginning does.
        name = "…" + encoded[-(LAYER_NAME_BYTES_AT_MOST - 3) :].decode(errors="ignore")
    return name
