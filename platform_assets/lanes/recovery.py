"""Lets faults strike while load continues, one after the other, and finds when all is steady again.

After a fault all is steady again at the first moment at which

1. the fault is over, and nothing of it is left to be healed;
2. every process of the system and of its services runs;
3. a run is closed that was pinned after the fault was over: looking, pinning, landing, certifying and
   closing all work again;
4. no acknowledged event waits in no closed run for longer than the plan calls steady, as it was at a
   moment after the fault was over.

The order of the faults follows from the plan's seed. The next one strikes when all has been steady for
the plan's pause; where that does not come, when the fault before it is given up. A fault that cannot be
injected on this machine does not strike, and the reason is kept. When the phase ends no other fault
strikes; the last one is waited for as any other.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from platform_assets.canonical import digest
from platform_assets.errors import FaultNotInjected
from platform_assets.lanes.evidence_files import StruckFault
from platform_assets.lanes.faults.choice import injected
from platform_assets.lanes.schedule import SECOND, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.lanes.closures import SeenClosure
    from platform_assets.lanes.faults.ground import Ground
    from platform_assets.lanes.load_clock import LoadClock
    from platform_assets.lanes.measured import Sample
    from platform_assets.lanes.plan import Fault, LanePlan
    from platform_assets.lanes.stack import Stack

_LOOK_SECONDS = 0.25


class Progress(Protocol):
    """What is known, from outside, of how the system gets on."""

    def newest_lag(self) -> Sample | None:
        """Return how long the oldest acknowledged event waited at the newest settled moment."""

    def closed_runs(self) -> Sequence[SeenClosure]:
        """Return the closed runs, in the order in which they were seen to be closed."""


def order_of(plan: LanePlan) -> list[Fault]:
    """Return the faults of a plan in the order in which they strike."""
    if plan.schedule is None:
        return []
    drawn = {
        digest({"seed": plan.workload.seed, "fault": place, "number": number}): fault
        for place, fault in enumerate(plan.schedule.faults)
        for number in range(fault.times)
    }
    return [drawn[key] for key in sorted(drawn)]


class Injector:
    """A thread that lets the faults of a plan strike, from `start` to `stop`.

    Attributes:
        struck: every fault that struck, in order.
        not_injected: why others could not.
        failure: what ended the thread before its time.
    """

    def __init__(
        self,
        plan: LanePlan,
        stack: Stack,
        ground: Ground,
        *,
        clock: LoadClock,
        progress: Progress,
    ) -> None:
        if plan.schedule is None:
            raise RuntimeError("a plan without a schedule has no faults")
        self.struck: list[StruckFault] = []
        self.not_injected: list[str] = []
        self.failure: BaseException | None = None
        self._plan, self._schedule = plan, plan.schedule
        self._stack, self._ground = stack, ground
        self._clock, self._progress = clock, progress
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._inject, name="faults", daemon=True)

    def start(self) -> None:
        """Let faults strike from the beginning of their phase on."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until every fault has struck and is settled; tell whether that came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Let no other fault strike, and heal the one that lasts."""
        self._stopped.set()
        self._thread.join()

    def _inject(self) -> None:
        try:
            begin, end = Schedule(self._plan.workload).phases()[self._schedule.phase]
            self._sleep_until(begin)
            for fault in order_of(self._plan):
                self._wait_for_pause()
                if self._stopped.is_set() or self._clock.now() >= end:
                    return
                self._strike(fault)
        except BaseException as failure:  # noqa: BLE001 - raised again by whoever looks after the threads
            self.failure = failure

    def _strike(self, fault: Fault) -> None:
        at = self._clock.now()
        try:
            standing = injected(fault.kind, self._stack, self._ground)
            detail = standing.strike()
        except FaultNotInjected as error:
            self.not_injected.append(f"{fault.kind}: {error}")
            return
        try:
            self._stopped.wait(fault.seconds)
        finally:
            standing.heal()
        ended = self._clock.now()
        steady = self._steady_after(ended, at + self._schedule.give_up_seconds * SECOND)
        self.struck.append(StruckFault(fault.kind, at, ended, steady, detail))

    def _steady_after(self, ended: int, given_up: int) -> int | None:
        """Return the first moment at which all is steady again, None where it is given up first."""
        while not self._stopped.wait(_LOOK_SECONDS):
            now = self._clock.now()
            if self._is_steady(ended) and self._has_closed_a_run(ended):
                return now
            if now >= given_up:
                return None
        return None

    def _wait_for_pause(self) -> None:
        """Wait until all was steady for the plan's pause, at most as long as for a fault."""
        began = since = self._clock.now()
        given_up = began + self._schedule.give_up_seconds * SECOND
        while self._clock.now() < given_up and not self._stopped.wait(_LOOK_SECONDS):
            now = self._clock.now()
            if not self._is_steady(began):
                since = now
            elif now - since >= self._schedule.pause_seconds * SECOND:
                return

    def _is_steady(self, since: int) -> bool:
        lag = self._progress.newest_lag()
        limit = self._plan.steady.lag_seconds * SECOND
        settled = lag is not None and lag.at >= since and lag.value <= limit  # 4
        return settled and self._stack.everything_runs()  # 2

    def _has_closed_a_run(self, since: int) -> bool:
        return any(run.pinned >= since for run in self._progress.closed_runs())  # 3

    def _sleep_until(self, moment: int) -> None:
        self._stopped.wait(max(0, moment - self._clock.now()) / SECOND)
