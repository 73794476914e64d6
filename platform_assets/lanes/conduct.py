"""A lane from its plan to its verdict.

1. Number the lane run, and make its folder.
2. Make the lane's own home.
3. Pin the plan, signed, before anything is sent.
4. Start the services, wait until they serve, and make the streams.
5. Start the system under load, and prepare the generators.
6. Look on from outside, and let the generators begin together.
7. Wait until the load is sent, and known what became of it.
8. Drain: wait until nothing waits any more, as long as the plan allows.
9. Stop everything, and audit what is left.
10. Write what was measured.
11. Judge it by what was written, render the report, sign.

Whatever happens, every process that was started is ended, and none outlives this one. A lane that takes
more of the disk than its plan allows is ended. One that is ended before its verdict, for whatever
reason, has none: what was measured by then stays in ``work/measured``, and its state says why.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from platform_assets.canonical import rfc3339
from platform_assets.errors import LaneEnded
from platform_assets.lanes.gathering import Gathering
from platform_assets.lanes.home import make_lane_home
from platform_assets.lanes.lane_folders import State, only_lane
from platform_assets.lanes.lane_result import LaneProgress, LaneResult, state_kept
from platform_assets.lanes.ledger import acknowledged, doubtful
from platform_assets.lanes.load import Load
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.measuring import Measuring
from platform_assets.lanes.pin import make_pin, write_pin
from platform_assets.lanes.probing import Probing
from platform_assets.lanes.schedule import SECOND, Schedule
from platform_assets.lanes.sealing import judge_and_seal
from platform_assets.lanes.stack import Stack
from platform_assets.lanes.writing import Measurements, write_measurements
from platform_assets.pipeline import Platform
from platform_assets.pipeline.produce import create_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.lanes.measuring import Status
    from platform_assets.lanes.pin import Pin
    from platform_assets.lanes.plan import LanePlan

_LOOK_SECONDS = 0.25
#: From when everything is ready until the load begins.
_LEAD_NANOSECONDS = 1_000_000_000
#: How long the generators may need, after the last event was due, to learn what became of all.
_FATES_SECONDS = 300.0
#: How long nothing may wait before a stream with events in doubt counts as drained.
_DOUBT_SECONDS = 3.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def conduct(
    in_use: Platform,
    plan: LanePlan,
    *,
    keep: bool = False,
    told: Callable[[LaneProgress], None] = lambda _: None,
) -> LaneResult:
    """Conduct a lane.

    Args:
        in_use: the home in use; nothing but ``lanes/`` is written to it.
        plan: the resolved plan.
        keep: whether the lane's own home and logs stay when it is judged.
        told: is called with how the lane goes, several times a second.

    Raises:
        LaneUnderWay: another lane runs in this home.
        LaneInterrupted: by the keyboard.
        LaneEnded: it took more than its plan allows.
        PlatformError: it could not be begun, or not be brought to its end.
    """
    with only_lane(in_use.home, plan.lane) as folder, state_kept(folder, plan):  # 1
        judged = _Lane(in_use, plan, folder, told).conduct()
    if not keep:
        folder.clear()
    return LaneResult(folder, judged)


class _Lane:
    """One lane, step by step."""

    def __init__(
        self,
        in_use: Platform,
        plan: LanePlan,
        folder: LaneFolder,
        told: Callable[[LaneProgress], None],
    ) -> None:
        self._in_use, self._plan, self._folder, self._told = in_use, plan, folder, told
        self._phases = Schedule(plan.workload).phases()

    def conduct(self) -> JudgedLane:
        plan, folder = self._plan, self._folder
        self._tell("makes its home")
        home = make_lane_home(plan, self._in_use, folder.work / "home", folder.run)  # 2
        lane = Platform.open(home)
        pin = make_pin(plan, folder.run, self._in_use, lane, datetime.now(UTC))  # 3
        write_pin(folder.evidence, pin, self._in_use, lane)
        with ExitStack() as ending:
            begun_at, measurements = self._measure(lane, pin, ending)
        self._tell("judges")
        write_measurements(folder.evidence, measurements)  # 10
        judged = judge_and_seal(folder, pin, self._in_use, lane, begun_at)  # 11
        folder.tell(
            State.JUDGED,
            profile=plan.profile,
            begun_at=rfc3339(begun_at),
            verdict=str(judged.verdict),
        )
        return judged

    def _measure(
        self, lane: Platform, pin: Pin, ending: ExitStack
    ) -> tuple[datetime, Measurements]:
        """Put the system under load, and return what was measured of it."""
        plan, work = self._plan, self._folder.work
        (work / "logs").mkdir()
        stack = Stack(plan.target, lane.home, work / "logs")
        load = Load(plan, pin.prefix, lane.home, work / "load")
        for end in (stack.services.stop, stack.stop, load.stop):
            ending.callback(end)
        self._tell("starts what it needs")
        stack.services.start()  # 4
        streams = lane.feed(plan.target.feed).streams
        create_streams(lane, plan.target.feed, dict.fromkeys(streams, plan.workload.partitions))
        if plan.doubling is not None:
            probing = Probing(pin, lane, self._folder, stack.services, self._tell)
            return probing.begun_at, probing.run()
        stack.start()  # 5
        load.prepare()
        clock = LoadClock(time.monotonic_ns() + _LEAD_NANOSECONDS)
        measuring = Measuring(
            plan, lane, pin.prefix, folder=self._folder, clock=clock, stack=stack, load=load
        )
        ending.callback(measuring.abandon)
        gathering = Gathering(plan, clock, measuring, stack, load)
        with self._kept_if_it_fails(gathering):
            measuring.start()  # 6
            load.start(clock.start_ns)
            self._send(load, clock, measuring)  # 7
            self._drain(load, clock, measuring)  # 8
            measuring.observer.stop()  # 9
            stopped = clock.now()
            stack.stop()
            self._tell("audits what is left")
            measuring.finish()
            begun_at = _EPOCH + timedelta(microseconds=load.begun_us or 0)
            return begun_at, gathering.whole(stopped)

    def _send(self, load: Load, clock: LoadClock, measuring: Measuring) -> None:
        def sent() -> bool:
            load.require_sound()
            return not load.running()

        seconds = self._plan.workload.seconds + _FATES_SECONDS
        if not self._watch(clock, measuring, sent, seconds):
            load.stop()

    def _drain(self, load: Load, clock: LoadClock, measuring: Measuring) -> None:
        ledgers, events = load.ledgers(), self._plan.workload.events
        measuring.note_ledgers(acknowledged(ledgers, events))
        known = clock.now()
        doubt = _DOUBT_SECONDS + self._plan.target.max_age_seconds
        stays = doubt if doubtful(ledgers, events).any() else 0
        since: float | None = None

        def drained() -> bool:
            nonlocal since
            if not measuring.nothing_waits(known):
                since = None
                return False
            since = since or time.monotonic()
            return time.monotonic() - since >= stays

        self._watch(clock, measuring, drained, self._plan.budgets.drain_seconds)

    def _watch(
        self, clock: LoadClock, measuring: Measuring, done: Callable[[], bool], seconds: float
    ) -> bool:
        """Wait until something is done, so long at most, while nothing is wrong; tell whether it is.

        Raises:
            LaneEnded: the lane takes more of the disk than its plan allows.
        """
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            measuring.require_sound()
            self._require_disk(measuring)
            self._tell(self._phase_at(clock.now()), clock.now(), measuring.status())
            time.sleep(_LOOK_SECONDS)
        return True

    def _require_disk(self, measuring: Measuring) -> None:
        allowed, taken = int(self._plan.budgets.disk), measuring.sizes.total
        if taken > allowed:
            raise LaneEnded(
                str(self._folder.run),
                expected=f"at most {allowed:,} bytes on disk, as `budgets.disk` of its plan allows",
                found=f"{taken:,} bytes below {self._folder.path}",
                remedy="Free them, and plan for a larger budget or a smaller load.",
            )

    def _phase_at(self, now: int) -> str:
        for name, (begin, end) in self._phases.items():
            if begin <= now < end:
                return name
        return "begins" if now < 0 else "drains"

    def _tell(self, doing: str, at: int = 0, status: Status | None = None) -> None:
        until = self._plan.workload.seconds * SECOND
        self._told(LaneProgress(str(self._folder.run), doing, at, until, status))

    @contextmanager
    def _kept_if_it_fails(self, gathering: Gathering) -> Iterator[None]:
        """Keep what was measured of a lane that ends before its verdict."""
        try:
            yield
        except BaseException:
            kept = self._folder.work / "measured"
            with suppress(OSError):  # the disk may be what ended it
                kept.mkdir()
                write_measurements(kept, gathering.until_now())
            raise
