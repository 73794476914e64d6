"""When records may leave: a schedule is kept whatever happened to the records before."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from platform_assets.pipeline.pacing import AtRate, Pace
from platform_assets.ports.clock import SystemClock


@dataclass
class HandClock(SystemClock):
    """Moves only when it is moved."""

    time: float = 7.0
    read: int = 0

    def monotonic(self) -> float:
        self.read += 1
        return self.time


@dataclass
class Waits(threading.Event):
    """Notes how long it was waited for, and moves a clock instead of waiting."""

    clock: HandClock
    noted: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.noted.append(timeout)
        self.clock.time += timeout
        return self.is_set()


@dataclass(frozen=True)
class Given:
    """Records that are due at given moments."""

    moments: tuple[float, ...]

    def due(self, number: int) -> float:
        return self.moments[number]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def stop(clock: HandClock) -> Waits:
    return Waits(clock)


def left(pace: Pace, clock: HandClock, count: int) -> list[float]:
    """Return when each record left."""
    moments = []
    for number in range(count):
        while not pace.passes(number):
            assert not pace.stop.is_set()
        moments.append(clock.time)
    return moments


def test_no_record_leaves_before_it_is_due_or_long_after(clock: HandClock, stop: Waits) -> None:
    due = [7.0 + number / 300 for number in range(500)]
    moments = left(Pace(clock, stop, Given(tuple(due))), clock, 500)
    assert all(0 <= at - moment < 0.0011 for at, moment in zip(moments, due, strict=True))


def test_late_records_leave_at_once_and_the_schedule_stays_as_it_was(
    clock: HandClock, stop: Waits
) -> None:
    due = [7.0 + number for number in range(10)]
    pace = Pace(clock, stop, Given(tuple(due)))
    assert left(pace, clock, 2)[-1] == pytest.approx(8.0, abs=0.002)
    clock.time = 14.5  # whoever took the last record kept the supply waiting
    stop.noted.clear()
    assert all(pace.passes(number) for number in range(2, 8))
    assert stop.noted == []
    assert not pace.passes(8)
    assert left(pace, clock, 10)[-2:] == pytest.approx([15.0, 16.0], abs=0.002)


def test_the_clock_is_not_read_for_records_that_are_known_to_be_due(
    clock: HandClock, stop: Waits
) -> None:
    pace = Pace(clock, stop, Given((1.0,) * 1_000))
    assert left(pace, clock, 1_000) == [7.0] * 1_000
    assert clock.read == 1


def test_a_wait_is_worth_waking_up_for_and_leaves_the_sink_its_turn(
    clock: HandClock, stop: Waits
) -> None:
    pace = Pace(clock, stop, Given((7.00001, 7.0009, 8.0)))
    assert pace.passes(0)
    assert pace.passes(1)
    assert stop.noted == [0.001]
    assert not pace.passes(2), "the sink has its turn"
    assert stop.noted == [0.001, 0.002]


def test_nothing_leaves_once_it_is_stopped(clock: HandClock, stop: Waits) -> None:
    for pace in (Pace(clock, stop), Pace(clock, stop, Given((1.0, 1.0, 99.0)))):
        stop.clear()
        assert pace.passes(0)
        stop.set()
        assert not pace.passes(1)
        assert not pace.passes(2)


def test_a_rate_counts_from_the_first_record(clock: HandClock) -> None:
    schedule = AtRate(clock, rate=100)
    clock.time = 20.0
    assert [schedule.due(number) for number in (0, 1, 50)] == pytest.approx([20, 20.01, 20.5])
    clock.time = 30.0
    assert schedule.due(1_000) == pytest.approx(30)
