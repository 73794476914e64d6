"""Histograms of one second each, written to a file as soon as their second is complete.

A second is one of intended send times: what is measured of an event belongs to the second in which the
event was due, whenever it was measured. So a stall shows in every second whose events had to wait for
it, and nowhere else. A second is complete when nothing more of it can be measured. What is complete is
written at once, a line each; who is killed loses the open seconds, and no more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.canonical import canonical_bytes
from platform_assets.lanes.histograms import new_histogram, record_values
from platform_assets.lanes.measured import Interval
from platform_assets.lanes.schedule import SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.draws import Numbers


class IntervalLog:
    """The histograms of one metric of one process."""

    def __init__(self, path: Path, label: str) -> None:
        self._file = path.open("xb", buffering=0)
        self._label = label
        self._open: dict[int, list[Numbers]] = {}

    def record(self, intended: Numbers, values: Numbers) -> None:
        """Record values of events that were due at these moments, all in microseconds."""
        seconds = intended // SECOND
        order = np.argsort(seconds, kind="stable")
        found, firsts = np.unique(seconds[order], return_index=True)
        for second, own in zip(found.tolist(), np.split(values[order], firsts[1:]), strict=False):
            self._open.setdefault(second, []).append(own)

    def complete(self, until: int) -> None:
        """Write every second that ends at a moment or before it."""
        for second in sorted(self._open):
            if (second + 1) * SECOND > until:
                return
            histogram = new_histogram()
            record_values(histogram, np.concatenate(self._open.pop(second)))
            begin, end = second * SECOND, (second + 1) * SECOND
            interval = Interval.of(begin, end, self._label, histogram)
            self._file.write(
                canonical_bytes(
                    {"begin": begin, "end": end, "hdr": interval.hdr, "label": self._label}
                )
                + b"\n"
            )

    def close(self) -> None:
        """Write what there is, complete or not, and let go of the file."""
        self.complete(max(self._open, default=0) * SECOND + SECOND)
        self._file.close()


def read_intervals(path: Path) -> list[Interval]:
    """Return the histograms of a file; a last line that was cut off is left out."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [Interval(**json.loads(line)) for line in lines]
