"""What waits: backlog and lag at each moment, whenever closures come to be audited."""

from __future__ import annotations

import numpy as np
import pytest

from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import SECOND, Kind, Schedule
from platform_assets.lanes.waiting import Acknowledged, Waiting, has_row
from platform_assets_tests.lanes.workloads import workload

#: Four events a second for ten seconds, dealt to two processes with a partition each.
SLOW = {
    "phases": [{"name": "steady", "seconds": 10, "rate": 4}],
    "partitions": 2,
    "duplicates": "0%",
    "late": "0%",
    "invalid": "0%",
}


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(workload(**SLOW))


def acknowledged(seconds: int) -> Acknowledged:
    """Return a look at a moment at which all was acknowledged that was due before."""
    total = min(4 * seconds, 40)
    return Acknowledged(seconds * SECOND, total, (total - 2, total - 1))


def lag_of(waiting: Waiting) -> list[float]:
    return [sample.value / SECOND for sample in waiting.lag]


def test_without_closures_all_waits(schedule: Schedule) -> None:
    waiting = Waiting(schedule)
    for second in (1, 2, 3):
        waiting.note_acknowledged(acknowledged(second))
    waiting.settle(2 * SECOND)
    assert waiting.backlog == [Sample(SECOND, "", 4), Sample(2 * SECOND, "", 8)]
    assert lag_of(waiting) == [1, 2]
    waiting.settle(3 * SECOND)
    assert lag_of(waiting) == [1, 2, 3]


def test_the_oldest_event_of_any_partition_makes_the_lag(schedule: Schedule) -> None:
    waiting = Waiting(schedule)
    waiting.note_acknowledged(acknowledged(2))
    waiting.note_closed(2 * SECOND - 1, 4, np.array([0, 2, 4, 6]))  # nothing of process 1
    waiting.settle(2 * SECOND)
    assert waiting.backlog[-1].value == 4
    assert lag_of(waiting) == [1.75]


def test_a_closure_counts_from_its_moment_on_and_not_from_when_it_was_audited(
    schedule: Schedule,
) -> None:
    waiting = Waiting(schedule)
    for second in range(1, 5):
        waiting.note_acknowledged(acknowledged(second))
    waiting.settle(SECOND)
    waiting.note_closed(3 * SECOND - 1, 8, np.arange(8))
    waiting.settle(4 * SECOND)
    assert [sample.value for sample in waiting.backlog] == [4, 8, 4, 8]
    assert lag_of(waiting) == [1, 2, 1, 2]


def test_when_all_is_closed_nothing_waits(schedule: Schedule) -> None:
    waiting = Waiting(schedule)
    waiting.note_closed(5 * SECOND, 40, np.arange(40))
    waiting.note_acknowledged(acknowledged(12))
    waiting.settle(12 * SECOND)
    assert waiting.backlog[-1].value == 0
    assert lag_of(waiting) == [0]


def test_ambiguous_events_that_stand_do_not_make_the_backlog_negative(schedule: Schedule) -> None:
    waiting = Waiting(schedule)
    waiting.note_closed(SECOND, 8, np.arange(8))
    waiting.note_acknowledged(acknowledged(1))
    waiting.settle(SECOND)
    assert waiting.backlog[-1].value == 0


def test_events_that_were_not_acknowledged_wait_for_nothing_once_that_is_known(
    schedule: Schedule,
) -> None:
    waiting = Waiting(schedule)
    waiting.note_closed(2 * SECOND, 6, np.arange(6))
    for second in (10, 11, 12):
        waiting.note_acknowledged(acknowledged(second))
    waiting.settle(10 * SECOND)
    stands = np.zeros(40, np.bool_)
    stands[:6] = True
    waiting.note_ledgers(stands)
    waiting.settle(12 * SECOND)
    assert lag_of(waiting) == [8.5, 0, 0]


def test_quarantined_and_duplicate_events_leave_no_row_to_wait_for() -> None:
    schedule = Schedule(workload(phases=[{"name": "steady", "seconds": 2, "rate": 1_000}]))
    every = np.arange(2_000)
    rows = every[has_row(schedule.kinds(every))]
    assert set(schedule.kinds(rows)) == {Kind.GOOD, Kind.LATE}
    waiting = Waiting(schedule)
    waiting.note_closed(2 * SECOND, 2_000, rows)
    waiting.note_acknowledged(Acknowledged(9 * SECOND, 2_000, (1_998, 1_999)))
    waiting.settle(9 * SECOND)
    assert 0 < len(rows) < 2_000
    assert lag_of(waiting) == [0]
