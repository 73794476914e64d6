"""The system of a lane under its load, looked at from outside, up to the last closure.

The system is started before its load, and is idle when that begins. In a recovery lane faults strike
while the load lasts, and the last one is waited for. Then all is drained: it is waited, as long as the
plan allows, until every acknowledged event is in a closed run and no run is open. Where nobody knows
whether some events stand in the stream, what they may have led to is waited for a little longer.

Whatever is wrong while it is waited for ends the lane: a part that looks on and has failed, a generator
that was lost, a disk that takes more than the plan allows.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from platform_assets.errors import LaneEnded
from platform_assets.lanes.gathering import Gathering
from platform_assets.lanes.ledger import acknowledged, doubtful
from platform_assets.lanes.load import Load
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.measuring import Measuring
from platform_assets.lanes.recovery import Injector
from platform_assets.lanes.schedule import Schedule
from platform_assets.lanes.writing import write_measurements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack

    from platform_assets.lanes.faults.ground import Ground
    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.lanes.measuring import Status
    from platform_assets.lanes.pin import Pin
    from platform_assets.lanes.stack import Stack
    from platform_assets.lanes.writing import Measurements
    from platform_assets.pipeline import Platform

_LOOK_SECONDS = 0.25
#: From when everything is ready until the load begins.
_LEAD_NANOSECONDS = 1_000_000_000
#: How long the generators may need, after the last event was due, to learn what became of all.
_FATES_SECONDS = 300.0
#: How much longer than a window waits to be pinned nothing may wait where events are in doubt.
_DOUBT_SECONDS = 3.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnderLoad:
    """The system under load, and what looks at it.

    Args:
        pin: the lane's pin.
        lane: its home, opened.
        folder: its folder.
        stack: the system; its services are started.
        ground: what faults need of the machine.
        ending: gets everything that has to be ended.
        told: is called with what is under way, when that is, and how it stands.
    """

    def __init__(
        self,
        pin: Pin,
        lane: Platform,
        folder: LaneFolder,
        *,
        stack: Stack,
        ground: Ground,
        ending: ExitStack,
        told: Callable[[str, int, Status], None],
    ) -> None:
        self._plan = plan = pin.plan
        self._folder, self._stack, self._told = folder, stack, told
        self._phases = Schedule(plan.workload).phases()
        self._load = load = Load(plan, pin.prefix, lane.home, folder.work / "load")
        for end in (stack.stop, load.stop):
            ending.callback(end)
        stack.start()
        load.prepare()
        self._clock = clock = LoadClock(time.monotonic_ns() + _LEAD_NANOSECONDS)
        self._measuring = measuring = Measuring(
            plan, lane, pin.prefix, folder=folder, clock=clock, stack=stack, load=load
        )
        ending.callback(measuring.abandon)
        self._injector = None
        if plan.schedule is not None:
            self._injector = Injector(plan, stack, ground, clock=clock, progress=measuring)
            ending.callback(self._injector.stop)
        self._gathering = Gathering(
            plan, clock, measuring, stack=stack, load=load, injector=self._injector
        )

    def run(self) -> tuple[datetime, Measurements]:
        """Let it all happen; return when the load began, and what was measured.

        Raises:
            LaneEnded: it took more of the disk than its plan allows.
            WorkerLost: a generator was lost, so that nobody knows what was sent.
        """
        with self._kept_if_it_fails():
            self._measuring.start()
            self._load.start(self._clock.start_ns)
            if self._injector is not None:
                self._injector.start()
            self._send()
            self._drain()
            self._measuring.observer.stop()
            stopped = self._clock.now()
            self._stack.stop()
            self._measuring.finish()
            begun_at = _EPOCH + timedelta(microseconds=self._load.begun_us or 0)
            return begun_at, self._gathering.whole(stopped)

    def _send(self) -> None:
        def sent() -> bool:
            self._load.require_sound()
            return not self._load.running() and (self._injector is None or self._injector.wait(0))

        schedule = self._plan.schedule
        seconds = self._plan.workload.seconds + _FATES_SECONDS
        seconds += schedule.give_up_seconds if schedule is not None else 0
        if not self._wait(sent, seconds):
            self._load.stop()

    def _drain(self) -> None:
        ledgers, events = self._load.ledgers(), self._plan.workload.events
        self._measuring.note_ledgers(acknowledged(ledgers, events))
        known = self._clock.now()
        doubt = _DOUBT_SECONDS + self._plan.target.max_age_seconds
        stays = doubt if doubtful(ledgers, events).any() else 0
        since: float | None = None

        def drained() -> bool:
            nonlocal since
            if not self._measuring.nothing_waits(known):
                since = None
                return False
            since = since or time.monotonic()
            return time.monotonic() - since >= stays

        self._wait(drained, self._plan.budgets.drain_seconds)

    def _wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is done, so long at most, while nothing is wrong; tell whether it is."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            self._measuring.require_sound()
            if self._injector is not None and self._injector.failure is not None:
                raise self._injector.failure
            self._require_disk()
            now = self._clock.now()
            self._told(self._doing(now), now, self._measuring.status())
            time.sleep(_LOOK_SECONDS)
        return True

    def _require_disk(self) -> None:
        allowed, taken = int(self._plan.budgets.disk), self._measuring.sizes.total
        if taken > allowed:
            raise LaneEnded(
                str(self._folder.run),
                expected=f"at most {allowed:,} bytes on disk, as `budgets.disk` of its plan allows",
                found=f"{taken:,} bytes below {self._folder.path}",
                remedy="Free them, and plan for a larger budget or a smaller load.",
            )

    def _doing(self, now: int) -> str:
        found = (name for name, (begin, end) in self._phases.items() if begin <= now < end)
        phase = next(found, "begins" if now < 0 else "drains")
        if self._plan.schedule is None or self._injector is None:
            return phase
        return f"{phase}, {len(self._injector.struck)} of {self._plan.schedule.total} faults"

    @contextmanager
    def _kept_if_it_fails(self) -> Iterator[None]:
        """Keep what was measured of a lane that ends before its verdict."""
        try:
            yield
        except BaseException:
            kept = self._folder.work / "measured"
            with suppress(OSError):  # the disk may be what ended it
                kept.mkdir()
                write_measurements(kept, self._gathering.until_now())
            raise
