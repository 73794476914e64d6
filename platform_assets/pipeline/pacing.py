"""When a record may leave: not before it is due, and at once when it is late.

A schedule says for each record of a stream when it is due, whatever the stream does with those before
it: an open loop. No record is skipped and none is planned anew. Records that are late leave one after
the other until the schedule is caught up with.

The clock is not read for records that were due when it was last read. A wait takes a millisecond at
least, because waking up costs more than sending; what became due meanwhile leaves together. It takes
two at most, and then the sink has its turn, to see to what is under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading

    from platform_assets.ports.clock import Clock

_LEAST_SECONDS = 0.001
_MOST_SECONDS = 0.002


class Schedule(Protocol):
    """When the records of one stream are due."""

    def due(self, number: int) -> float:
        """Return when the record of this number is due, in seconds of the platform's monotonic clock.

        Records are numbered from 0 and asked for in that order; none is due before its predecessor.
        """
        ...


@dataclass(slots=True)
class AtRate:
    """So many records a second, from when the first one is asked for."""

    clock: Clock
    rate: float
    began: float | None = None

    def due(self, number: int) -> float:
        """Return when the record of this number is due."""
        if self.began is None:
            self.began = self.clock.monotonic()
        return self.began + number / self.rate


@dataclass(slots=True)
class Pace:
    """Lets records pass as they become due, or at once where there is no schedule."""

    clock: Clock
    stop: threading.Event
    schedule: Schedule | None = None
    now: float = float("-inf")

    def passes(self, number: int) -> bool:
        """Tell whether the record of this number may leave; where it may not, that took a moment.

        It may not where it is not due yet, or where nothing more is to be sent.
        """
        if self.schedule is not None:
            due = self.schedule.due(number)
            if due > self.now:
                self.now = self.clock.monotonic()
                if due > self.now:
                    self.stop.wait(min(max(due - self.now, _LEAST_SECONDS), _MOST_SECONDS))
                    self.now = self.clock.monotonic()
                    if due > self.now:
                        return False
        return not self.stop.is_set()
