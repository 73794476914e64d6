"""Dagster's daemon where the wall clock is set back: it waits as long as it should, and no longer."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from dagster._core.scheduler.instigation import SensorInstigatorData
from dagster._daemon import sensor
from dagster._daemon.daemon import IntervalDaemon

from platform_assets.orchestration import home_instance
from platform_assets.orchestration.coordinator import SteadyRunCoordinator

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600.0


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The wall clock, which a test sets."""
    clock, real = SimpleNamespace(ahead=0.0), time.time
    monkeypatch.setattr(time, "time", lambda: real() + clock.ahead)
    return clock


class Looks(IntervalDaemon[Any]):
    """Looks every tenth of a second, and sets the clock back at its first look."""

    def __init__(self, wall: SimpleNamespace) -> None:
        super().__init__(interval_seconds=0.1)
        self.wall = wall
        self.looks = 0

    @classmethod
    def daemon_type(cls) -> str:
        return "LOOKS"

    def run_iteration(self, workspace_process_context: Any) -> Any:
        del workspace_process_context
        self.looks += 1
        self.wall.ahead = -HOUR
        yield None


class Waits(threading.Event):
    """Waits a few times and no more."""

    left = 20

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        assert self.left, f"it still waits, after 20 waits of {timeout} s"
        return super().wait(min(timeout or 0, 0.05))


def test_a_loop_of_the_daemon_goes_on_where_the_clock_is_set_back(wall: SimpleNamespace) -> None:
    looks = Looks(wall)
    loop = looks.core_loop(None, Waits())
    while looks.looks < 3:
        next(loop)


def test_the_loop_of_sensors_goes_on_where_the_clock_is_set_back(
    wall: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    class Noted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0)
            return True

    def look(*_: Any, **__: Any) -> Any:
        wall.ahead = -HOUR
        yield None

    monkeypatch.setattr(sensor, "execute_sensor_iteration", look)
    loop = sensor.execute_sensor_iteration_loop(SimpleNamespace(), SimpleNamespace(), Noted())
    while not waited:
        next(loop)
    assert waited[0] <= sensor.MIN_INTERVAL_LOOP_TIME


def test_a_sensor_whose_last_tick_is_in_the_future_is_looked_at() -> None:
    def ticked(ago: float) -> Any:
        data = SensorInstigatorData(last_tick_timestamp=time.time() - ago, min_interval=30)
        return SimpleNamespace(instigator_data=data)

    remote: Any = SimpleNamespace(min_interval_seconds=30)
    assert not sensor.is_under_min_interval(ticked(-HOUR), remote)
    assert not sensor.is_under_min_interval(ticked(HOUR), remote)
    assert sensor.is_under_min_interval(ticked(1), remote)


def test_the_home_queues_with_it(home: Path) -> None:
    with home_instance(home) as instance:
        assert isinstance(instance.run_coordinator, SteadyRunCoordinator)
        assert instance.run_coordinator.dequeue_interval_seconds == 1
