"""A lane's home with events in its log, for tests that look at what was closed of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from platform_assets.examples.home import create_home
from platform_assets.identifiers import LaneRunId
from platform_assets.lanes.auditor import Auditor
from platform_assets.lanes.closures import Closures, SeenClosure
from platform_assets.lanes.home import make_lane_home
from platform_assets.lanes.ledger import ProcessLedger, Stretch
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.rendering import Rendering
from platform_assets.lanes.schedule import Schedule
from platform_assets.pipeline import Platform
from platform_assets.pipeline.produce import create_streams
from platform_assets.pipeline.run import caught_up
from platform_assets_tests.lanes.plans import burst
from platform_assets_tests.lanes.workloads import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.lanes.plan import LanePlan
    from platform_assets.ports.sinks import Outgoing


@dataclass
class LaneHome:
    platform: Platform
    plan: LanePlan
    folder: Path
    begun_us: int = field(default_factory=lambda: time.time_ns() // 1000)
    clock: LoadClock = field(default_factory=lambda: LoadClock(time.monotonic_ns()))

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.plan.workload)
        declared = self.platform.feed("load").streams["orders"].events
        workload, contracts = self.plan.workload, self.platform.contracts
        self.rendering = Rendering(workload, PREFIX, declared, contracts)
        self.auditor = Auditor(self.platform, self.plan, PREFIX)
        self.seen: list[SeenClosure] = []

    def records(self, numbers: Iterable[int]) -> list[Outgoing]:
        events = self.schedule.of(np.array([*numbers], np.int64))
        return self.rendering.outgoing(events, self.begun_us)

    def send(self, records: Iterable[Outgoing]) -> None:
        sink = self.platform.sink(self.platform.feed("load"), "orders")
        assert not sink.send(records).refused
        sink.close()

    def close_windows(self) -> list[SeenClosure]:
        """Close all that was sent, and return every closure as it is seen from outside."""
        assert list(caught_up(self.platform, "load", None))  # type: ignore[arg-type]
        told: list[SeenClosure] = []
        evidence = self.folder / "evidence" / str(time.monotonic_ns())
        closures = Closures(
            self.platform, "load", clock=self.clock, evidence=evidence, told=told.append
        )
        closures.start()
        closures.stop()
        new = told[len(self.seen) :]
        self.seen = told
        return new

    def ledgers(
        self, *, ambiguous: Iterable[int] = (), refused: Iterable[int] = ()
    ) -> list[ProcessLedger]:
        """Return ledgers that claim all events to be acknowledged but these."""
        processes = self.plan.workload.processes
        found = []
        for process in range(processes):
            events = len(self.schedule.numbers_of(process))
            doubtful, not_taken = (
                tuple(Stretch(n, n, "planted") for n in sorted(of) if n % processes == process)
                for of in (ambiguous, refused)
            )
            found.append(
                ProcessLedger(
                    prefix=PREFIX,
                    process=process,
                    processes=processes,
                    events=events,
                    sent=events,
                    acknowledged=events - len(doubtful) - len(not_taken),
                    ambiguous=doubtful,
                    refused=not_taken,
                    first_sent_us=0,
                    last_sent_us=1,
                    sendings=(),
                )
            )
        return found


def new_lane_home(folder: Path, *, horizon_runs: int = 5, **workload: Any) -> LaneHome:
    """Return a lane's home with empty streams."""
    create_home(folder / "in_use", [])
    plan = burst(of=workload)
    home = make_lane_home(
        plan, Platform.open(folder / "in_use"), folder / "home", LaneRunId("burst", 1)
    )
    defs = home / "defs" / "load" / "defs.yaml"
    defs.write_text(defs.read_text().replace("horizon_runs: 5", f"horizon_runs: {horizon_runs}"))
    platform = Platform.open(home)
    create_streams(platform, "load", {"orders": plan.workload.partitions})
    return LaneHome(platform, plan, folder)
