"""When faults strike, in which order, and when all counts as steady again after each."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from platform_assets.identifiers import RunId
from platform_assets.lanes.closures import SeenClosure
from platform_assets.lanes.faults.ground import Ground
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.plan import LanePlan
from platform_assets.lanes.recovery import Injector, order_of
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.stack import WORKER
from platform_assets.lanes.supervised import Supervised
from platform_assets_tests.lanes.recoveries import recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEPS = (sys.executable, "-c", "import time; time.sleep(600)")


def with_changes(plan: LanePlan, *, seed: int = 7, **schedule: Any) -> LanePlan:
    document = plan.record()
    document["workload"]["seed"] = seed
    document["schedule"] |= schedule
    return LanePlan.model_validate(document)


# --- the order -----------------------------------------------------------------------------------


def test_the_order_follows_from_the_seed_and_holds_every_fault() -> None:
    faults = [
        {"kind": "kill_worker", "times": 7, "recover_within_seconds": 9},
        {"kind": "kill_everything", "times": 3, "recover_within_seconds": 9},
    ]
    orders = [
        [
            fault.kind
            for fault in order_of(with_changes(recovery("kill_worker"), seed=seed, faults=faults))
        ]
        for seed in (1, 1, 2)
    ]
    assert Counter(orders[0]) == {"kill_worker": 7, "kill_everything": 3}
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0]), "kinds are mixed"


# --- steady --------------------------------------------------------------------------------------


class System:
    """Stands for a system: its worker is a real process, what is seen of it is what a test says."""

    def __init__(self, folder: Path) -> None:
        self.clock = LoadClock(time.monotonic_ns() - 2 * SECOND * 1000)
        log = folder / "worker.log"
        worker = Supervised(WORKER, SLEEPS, log=log, folder=folder, environment=os.environ)
        self.processes = {WORKER: worker}
        self.services = None
        self.runs = True
        self.lags: Callable[[], Sample | None] = lambda: Sample(self.clock.now(), "", 0)
        self.closed: list[SeenClosure] = []

    def everything_runs(self) -> bool:
        return self.runs

    def newest_lag(self) -> Sample | None:
        return self.lags()

    def closed_runs(self) -> list[SeenClosure]:
        return self.closed

    def close_a_run(self, pinned: int | None = None) -> None:
        now = self.clock.now()
        run = RunId("load", len(self.closed) + 1)
        self.closed.append(SeenClosure(run, now if pinned is None else pinned, now, {}, ""))

    def injector(self, plan: LanePlan, folder: Path) -> Injector:
        ground = Ground(plan, folder / "home", folder / "work")
        given: Any = self
        return Injector(plan, given, ground, clock=self.clock, progress=self)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    system = System(tmp_path)
    system.processes[WORKER].start()
    yield system
    system.processes[WORKER].stop()


def strikes(injector: Injector, system: System) -> None:
    """Wait until a fault has struck the worker, and is over."""
    until(lambda: system.processes[WORKER].ends)
    until(lambda: system.processes[WORKER].pid)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def struck_while(system: System, tmp_path: Path, spoil: Callable[[], None]) -> Injector:
    """Let a worker be killed, with something that keeps all from being steady afterwards."""
    injector = system.injector(with_changes(recovery("kill_worker"), give_up_seconds=2), tmp_path)
    injector.start()
    strikes(injector, system)
    spoil()
    system.close_a_run()
    assert injector.wait(60)
    assert injector.failure is None
    return injector


def test_all_is_steady_when_a_run_pinned_after_the_fault_is_closed(
    system: System, tmp_path: Path
) -> None:
    injector = struck_while(system, tmp_path, lambda: None)
    [fault] = injector.struck
    [end] = system.processes[WORKER].ends
    assert fault.kind == "kill_worker"
    assert str(end.pid) in fault.detail
    assert fault.ended_us is not None
    assert fault.steady_us is not None
    assert 0 < fault.at_us <= fault.ended_us <= system.closed[0].pinned <= fault.steady_us


def test_a_run_that_was_pinned_before_the_fault_was_over_proves_nothing(
    system: System, tmp_path: Path
) -> None:
    injector = system.injector(with_changes(recovery("kill_worker"), give_up_seconds=2), tmp_path)
    before = system.clock.now()
    injector.start()
    strikes(injector, system)
    system.close_a_run(pinned=before)
    assert injector.wait(60)
    assert [fault.steady_us for fault in injector.struck] == [None]


def test_all_is_not_steady_while_a_process_does_not_run(system: System, tmp_path: Path) -> None:
    injector = struck_while(system, tmp_path, lambda: setattr(system, "runs", False))
    assert [fault.steady_us for fault in injector.struck] == [None]


@pytest.mark.parametrize("lag", ["long", "of before", "unknown"])
def test_all_is_not_steady_while_events_wait_too_long_or_nobody_knows(
    system: System, tmp_path: Path, lag: str
) -> None:
    lags: dict[str, Callable[[], Sample | None]] = {
        "long": lambda: Sample(system.clock.now(), "", 61 * SECOND),
        "of before": lambda: Sample(0, "", 0),
        "unknown": lambda: None,
    }
    injector = struck_while(system, tmp_path, lambda: setattr(system, "lags", lags[lag]))
    assert [fault.steady_us for fault in injector.struck] == [None]


def test_the_next_fault_strikes_when_the_one_before_is_given_up(
    system: System, tmp_path: Path
) -> None:
    twice = [{"kind": "kill_worker", "times": 2, "recover_within_seconds": 9}]
    plan = with_changes(recovery("kill_worker"), faults=twice, give_up_seconds=1)
    injector = system.injector(plan, tmp_path)
    injector.start()
    assert injector.wait(60)
    assert [fault.steady_us for fault in injector.struck] == [None, None]
    first, second = injector.struck
    assert second.at_us >= first.at_us + SECOND


def test_no_fault_strikes_before_its_phase_nor_after_it(system: System, tmp_path: Path) -> None:
    system.clock = LoadClock(time.monotonic_ns() - 3600 * SECOND * 1000)
    injector = system.injector(recovery("kill_worker"), tmp_path)
    injector.start()
    assert injector.wait(60)
    assert injector.struck == []
    system.clock = LoadClock(time.monotonic_ns() + 3600 * SECOND * 1000)
    injector = system.injector(recovery("kill_worker"), tmp_path)
    injector.start()
    assert not injector.wait(1)
    injector.stop()
    assert injector.struck == []


def test_a_fault_that_lasts_is_healed_when_the_lane_is_ended(
    system: System, tmp_path: Path
) -> None:
    injector = system.injector(recovery("pause_worker", seconds=600), tmp_path)
    pid = system.processes[WORKER].pid
    assert pid is not None
    paused = psutil.Process(pid)
    injector.start()
    until(lambda: paused.status() == psutil.STATUS_STOPPED)
    injector.stop()
    until(lambda: not paused.is_running() or paused.status() != psutil.STATUS_STOPPED)


def test_a_fault_that_cannot_be_injected_does_not_strike_and_the_reason_is_kept(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    plan = recovery("clock_back", "kill_worker", seconds=1)
    ground = Ground(plan, tmp_path / "home", tmp_path / "work")
    given: Any = system
    injector = Injector(plan, given, ground, clock=system.clock, progress=system)
    with ground:
        injector.start()
        until(lambda: injector.struck or system.close_a_run())
        assert injector.wait(60)
    assert [fault.kind for fault in injector.struck] == ["kill_worker"]
    [reason] = injector.not_injected
    assert reason.startswith("clock_back: ")
