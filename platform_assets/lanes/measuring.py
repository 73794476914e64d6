"""All that looks at a lane while it lasts, put together: observer, closures, auditor.

Each works in a thread of its own, so that a store which does not answer holds up neither the samples
nor the audit. What ends one of them before its time ends the lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.adapters.object_address import is_address
from platform_assets.lanes.auditing import Auditing
from platform_assets.lanes.auditor import Auditor
from platform_assets.lanes.closures import Closures, SeenClosure
from platform_assets.lanes.disk_sizes import DiskSizes
from platform_assets.lanes.observer import Observer
from platform_assets.lanes.schedule import SECOND, Schedule
from platform_assets.lanes.waiting import Acknowledged, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.lanes.ledger import Mask
    from platform_assets.lanes.load import Load
    from platform_assets.lanes.load_clock import LoadClock
    from platform_assets.lanes.measured import Sample
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.lanes.stack import Stack
    from platform_assets.pipeline import Platform

#: How long the audit of what was closed may take when all is over.
_AUDIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Status:
    """How a lane stands, for people who look on; counts, bytes, microseconds.

    ``at`` is the moment up to which backlog and lag are settled.
    """

    at: int
    offered: int
    acknowledged: int
    backlog: int
    lag: int
    memory: int
    disk: int
    open_runs: int
    closed_runs: int


class Measuring:
    """Looks at one lane, from `start` to `stop`."""

    def __init__(
        self,
        plan: LanePlan,
        platform: Platform,
        prefix: str,
        *,
        folder: LaneFolder,
        clock: LoadClock,
        stack: Stack,
        load: Load,
    ) -> None:
        self._stack, self._load, self._clock = stack, load, clock
        self._schedule = Schedule(plan.workload)
        self.waiting = Waiting(self._schedule)
        self.auditor = Auditor(platform, plan, prefix)
        self.closures = Closures(
            platform,
            plan.target.feed,
            clock=clock,
            evidence=folder.evidence / "runs",
            told=self._closed,
        )
        self.auditing = Auditing(self.auditor, self.waiting, self.closures.looked)
        self.sizes = _sizes(platform, folder)
        self.observer = Observer(clock, self, self.sizes)

    def start(self) -> None:
        """Begin to look."""
        for part in (self.closures, self.auditing, self.observer):
            part.start()

    def finish(self) -> bool:
        """Look once more at the runs, and audit what is left; tell whether all was audited.

        The observer was stopped before, while what it looks at still ran.
        """
        self.closures.stop()
        return self.auditing.finish(_AUDIT_SECONDS)

    def abandon(self) -> None:
        """Look no more; what is not audited stays so."""
        for part in (self.observer, self.closures, self.auditing):
            part.abandon()

    def require_sound(self) -> None:
        """Raise what ended a part before its time."""
        for part in (self.closures, self.auditing, self.observer):
            if part.failure is not None:
                raise part.failure

    def note_ledgers(self, stands: Mask) -> None:
        """Note which events were acknowledged, once that is known of all."""
        self.auditing.note_ledgers(stands)

    def nothing_waits(self, since: int) -> bool:
        """Tell whether, at a moment after that one, nothing waited and no run is open.

        It waits until every second up to the last closure was looked at, from its begin to its end.
        """
        backlog, lag, closed = self.waiting.backlog, self.waiting.lag, self.closures.closed
        last = closed[-1].closed + SECOND if closed else 0
        return (
            bool(lag)
            and lag[-1].at >= since
            and not lag[-1].value
            and not backlog[-1].value
            and not self.closures.open()
            and self.observer.looked >= last
        )

    def newest_lag(self) -> Sample | None:
        """Return how long the oldest acknowledged event waited at the newest settled moment."""
        return self.waiting.lag[-1] if self.waiting.lag else None

    def closed_runs(self) -> Sequence[SeenClosure]:
        """Return the closed runs, in the order in which they were seen to be closed."""
        return self.closures.closed

    def status(self) -> Status:
        """Return how the lane stands."""
        lag, backlog = self.waiting.lag, self.waiting.backlog
        return Status(
            at=lag[-1].at if lag else 0,
            offered=self.observer.newest("offered"),
            acknowledged=self.observer.newest("acknowledged"),
            backlog=backlog[-1].value if backlog else 0,
            lag=lag[-1].value if lag else 0,
            memory=self.observer.newest("memory"),
            disk=self.sizes.total,
            open_runs=self.open_runs(),
            closed_runs=len(self.closures.closed),
        )

    # --- what the observer looks at

    def under_load(self) -> Sequence[int]:
        """Return the processes under load."""
        return [pid for pids in self._stack.pids().values() for pid in pids]

    def beside(self) -> Mapping[str, Sequence[int]]:
        """Return the processes of generators and services."""
        services = self._stack.services.processes
        running = {name: [s.pid] if s.pid else [] for name, s in services.items()}
        return {"generator": self._load.pids(), **running}

    def open_runs(self) -> int:
        """Return how many runs are pinned and not closed."""
        return len(self.closures.open())

    def loaded(self, at: int) -> Mapping[str, int]:
        """Return how many events were due, sent and acknowledged until now."""
        progress = self._load.progress()
        total = sum(each.acknowledged for each in progress)
        reached = tuple(each.reached for each in progress)
        self.waiting.note_acknowledged(Acknowledged(at, total, reached))
        return {
            "offered": self._schedule.due_before(at),
            "achieved": sum(each.sent for each in progress),
            "acknowledged": total,
        }

    def _closed(self, seen: SeenClosure) -> None:
        self.observer.note_closed(seen)
        self.auditing.note(seen)


def _sizes(platform: Platform, folder: LaneFolder) -> DiskSizes:
    home, settings = platform.home, platform.settings
    kinds = {
        home / settings.scratch: "scratch_size",
        folder.work / "logs": "log_size",
        home / "dagster": "database_size",
    }
    if is_address(settings.store):
        return DiskSizes((folder.path,), kinds, home / "none")
    store = home / settings.store
    kinds |= {store: "store_size", store / "log": "log_size"}
    roots = (folder.path,) if store.is_relative_to(folder.path) else (folder.path, store)
    return DiskSizes(roots, kinds, store / "runs")
