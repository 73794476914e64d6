"""Looks at the system under load from outside, once a second, on time.

The n-th look is due n seconds after the load began, whatever the one before took; a look that was
missed is not made up for, and one that is late says so by its moment. Every look samples all gauges:

1. the processes under load together: memory, descriptors, threads, CPU time;
2. who works beside them, each by its name: generators, services, and this process itself, of which the
   observer's own part is told too; and everybody on the machine together;
3. the disks (see `disk_sizes`); 4. open runs; 5. what the generators sent and had acknowledged.

A rate is that of the second that follows its moment: a sample speaks for the time until the next one.
So the rates of the last look are not known.

Between two looks held memory alone is looked at, four times a second, so that the least of it between
two closures is known: after a run is closed, nothing of it should be held any more.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, Protocol

from platform_assets.adapters.process_tree import counted, held_by, machine_cpu_microseconds
from platform_assets.lanes.disk_sizes import OTHER
from platform_assets.lanes.measured import SAMPLE_MICROSECONDS, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.adapters.process_tree import Counted
    from platform_assets.lanes.closures import SeenClosure
    from platform_assets.lanes.disk_sizes import DiskSizes
    from platform_assets.lanes.load_clock import LoadClock

_LOOKS = 4
_LOOK_MICROSECONDS = SAMPLE_MICROSECONDS // _LOOKS
#: A look that comes this much after its moment is late.
_LATE_MICROSECONDS = 250_000
_CONDUCTOR, _OBSERVER = "conductor", "observer"
_CPU = ("cpu", "")


class Observed(Protocol):
    """What is looked at."""

    def under_load(self) -> Iterable[int]:
        """Return the processes under load, by their numbers; their descendants count too."""

    def beside(self) -> Mapping[str, Iterable[int]]:
        """Return who works beside them: name -> processes."""

    def open_runs(self) -> int:
        """Return how many runs are pinned and not closed."""

    def loaded(self, at: int) -> Mapping[str, int]:
        """Return what the generators have done until now: ``sent``, ``acknowledged`` and so on."""


class _Before(NamedTuple):
    """CPU time, or a count, at the look before."""

    at: int
    value: int


class Observer:
    """A thread that samples gauges from `start` to `stop`.

    Args:
        clock: the lane's clock.
        observed: what is looked at.
        sizes: the disks.
    """

    def __init__(self, clock: LoadClock, observed: Observed, sizes: DiskSizes) -> None:
        self._clock, self._observed, self._sizes = clock, observed, sizes
        self.series: defaultdict[str, list[Sample]] = defaultdict(list)
        #: How many looks were late, how many left out, and by how much the latest was.
        self.late = self.missed = self.latest = 0
        #: What ended the thread before its time.
        self.failure: BaseException | None = None
        self._before: dict[tuple[str, str], _Before] = {}
        self._pids: tuple[int, ...] = ()
        self._floor = self._held = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="observer", daemon=True)

    def abandon(self) -> None:
        """Let the thread come to its end, whenever that is; nobody waits for it."""
        self._stopped.set()

    def start(self) -> None:
        """Begin to look; the first sample is that of the moment at which the load begins."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def note_closed(self, seen: SeenClosure) -> None:
        """Note the least memory that was held since the closure before this one."""
        with self._lock:
            floor, self._floor = self._floor or self._held, 0
        self._sizes.close(str(seen.run))
        if floor:
            self.series["memory_floor"].append(Sample(seen.closed, str(seen.run), floor))

    @property
    def looked(self) -> int:
        """The moment of the newest look."""
        return self._before[_CPU].at if _CPU in self._before else 0

    def newest(self, metric: str, label: str = "") -> int:
        """Return the newest value of a gauge, 0 where there is none yet."""
        return next((s.value for s in reversed(self.series[metric]) if s.label == label), 0)

    def _look_on(self) -> None:
        try:
            number = 0
            while not self._wait(number * _LOOK_MICROSECONDS):
                if number % _LOOKS == 0:
                    self._sample(number * _LOOK_MICROSECONDS)
                else:
                    self._look_at_memory(held_by(self._pids))
                passed = max(number + 1, -(-self._clock.now() // _LOOK_MICROSECONDS))
                self.missed += len(range(-(-(number + 1) // _LOOKS) * _LOOKS, passed, _LOOKS))
                number = passed
        except BaseException as failure:  # noqa: BLE001 - raised again by whoever looks after the threads
            self.failure = failure

    def _wait(self, due: int) -> bool:
        """Wait until a moment; True where there is nothing more to be looked at."""
        return self._stopped.wait(max(0, due - self._clock.now()) / 1_000_000)

    def _sample(self, due: int) -> None:
        at = self._clock.now()
        self.late += at - due > _LATE_MICROSECONDS
        self.latest = max(self.latest, at - due)
        found = counted(self._observed.under_load())  # 1
        self._pids = found.pids
        self._look_at_memory(found.held)
        self._note(at, "memory", found.resident)
        self._note(at, "memory_held", found.held)
        self._note(at, "descriptors", found.descriptors)
        self._note(at, "threads", found.threads)
        self._note_rate(at, "cpu", found.cpu_microseconds)
        for name, pids in self._observed.beside().items():  # 2
            self._note_beside(at, name, counted(pids))
        self._note_beside(at, _CONDUCTOR, counted([os.getpid()], alone=True))
        self._note_rate(at, "cpu_beside", time.thread_time_ns() // 1000, _OBSERVER)
        self._note_rate(at, "cpu_machine", machine_cpu_microseconds())
        for metric, size in self._sizes.look().items():  # 3
            if metric != OTHER:
                self._note(at, metric, size)
        self._note(at, "open_runs", self._observed.open_runs())  # 4
        for metric, total in self._observed.loaded(at).items():  # 5
            self._note_rate(at, metric, total)

    def _look_at_memory(self, held: int) -> None:
        if held:
            with self._lock:
                self._held, self._floor = held, min(held, self._floor or held)

    def _note_beside(self, at: int, name: str, found: Counted) -> None:
        self._note(at, "memory_beside", found.resident, name)
        self._note_rate(at, "cpu_beside", found.cpu_microseconds, name)

    def _note(self, at: int, metric: str, value: int, label: str = "") -> None:
        self.series[metric].append(Sample(at, label, value))

    def _note_rate(self, at: int, metric: str, total: int, label: str = "") -> None:
        """Note by how much a total grew each second since the look before, as of that look.

        Of microseconds of CPU time that is the share of one core, in parts of a million. It is never
        below zero: a process that ended takes its time with it.
        """
        before = self._before.get((metric, label))
        self._before[metric, label] = _Before(at, total)
        if before is not None:
            grown = max(0, total - before.value)
            rate = grown * SAMPLE_MICROSECONDS // (at - before.at)
            self._note(before.at, metric, rate, label)
