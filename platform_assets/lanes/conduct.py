"""A lane from its plan to its verdict.

1. Number the lane run, and make its folder.
2. Make what faults need of the machine, and the lane's own home on it.
3. Pin the plan, signed, before anything is sent.
4. Start the services, wait until they serve, and make the streams.
5. Put the system under load and look on until all is drained (see `under_load`); of a probe, try window
   after window (see `probing`).
6. Stop everything.
7. Write what was measured.
8. Judge it by what was written, render the report, sign.

Whatever happens, every process that was started is ended, and none outlives this one. A lane that is
ended before its verdict, for whatever reason, has none: what was measured by then stays in
``work/measured``, and its state says why.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from platform_assets.canonical import rfc3339
from platform_assets.lanes.faults.ground import Ground
from platform_assets.lanes.fitting import fitted
from platform_assets.lanes.home import make_lane_home
from platform_assets.lanes.lane_folders import State, only_lane
from platform_assets.lanes.lane_result import LaneProgress, LaneResult, state_kept
from platform_assets.lanes.pin import make_pin, write_pin
from platform_assets.lanes.probing import Probing
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.sealing import judge_and_seal
from platform_assets.lanes.stack import Stack
from platform_assets.lanes.under_load import UnderLoad
from platform_assets.lanes.writing import Measurements, write_measurements
from platform_assets.pipeline import Platform
from platform_assets.pipeline.produce import create_streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.lanes.measuring import Status
    from platform_assets.lanes.pin import Pin
    from platform_assets.lanes.plan import LanePlan


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
        DeclarationInvalid: faults of the plan do not fit its target, and are not to be left out.
        LaneUnderWay: another lane runs in this home.
        LaneInterrupted: by the keyboard.
        LaneEnded: it took more than its plan allows.
        PlatformError: it could not be begun, or not be brought to its end.
    """
    plan = fitted(plan)
    with only_lane(in_use.home, plan.lane) as folder, state_kept(folder, plan):  # 1
        judged = _Lane(in_use, plan, folder, told).conduct()
    if not keep:
        folder.clear()
    return LaneResult(folder, plan, judged)


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

    def conduct(self) -> JudgedLane:
        plan, folder, home = self._plan, self._folder, self._folder.work / "home"
        self._tell("makes its home")
        with Ground(plan, home, folder.work / "ground") as ground:  # 2
            lane = Platform.open(make_lane_home(plan, self._in_use, home, folder.run))
            pin = make_pin(plan, folder.run, self._in_use, lane, datetime.now(UTC))  # 3
            write_pin(folder.evidence, pin, self._in_use, lane)
            with ExitStack() as ending:  # 6
                begun_at, measurements = self._measure(lane, pin, ground, ending)
            self._tell("judges")
            write_measurements(folder.evidence, measurements)  # 7
            judged = judge_and_seal(folder, pin, self._in_use, lane, begun_at)  # 8
        verdict = str(judged.verdict)
        folder.tell(State.JUDGED, profile=plan.profile, begun_at=rfc3339(begun_at), verdict=verdict)
        return judged

    def _measure(
        self, lane: Platform, pin: Pin, ground: Ground, ending: ExitStack
    ) -> tuple[datetime, Measurements]:
        """Put the system under load, and return when that began and what was measured of it."""
        plan, logs = self._plan, self._folder.work / "logs"
        logs.mkdir()
        stack = Stack(plan.target, lane.home, logs, ground.environment())
        ending.callback(stack.services.stop)
        self._tell("starts what it needs")
        stack.services.start()  # 4
        streams = lane.feed(plan.target.feed).streams
        create_streams(lane, plan.target.feed, dict.fromkeys(streams, plan.workload.partitions))
        if plan.doubling is not None:  # 5
            probing = Probing(
                pin,
                lane,
                self._folder,
                services=stack.services,
                ground=ground,
                told=self._tell,
            )
            return probing.begun_at, probing.run()
        under_load = UnderLoad(
            pin, lane, self._folder, stack=stack, ground=ground, ending=ending, told=self._tell
        )
        return under_load.run()

    def _tell(self, doing: str, at: int = 0, status: Status | None = None) -> None:
        until = self._plan.workload.seconds * SECOND
        self._told(LaneProgress(str(self._folder.run), doing, at, until, status))
