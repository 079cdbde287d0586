"""Checks the names that are used in files, labels and pages."""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
METRIC_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
METRICS_AT_MOST = 32
LAYER_NAME_BYTES_AT_MOST = 128
#: No layer may have the old name of the predicted classes, or a name that begins like the numbers of rows.
_PREDICTIONS, _ROW_PREFIX = "predictions", "row:"


def checked_run_name(name: str) -> str:
    """Returns the name if the daemon accepts it; raises :class:`ValueError` otherwise."""
    if not RUN_NAME.fullmatch(name):
        raise ValueError(
            f"invalid run name {name!r}: use a letter or digit, then at most 63 letters, digits, '.', '_' or '-'"
        )
    return name


def run_name_of_script() -> str:
    """Returns a run name made from the script's file name, or ``run`` if there is none."""
    stem = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else ""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip("._-")[:64]
    return name or "run"


def new_attempt() -> str:
    """Returns 16 random hexadecimal digits from the operating system, so that no seeded generator advances."""
    return secrets.token_hex(8)


def layer_name(path: str, module: object) -> str:
    """Returns the declared name of the module at ``path``: at most 128 bytes, without control characters.

    Names of wrappers are removed. The network itself, whose path is empty, is named after its class.
    """
    parts = [
        part
        for part in path.split(".")
        if part not in ("", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
    ]
    name = ".".join(parts) or type(module).__name__
    if name == _PREDICTIONS:
        name += ".output"
    if name.startswith(_ROW_PREFIX):
        name = name.replace(":", "_", 1)
    name = "".join(character if character.isprintable() else "?" for character in name)
    encoded = name.encode()
    if len(encoded) > LAYER_NAME_BYTES_AT_MOST:
        # The end of a path distinguishes layers better than its beginning.
        name = "…" + encoded[-(LAYER_NAME_BYTES_AT_MOST - 3) :].decode(errors="ignore")
    return name
