"""The schedule of a load: what every event is, when it is due, and where it goes, by its number.

Events are numbered from 0 to ``events`` - 1 in the order in which they are due. Everything follows from
the workload and the number, so that the processes that send, the auditor and whoever verifies later
know the same without talking.

1. Event i of a phase of r events a second is due i / r seconds after the phase begins, cut to whole
   microseconds. So the first event of a phase is due when it begins.
2. Number n belongs to process n mod ``processes``. Each process sends to partitions of its own, and the
   key decides which of them, so that events of one process and one key arrive in the order of numbers.
3. What an event is, is drawn: invalid, late, a duplicate, or good.
4. A duplicate repeats a good event of the same process, at most ``duplicate_distance`` numbers before
   it. It has that event's key and so its partition, where it arrives after it. Where none is good among
   those that are tried, as at the beginning of the load, the event is good itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.contracts.reasons import ReasonCode
from platform_assets.lanes.draws import Sequence, Zipf
from platform_assets.lanes.workload import millionths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from platform_assets.lanes.draws import Numbers
    from platform_assets.lanes.workload import Workload

SECOND = 1_000_000
_MILLION = 1_000_000
#: How many events are looked at to find a good one that a duplicate repeats.
_TRIES = 8


class Kind(IntEnum):
    """What an event is. Late ones are as good as others, but for their event time."""

    GOOD = 0
    DUPLICATE = 1
    LATE = 2
    INVALID_JSON = 3
    MISSING_REQUIRED = 4
    WRONG_TYPE = 5


#: What each kind of invalid event is quarantined for.
REASONS: Mapping[Kind, ReasonCode] = MappingProxyType(
    {
        Kind.INVALID_JSON: ReasonCode.INVALID_JSON,
        Kind.MISSING_REQUIRED: ReasonCode.MISSING_REQUIRED,
        Kind.WRONG_TYPE: ReasonCode.WRONG_TYPE,
    }
)


@dataclass(frozen=True, slots=True)
class Events:
    """Some events, each attribute an array of the same length.

    Attributes:
        numbers: their numbers.
        kinds: what they are, as values of `Kind`.
        origins: the event whose bytes each one has: that which a duplicate repeats, else itself.
        keys: their keys, from 0; the lower, the more often it occurs.
        partitions: where they go, from 0.
        intended: when they are due, in microseconds since the beginning of the load.
    """

    numbers: Numbers
    kinds: NDArray[np.uint8]
    origins: Numbers
    keys: Numbers
    partitions: Numbers
    intended: Numbers


class Schedule:
    """The schedule of a workload. Arrays of numbers in, arrays of the same length out."""

    def __init__(self, workload: Workload) -> None:
        self.events = workload.events
        self.processes = workload.processes
        self.partitions = workload.partitions
        self._workload = workload
        self._phases = _Phases(workload)
        invalid, late, duplicates = map(
            millionths, (workload.invalid, workload.late, workload.duplicates)
        )
        #: Draws below the first are invalid, below the second late, below the third duplicates.
        self._limits = np.cumsum([invalid, late, duplicates])
        self._kind = self.sequence("kind")
        self._fault = self.sequence("fault")
        self._distances = [self.sequence(f"distance {turn}") for turn in range(_TRIES)]
        self._keys = Zipf(self.sequence("key"), workload.keys.count, workload.keys.skew)

    def sequence(self, purpose: str) -> Sequence:
        """Return the draws of this load for a purpose."""
        return Sequence(self._workload.seed, purpose)

    def phases(self) -> dict[str, tuple[int, int]]:
        """Return the phases as ``[begin, end)`` in microseconds since the beginning, in their order."""
        ends = self._phases.ends.tolist()
        begins = [0, *ends[:-1]]
        names = [phase.name for phase in self._workload.phases]
        return dict(zip(names, zip(begins, ends, strict=True), strict=True))

    def intended(self, numbers: Numbers) -> Numbers:
        """Return when events are due, in microseconds since the beginning of the load."""
        return self._phases.intended(numbers)

    def due_before(self, microseconds: int) -> int:
        """Return how many events are due before a time since the beginning: the first that is not."""
        return self._phases.due_before(microseconds)

    def numbers_of(self, process: int) -> range:
        """Return the numbers that a process sends, in order."""
        return range(process, self.events, self.processes)

    def process_of(self, numbers: Numbers) -> Numbers:
        """Return which process sends each event."""
        return numbers % self.processes

    def of(self, numbers: Numbers) -> Events:
        """Return all that is known of events."""
        kinds = self._drawn(numbers)
        origins = self._origins(numbers, kinds)
        kinds[(kinds == Kind.DUPLICATE) & (origins == numbers)] = Kind.GOOD
        keys = self._keys(origins)
        own = keys % (self.partitions // self.processes)
        return Events(
            numbers=numbers,
            kinds=kinds,
            origins=origins,
            keys=keys,
            partitions=self.process_of(numbers) + self.processes * own,
            intended=self.intended(numbers),
        )

    def kinds(self, numbers: Numbers) -> NDArray[np.uint8]:
        """Return what each event is, as values of `Kind`."""
        return self.of(numbers).kinds

    def origin(self, numbers: Numbers) -> Numbers:
        """Return the event whose bytes each one has: that which a duplicate repeats, else itself."""
        return self._origins(numbers, self._drawn(numbers))

    def partition_of(self, numbers: Numbers) -> Numbers:
        """Return the partition that each event goes to, from 0."""
        return self.of(numbers).partitions

    def _drawn(self, numbers: Numbers) -> NDArray[np.uint8]:
        drawn = self._kind.below(_MILLION, numbers)
        kinds = np.full(len(numbers), Kind.GOOD, np.uint8)
        invalid, late, duplicates = self._limits
        kinds[drawn < duplicates] = Kind.DUPLICATE
        kinds[drawn < late] = Kind.LATE
        broken = drawn < invalid
        kinds[broken] = Kind.INVALID_JSON + self._fault.below(len(REASONS), numbers[broken])
        return kinds

    def _origins(self, numbers: Numbers, drawn: NDArray[np.uint8]) -> Numbers:
        origins = numbers.copy()
        open_places = np.flatnonzero(drawn == Kind.DUPLICATE)
        most = self._workload.duplicate_distance // self.processes
        for distance in self._distances if most else ():
            if not len(open_places):
                break
            own = numbers[open_places]
            tried = own - self.processes * (1 + distance.below(most, own))
            found = tried >= 0
            found[found] = self._drawn(tried[found]) == Kind.GOOD
            origins[open_places[found]] = tried[found]
            open_places = open_places[~found]
        return origins


class _Phases:
    """Stretches of one rate each, laid end to end, in exact integers."""

    def __init__(self, workload: Workload) -> None:
        phases = workload.phases
        self.ends = np.cumsum([phase.seconds * SECOND for phase in phases])
        self._begins = self.ends - [phase.seconds * SECOND for phase in phases]
        self._rates = np.array([phase.rate for phase in phases], np.int64)
        counts = np.array([phase.seconds * phase.rate for phase in phases], np.int64)
        self._firsts = np.cumsum(counts) - counts
        self._events = workload.events

    def intended(self, numbers: Numbers) -> Numbers:
        phase = np.searchsorted(self._firsts, numbers, side="right") - 1
        since: Numbers = (numbers - self._firsts[phase]) * SECOND // self._rates[phase]
        return self._begins[phase] + since

    def due_before(self, microseconds: int) -> int:
        if microseconds <= 0:
            return 0
        if microseconds >= self.ends[-1]:
            return self._events
        phase = int(np.searchsorted(self.ends, microseconds, side="right"))
        elapsed = (microseconds - int(self._begins[phase])) * int(self._rates[phase])
        return int(self._firsts[phase]) - (-elapsed // SECOND)
