"""Latencies of events by the second in which they were due, in a bounded amount of memory.

The interval of a histogram is a second of intended send times: what is measured there belongs to the
load that was sent then, whenever its runs came to be closed. Seconds that get no more values for a
while are held encoded, which is a few hundred bytes instead of 200 KB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platform_assets.lanes.histograms import decode, encode, new_histogram, record_values
from platform_assets.lanes.measured import Interval
from platform_assets.lanes.schedule import SECOND

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

    from platform_assets.lanes.draws import Numbers

#: How many seconds are held decoded: more than the runs that are open together usually span.
_HELD = 64


class Latencies:
    """Histograms of one second each, by intended time."""

    def __init__(self) -> None:
        self._held: dict[int, HdrHistogram] = {}
        self._encoded: dict[int, str] = {}
        #: How many values were recorded.
        self.count = 0

    def record(self, intended: Numbers, until: int) -> None:
        """Record how long events took that were due at these moments, until a moment, all in us."""
        order = np.argsort(intended, kind="stable")
        seconds = intended[order] // SECOND
        firsts = np.flatnonzero(np.diff(seconds, prepend=-1))
        for second, due in zip(
            seconds[firsts].tolist(), np.split(intended[order], firsts[1:]), strict=False
        ):
            record_values(self._histogram(second), until - due)
        self.count += len(intended)
        for second in sorted(self._held)[:-_HELD]:
            self._encoded[second] = encode(self._held.pop(second))

    def intervals(self) -> list[Interval]:
        """Return the histograms of all seconds that have values, in order."""
        texts = self._encoded | {second: encode(held) for second, held in self._held.items()}
        return [
            Interval(second * SECOND, (second + 1) * SECOND, "", text)
            for second, text in sorted(texts.items())
        ]

    def _histogram(self, second: int) -> HdrHistogram:
        if second not in self._held:
            text = self._encoded.pop(second, None)
            self._held[second] = new_histogram() if text is None else decode(text)
        return self._held[second]
