"""The offsets that are missing in what is delivered, as it passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


class Holes:
    """Holes ``[start, end)`` between delivered offsets, until they are taken."""

    def __init__(self, start: int) -> None:
        self.found: list[tuple[int, int]] = []
        self._from = self._at = start

    def passed(self, batch: pa.RecordBatch) -> None:
        """Note the holes before and between the records of a batch."""
        offsets = np.asarray(batch.column("offset"))
        last = int(offsets[-1])
        if last + 1 - self._at != len(offsets):
            ends = np.concatenate([[self._at], offsets + 1])
            (before,) = np.nonzero(offsets != ends[:-1])
            self.found += zip(ends[before].tolist(), offsets[before].tolist(), strict=True)
        self._at = last + 1

    def ended(self, end: int) -> None:
        """Note the hole after the last record."""
        if self._at < end:
            self.found.append((self._at, end))
            self._at = end

    def take(self) -> tuple[tuple[int, int], list[tuple[int, int]]]:
        """Return what was passed since the last time, and the holes in it."""
        window, found = (self._from, self._at), self.found
        self._from, self.found = self._at, []
        return window, found
