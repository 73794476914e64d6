"""What waits at a moment: acknowledged events that are in no closed run, and how old the oldest is.

Backlog is a difference of counts: events acknowledged until a moment, less records that the runs
delivered which were closed until then. What is ambiguous and stands counts as delivered, so the
difference is never taken to be below zero.

Lag is the age, since the moment at which it was to be sent, of the oldest event that waits. Only
events that get a row are looked at: what is quarantined or a duplicate leaves none by which its closure
could be seen, and goes with its neighbours. Within a partition events are delivered in the order of
their numbers, so that a row of a closed run shows that no event before it in its partition waits.

A moment is settled when every closure up to it was audited: what is told of it is then final, and does
not depend on how long it took to look.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from platform_assets.lanes.draws import Numbers
    from platform_assets.lanes.schedule import Events, Schedule

#: How many numbers are looked at together.
_CHUNK = 1_000_000


def has_row(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell of which events, by their kinds, a row comes to stand in a product."""
    return np.isin(kinds, (Kind.GOOD, Kind.LATE))


class Acknowledged(NamedTuple):
    """What was acknowledged until a moment: how many events, and how far the fate of all is known.

    ``reached`` is, for each process, the last number up to which that is so.
    """

    at: int
    total: int
    reached: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Closed:
    """Up to where a closed run went: the last number of each partition, -1 where it has none."""

    at: int
    delivered: int
    last: Numbers


class Waiting:
    """Follows what waits, from what is acknowledged and what is closed. One thread settles it."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._looks: deque[Acknowledged] = deque()
        self._closed: list[_Closed] = []
        self._applied = self._delivered = 0
        self._reached = [process - schedule.processes for process in range(schedule.processes)]
        #: By partition: numbers of events that wait, in order, in pieces.
        self._pending: list[deque[Numbers]] = [deque() for _ in range(schedule.partitions)]
        self._stands: NDArray[np.bool_] | None = None
        self.backlog: list[Sample] = []
        self.lag: list[Sample] = []

    def note_acknowledged(self, look: Acknowledged) -> None:
        """Note what was acknowledged until a moment; moments come in order, from any thread."""
        self._looks.append(look)

    def note_closed(self, at: int, delivered: int, numbers: Numbers) -> None:
        """Note that a run is closed, how many records it delivered, and which events have rows."""
        last = np.full(self._schedule.partitions, -1, np.int64)
        np.maximum.at(last, self._schedule.partition_of(numbers), numbers)
        insort(self._closed, _Closed(at, delivered, last), key=lambda closed: closed.at)

    def note_ledgers(self, stands: NDArray[np.bool_]) -> None:
        """Note which events were acknowledged, once that is known of all: no other waits."""
        self._stands = stands
        for partition in self._pending:
            kept = [piece[stands[piece]] for piece in partition]
            partition.clear()
            partition.extend(piece for piece in kept if len(piece))

    def settle(self, until: int) -> None:
        """Tell of all moments up to one at which every closure before it was noted."""
        while self._looks and self._looks[0].at <= until:
            look = self._looks.popleft()
            self._extend(look.reached)
            while self._applied < len(self._closed) and self._closed[self._applied].at <= look.at:
                self._delivered += self._closed[self._applied].delivered
                self._applied += 1
            self._drop_closed()
            self.backlog.append(Sample(look.at, "", max(0, look.total - self._delivered)))
            self.lag.append(Sample(look.at, "", self._oldest(look.at)))

    def _extend(self, reached: Sequence[int]) -> None:
        """Let the events wait that were acknowledged since."""
        step = self._schedule.processes
        for process, last in enumerate(reached):
            begin = self._reached[process] + step
            for first in range(begin, last + 1, step * _CHUNK):
                numbers = np.arange(first, min(first + step * _CHUNK, last + 1), step)
                self._add(self._schedule.of(numbers))
            self._reached[process] = max(self._reached[process], last)

    def _add(self, events: Events) -> None:
        waits = has_row(events.kinds)
        if self._stands is not None:
            waits &= self._stands[events.numbers]
        numbers, partitions = events.numbers[waits], events.partitions[waits]
        for partition in np.unique(partitions).tolist():
            self._pending[partition].append(numbers[partitions == partition])

    def _drop_closed(self) -> None:
        """Let go of what the closed runs went up to, also where it is acknowledged only afterwards."""
        if not self._applied:
            return
        last = np.max([closed.last for closed in self._closed[: self._applied]], axis=0)
        self._closed[: self._applied] = [_Closed(self._closed[self._applied - 1].at, 0, last)]
        self._applied = 1
        for partition, number in zip(self._pending, last.tolist(), strict=True):
            while partition and partition[0][-1] <= number:
                partition.popleft()
            if partition:
                piece = partition[0]
                partition[0] = piece[np.searchsorted(piece, number, side="right") :]

    def _oldest(self, at: int) -> int:
        first = [int(partition[0][0]) for partition in self._pending if partition]
        if not first:
            return 0
        return max(0, at - int(self._schedule.intended(np.array([min(first)]))[0]))
