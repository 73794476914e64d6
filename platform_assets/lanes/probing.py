"""A probe under observation: what is measured of it, and held against its ledger.

A probe is looked at like any other lane: its processes and disks once a second, its runs, and every
event of every closed run. It has no load that goes on meanwhile, so that nothing of it has a latency or
a lag; and no process of it is started again, so that how one ended is told with its window alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from platform_assets.adapters.object_address import is_address
from platform_assets.lanes.attempt import How
from platform_assets.lanes.auditing import Auditing
from platform_assets.lanes.auditor import Auditor
from platform_assets.lanes.closures import Closures
from platform_assets.lanes.disk_sizes import DiskSizes
from platform_assets.lanes.evidence_files import MadeRun
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.observer import Observer
from platform_assets.lanes.probe import Probe
from platform_assets.lanes.schedule import Schedule
from platform_assets.lanes.waiting import Waiting
from platform_assets.lanes.windows import write_windows
from platform_assets.lanes.writing import Measurements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from platform_assets.lanes.closures import SeenClosure
    from platform_assets.lanes.faults.ground import Ground
    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.lanes.pin import Pin
    from platform_assets.lanes.services import Services
    from platform_assets.pipeline import Platform

#: How long the audit of the last window may take.
_AUDIT_SECONDS = 3_600.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Probing:
    """One probe, from its pin to what was measured.

    Args:
        pin: its pin.
        lane: the lane's home, opened.
        folder: the folder of the lane run; ``windows.json`` is written to its evidence.
        services: what stands beside it, started.
        ground: has the volume, where the plan declares one.
        told: is called with what is under way, and when that is.

    Raises:
        FaultNotInjected: the volume that the plan declares cannot be had here.
    """

    def __init__(
        self,
        pin: Pin,
        lane: Platform,
        folder: LaneFolder,
        *,
        services: Services,
        ground: Ground,
        told: Callable[[str, int], None],
    ) -> None:
        plan = pin.plan
        self._clock = LoadClock(time.monotonic_ns())
        self.begun_at = _EPOCH + timedelta(microseconds=time.time_ns() // 1000)
        self._folder, self._services, self._lane = folder, services, lane
        self._probe = Probe(
            plan,
            pin.prefix,
            lane,
            clock=self._clock,
            work=folder.work,
            told=lambda doing: told(doing, self._clock.now()),
            volume=ground.volume() if plan.target.volume is not None else None,
        )
        self._auditor = Auditor(lane, plan, pin.prefix)
        self._closures = Closures(
            lane,
            plan.target.feed,
            clock=self._clock,
            evidence=folder.evidence / "runs",
            told=self._closed,
        )
        waiting = Waiting(Schedule(plan.workload))
        self._auditing = Auditing(self._auditor, waiting, self._closures.looked)
        self._observer = Observer(self._clock, self, _sizes(lane, folder))

    def run(self) -> Measurements:
        """Try the windows, and return what was measured, everything audited."""
        parts = (self._closures, self._auditing, self._observer)
        for part in parts:
            part.start()
        try:
            self._probe.run()
            self._observer.stop()
            self._closures.stop()
            self._auditing.finish(_AUDIT_SECONDS)
        except BaseException:
            for part in parts:
                part.abandon()
            raise
        for part in parts:
            if part.failure is not None:
                raise part.failure
        write_windows(self._folder.evidence, self._probe.windows)
        return self._measurements()

    def _measurements(self) -> Measurements:
        ledger, over = self._probe.ledger(), self._clock.now()
        truth = self._auditor.truth([ledger])
        series: defaultdict[str, list[Sample]] = defaultdict(list)
        for measured in (self._observer.series, self._probe.series):
            for metric, samples in measured.items():
                series[metric] += samples
        series["unexpected"] += self._auditing.unexpected
        series["doubled"] += self._auditing.doubled
        told = {
            "lost": (truth.lost, ""),
            "unexpected": (truth.never_sent, "by the ledgers"),
            "quarantine_error": (truth.quarantine_error, "quarantined"),
            "failed_runs": (len(self._closures.open()) + len(self._auditing.refused), ""),
            "errors": (0, ""),  # and one for each attempt that failed
        }
        for metric, (value, label) in told.items():
            series[metric].append(Sample(over, label, value))
        series["quarantine_error"].append(Sample(over, "duplicates", truth.duplicate_error))
        tried = (attempt for window in self._probe.windows for attempt in window.attempts)
        series["errors"] += [Sample(over, each.how, 1) for each in tried if each.how != How.CLOSED]
        return Measurements(
            series=series, runs=self._runs(), ledgers=[ledger], notes=self._notes(truth.examples)
        )

    def _runs(self) -> list[MadeRun]:
        closed = [
            MadeRun(str(c.run), c.pinned, c.closed, dict(c.counts), c.bundle_digest)
            for c in self._closures.closed
        ]
        still_open = [MadeRun(str(run), pinned) for run, pinned in self._closures.open().items()]
        return sorted((*closed, *still_open), key=lambda run: run.run_id)

    def _notes(self, examples: Mapping[str, Sequence[int]]) -> dict[str, object]:
        return {
            "windows": [window.ended for window in self._probe.windows if window.ended],
            "refused_by_the_gate": {str(run): why for run, why in self._auditing.refused.items()},
            "wrong_events": {name: list(numbers) for name, numbers in examples.items()},
            "not_measured": ["latency and lag: a probe sends as fast as the stream takes it"],
        }

    def _closed(self, seen: SeenClosure) -> None:
        self._observer.note_closed(seen)
        self._auditing.note(seen)

    # --- what the observer looks at

    def under_load(self) -> Sequence[int]:
        """Return the process that takes a window."""
        return self._probe.under_load()

    def beside(self) -> Mapping[str, Sequence[int]]:
        """Return the processes of services."""
        running = self._services.processes.items()
        return {name: [process.pid] if process.pid else [] for name, process in running}

    def open_runs(self) -> int:
        """Return how many runs are pinned and not closed."""
        return len(self._closures.open())

    def loaded(self, at: int) -> Mapping[str, int]:
        """Return how many events were sent and acknowledged until now."""
        del at
        sender = self._probe.sender
        return {"achieved": sender.sent, "acknowledged": sender.acknowledged}


def _sizes(lane: Platform, folder: LaneFolder) -> DiskSizes:
    kinds = {
        lane.home / lane.settings.scratch: "scratch_size",
        folder.work / "logs": "log_size",
    }
    store = lane.settings.store
    if is_address(store):
        return DiskSizes((folder.path,), kinds, lane.home / "none")
    kinds[lane.home / store] = "store_size"
    return DiskSizes((folder.path,), kinds, lane.home / store / "runs")
