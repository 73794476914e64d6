"""The clock of a lane: microseconds since the load begins, on the monotonic clock of the machine.

All processes of a machine share that clock, and nothing sets it, so that a moment which the observer
notes can be held against one at which a generator was to send.
"""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadClock:
    """Counts from ``start_ns``, nanoseconds of the monotonic clock; before it, moments are negative."""

    start_ns: int

    def now(self) -> int:
        """Return the microseconds since the load began."""
        return (time.monotonic_ns() - self.start_ns) // 1000

    def of(self, monotonic_ns: int) -> int:
        """Return when a moment of the monotonic clock was."""
        return (monotonic_ns - self.start_ns) // 1000
