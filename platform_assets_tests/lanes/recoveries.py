"""Recovery lanes for tests: a few faults, one after the other, and load for as long as they take."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.examples.home import create_home
from platform_assets.identifiers import LaneRunId
from platform_assets.lanes.faults.ground import Ground
from platform_assets.lanes.home import make_lane_home
from platform_assets.lanes.lane_folders import LaneFolder
from platform_assets.lanes.ledger import acknowledged
from platform_assets.lanes.load import Load
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.measuring import Measuring
from platform_assets.lanes.plan import LanePlan
from platform_assets.lanes.recovery import Injector
from platform_assets.lanes.stack import Stack
from platform_assets.pipeline import Platform
from platform_assets.pipeline.produce import create_streams
from platform_assets_tests.lanes.plans import burst
from platform_assets_tests.lanes.workloads import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.evidence_files import StruckFault
    from platform_assets.lanes.supervised import End

_SECONDS = 600


def recovery(*kinds: str, seconds: int = 0, **target: Any) -> LanePlan:
    """Return the plan of a recovery lane in which each kind strikes once and lasts so long."""
    phases = [
        {"name": "warmup", "seconds": 1, "rate": 100},
        {"name": "faults", "seconds": _SECONDS, "rate": 100},
    ]
    document = burst(of={"phases": phases}, **target).record()
    faults = [
        {"kind": kind, "times": 1, "seconds": seconds, "recover_within_seconds": 100}
        for kind in kinds
    ]
    document |= {
        "lane": "recovery",
        "steady": {"lag_seconds": 60},
        "schedule": {
            "phase": "faults",
            "pause_seconds": 0,
            "give_up_seconds": 150,
            "faults": faults,
        },
    }
    return LanePlan.model_validate(document)


@dataclass(frozen=True)
class Recovered:
    """How it went: the faults, who ended, and what became of the events, held against the ledgers."""

    struck: list[StruckFault]
    not_injected: list[str]
    ends: list[End]
    drained: bool
    lost: int
    doubled: int
    unexpected: int
    refused: dict[Any, str]
    runs: int


def recovered(plan: LanePlan, folder: Path) -> Recovered:
    """Let the faults of a plan strike a system under load, and return how it went."""
    create_home(folder / "in_use", [])
    lane_folder = LaneFolder(LaneRunId("recovery", 1), folder / "lane")
    for made in (lane_folder.evidence, lane_folder.work / "logs"):
        made.mkdir(parents=True)
    home, feed = lane_folder.work / "home", plan.target.feed
    with Ground(plan, home, lane_folder.work / "ground") as ground, ExitStack() as ending:
        make_lane_home(plan, Platform.open(folder / "in_use"), home, lane_folder.run)
        lane = Platform.open(home)
        stack = Stack(plan.target, home, lane_folder.work / "logs", ground.environment())
        load = Load(plan, PREFIX, home, lane_folder.work / "load")
        for end in (stack.services.stop, stack.stop, load.stop):
            ending.callback(end)
        stack.services.start()
        create_streams(lane, feed, {plan.workload.stream: plan.workload.partitions})
        stack.start()
        load.prepare()
        clock = LoadClock(time.monotonic_ns() + 500_000_000)
        measuring = Measuring(
            plan, lane, PREFIX, folder=lane_folder, clock=clock, stack=stack, load=load
        )
        ending.callback(measuring.abandon)
        injector = Injector(plan, stack, ground, clock=clock, progress=measuring)
        ending.callback(injector.stop)
        measuring.start()
        load.start(clock.start_ns)
        injector.start()
        assert injector.wait(_SECONDS)
        if injector.failure is not None:
            raise injector.failure
        load.stop()
        drained = _drained(measuring, load, plan, clock)
        stack.stop()
        measuring.finish()
        truth = measuring.auditor.truth(load.ledgers())
        return Recovered(
            struck=injector.struck,
            not_injected=injector.not_injected,
            ends=stack.ends(),
            drained=drained,
            lost=truth.lost,
            doubled=sum(sample.value for sample in measuring.auditing.doubled),
            unexpected=sum(sample.value for sample in measuring.auditing.unexpected),
            refused=dict(measuring.auditing.refused),
            runs=len(measuring.closures.closed),
        )


def _drained(measuring: Measuring, load: Load, plan: LanePlan, clock: LoadClock) -> bool:
    measuring.note_ledgers(acknowledged(load.ledgers(), plan.workload.events))
    known, deadline = clock.now(), time.monotonic() + 120
    while not measuring.nothing_waits(known) and time.monotonic() < deadline:
        measuring.require_sound()
        time.sleep(0.2)
    return measuring.nothing_waits(known)
