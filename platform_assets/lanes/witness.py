"""Sees each event leave and come to be acknowledged, and makes figures of it.

The thread that sends notes moments and does nothing else. Another one takes what was noted ten times
a second and turns it into histograms and progress, for all events together. Every duration counts from
the moment at which the event was to be sent, not from the one at which it was: where an event had to
wait before it could leave, that wait is part of what it met.

A process that can write its figures no more ends at once: nobody could say what it sent.
"""

from __future__ import annotations

import os
import threading
import traceback
from array import array
from time import monotonic_ns
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.lanes.interval_log import IntervalLog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.lanes.draws import Numbers
    from platform_assets.lanes.load_clock import LoadClock
    from platform_assets.lanes.progress import ProgressFile
    from platform_assets.lanes.schedule import Schedule

#: How a process ends of which nothing could be seen any more.
BLIND = 1
_TICK_SECONDS = 0.1
#: Metric -> the file of its histograms.
FILES = {"slip": "slip.ndjson", "acknowledgement": "acknowledgement.ndjson"}


class Notes:
    """What the sending thread notes. An observer as `pipeline.produce.produce` takes it.

    Events are counted in the order in which the process sends them. The counts of an observer begin
    anew with each sending; ``begun`` is how many were sent before it.
    """

    def __init__(self) -> None:
        self.begun = 0
        self._left, self._acknowledged, self._moments = array("q"), array("q"), array("q")
        # bound once: they are called for every event
        self._note_left = self._left.append
        self._note_acknowledged, self._note_moment = (
            self._acknowledged.append,
            self._moments.append,
        )

    def sent(self, stream: str, number: int) -> None:
        """Note that an event leaves; they leave in their order."""
        del stream, number
        self._note_left(monotonic_ns())

    def acknowledged(self, stream: str, number: int) -> None:
        """Note that an event is acknowledged."""
        del stream
        self._note_acknowledged(self.begun + number)
        self._note_moment(monotonic_ns())

    def taken(self) -> tuple[Numbers, Numbers, Numbers]:
        """Take what was noted: when events left; which were acknowledged, and when."""
        left = _taken(self._left, len(self._left))
        count = len(self._moments)  # of an event its moment is noted last
        return left, _taken(self._acknowledged, count), _taken(self._moments, count)


class Witness:
    """Makes histograms and progress of what a process notes, from `start` to `stop`.

    Args:
        schedule: the schedule of the load.
        process: the process that sends.
        clock: the clock of the load.
        folder: where histograms are written.
        progress: where it is told how far the process has come.
    """

    def __init__(
        self,
        schedule: Schedule,
        process: int,
        *,
        clock: LoadClock,
        folder: Path,
        progress: ProgressFile,
    ) -> None:
        self.notes = Notes()
        #: How many events were sent, and how many of them acknowledged, as far as was looked.
        self.sent = self.acknowledged = 0
        self.first_sent_us: int | None = None
        self.last_sent_us: int | None = None
        self._schedule = schedule
        self._numbers = schedule.numbers_of(process)
        self._clock = clock
        self._progress = progress
        label = f"generator-{process}"
        self._slip, self._delay = (IntervalLog(folder / name, label) for name in FILES.values())
        self._known = _Known()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look for a last time, and write what is not complete."""
        self._stopped.set()
        self._thread.join()
        self.look()
        self._slip.close()
        self._delay.close()

    def note_known(self, places: Iterable[int]) -> None:
        """Note that the fate of events is known, though they are not acknowledged."""
        with self._lock:
            self._known.add(np.fromiter(places, np.int64))
        self.look()

    def look(self) -> None:
        """Make figures of what was noted since the look before."""
        with self._lock:
            left, acknowledged, moments = self.notes.taken()
            self._note_left(left)
            due = self._due(acknowledged)
            self._delay.record(due, self._clock_of(moments) - due)
            self._known.add(acknowledged)
            self.acknowledged += len(acknowledged)
            self._slip.complete(self._due_next(self.sent))
            self._delay.complete(self._due_next(self._known.below))
            self._progress.tell(
                sent=self.sent,
                acknowledged=self.acknowledged,
                reached=self._numbers.start + (self._known.below - 1) * self._numbers.step,
            )

    def _note_left(self, left: Numbers) -> None:
        if not len(left):
            return
        moments = self._clock_of(left)
        due = self._due(np.arange(self.sent, self.sent + len(left)))
        self._slip.record(due, moments - due)
        self.sent += len(left)
        self.last_sent_us = int(moments[-1])
        if self.first_sent_us is None:
            self.first_sent_us = int(moments[0])

    def _run(self) -> None:
        try:
            while not self._stopped.wait(_TICK_SECONDS):
                self.look()
        except BaseException:  # noqa: BLE001 - whatever it is, there are no figures after it
            traceback.print_exc()
            os._exit(BLIND)

    def _clock_of(self, moments: Numbers) -> Numbers:
        return (moments - self._clock.start_ns) // 1000

    def _due(self, places: Numbers) -> Numbers:
        return self._schedule.intended(self._numbers.start + places * self._numbers.step)

    def _due_next(self, place: int) -> int:
        """Return when the event at a place is due; after the last one, when all phases are over."""
        if place >= len(self._numbers):
            return max(end for _, end in self._schedule.phases().values())
        return int(self._due(np.array([place]))[0])


class _Known:
    """Of which events the fate is known: all ``below`` a place, and some after it."""

    def __init__(self) -> None:
        self.below = 0
        self._after = np.zeros(0, np.bool_)

    def add(self, places: Numbers) -> None:
        if not len(places):
            return
        needed = int(places.max()) + 1 - self.below
        if needed > len(self._after):
            self._after = np.concatenate(
                [self._after, np.zeros(needed - len(self._after), np.bool_)]
            )
        self._after[places - self.below] = True
        unknown = np.flatnonzero(~self._after)
        whole = int(unknown[0]) if len(unknown) else len(self._after)
        self.below += whole
        self._after = self._after[whole:].copy()


def _taken(noted: array[int], count: int) -> Numbers:
    """Take the first so many out of what another thread goes on noting."""
    some = noted[:count]
    del noted[:count]
    return np.frombuffer(some, np.int64)
