"""The old name of :mod:`rotewatch.verdict`, for one release."""

from .verdict import Verdict as Standing

__all__ = ["Standing"]
