"""The two fixed sets of rows of a run, unseen (the probe) and seen (of the training set), over all ranks."""

from __future__ import annotations

import hashlib

from .frame import Frame
from .notices import Notices
from .observer import Observer
from .probe import Probe
from .ranks import Ranks
from .transport import Rows

#: Five rows for each of the daemon's 50 bins.
ROWS_AT_LEAST = 250


class RowSet:
    """One of the sets. Ranks with the same rows divide them among themselves; different rows are combined.

    Creating it is a collective operation if there are several ranks.
    """

    def __init__(self, rows: Rows, probe: Probe, ranks: Ranks, notices: Notices) -> None:
        self.rows: Rows = rows
        self._probe = probe
        self._ranks = ranks
        classes = probe.classes
        try:
            everyones = ranks.everywhere((probe.digest, probe.rows, classes))
        except Exception as error:
            notices.once("comparing", f"comparing the rows of the ranks failed: {type(error).__name__}: {error}")
            everyones = [(probe.digest, probe.rows, classes)]
        digests = [digest for digest, _, _ in everyones]
        self._shared_out = len(set(digests)) == 1
        #: Identifies the rows of all ranks.
        self.digest = digests[0] if self._shared_out else hashlib.sha256("".join(digests).encode()).hexdigest()
        number = everyones[0][1] if self._shared_out else sum(rows for _, rows, _ in everyones)
        known = [classes for _, _, classes in everyones if classes is not None]
        self._warn(number, set.union(*known) if len(known) == len(everyones) else None, notices)

    def frames_of_rank(self, observer: Observer) -> list[tuple[int, Frame]]:
        """Passes this rank's rows through the network; returns each frame with its place among those of the set."""
        layers = self.rows == "unseen"
        if self._shared_out:
            return self._probe.frames(observer, self._ranks.rank, self._ranks.size, layers=layers)
        return self._probe.frames(observer, layers=layers)

    def in_order(self, everyones: list[list[tuple[int, Frame]]]) -> list[Frame]:
        """Returns the frames of all ranks: divided batches in their order, otherwise rank after rank."""
        placed = [each for frames in everyones for each in frames]
        if self._shared_out:
            placed.sort(key=lambda place_and_frame: place_and_frame[0])
        return [frame for _, frame in placed]

    def _warn(self, number: int, classes: set[int] | None, notices: Notices) -> None:
        name = "probe" if self.rows == "unseen" else "set of seen rows"
        if number < ROWS_AT_LEAST:
            why = (
                "fewer than 5 a bin, so no alarm is possible"
                if self.rows == "unseen"
                else "its means are too uncertain"
            )
            examples = f"{number} example{'' if number == 1 else 's'}"
            notices.once(f"small {name}", f"a {name} of {examples} is too small: {why}; pass at least {ROWS_AT_LEAST}")
        if classes is not None and len(classes) == 1 and number > 1:
            [only] = classes
            notices.once(
                f"one class {name}",
                f"the {name} has labels of one class only ({only}), so it does not show how the network tells classes "
                "apart; pass rows of all classes, for example the data set itself",
            )
