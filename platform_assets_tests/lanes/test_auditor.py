"""The auditor counts every row of every closed run, and holds it against what was sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platform_assets.lanes.rendering import Rendering
from platform_assets.lanes.schedule import SECOND, Kind
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.lanes.lane_homes import LaneHome, new_lane_home
from platform_assets_tests.lanes.workloads import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.auditor import AuditedRun, Truth

EVENTS = 400
SMALL = {"phases": [{"name": "steady", "seconds": 2, "rate": 200}], "invalid": "5%"}


@pytest.fixture
def lane(tmp_path: Path) -> LaneHome:
    return new_lane_home(tmp_path, **SMALL)


def audited(lane: LaneHome) -> list[AuditedRun]:
    return [lane.auditor.audit(seen) for seen in lane.close_windows()]


def wrong(truth: Truth) -> dict[str, int]:
    names = ("lost", "doubled", "unexpected", "quarantine_error", "duplicate_error")
    return {name: value for name in names if (value := getattr(truth, name))}


def kind_of(lane: LaneHome, kind: Kind) -> list[int]:
    return np.flatnonzero(lane.schedule.kinds(np.arange(EVENTS)) == kind).tolist()


def test_what_was_sent_once_and_closed_once_is_true(lane: LaneHome) -> None:
    lane.send(lane.records(range(250)))
    first = audited(lane)
    lane.send(lane.records(range(250, EVENTS)))
    second = audited(lane)
    assert [(run.unexpected, run.doubled) for run in (*first, *second)] == [(0, 0), (0, 0)]
    truth = lane.auditor.truth(lane.ledgers())
    assert wrong(truth) == {}
    kinds = lane.schedule.kinds(np.arange(EVENTS))
    assert truth.rows_due == np.count_nonzero((kinds == Kind.GOOD) | (kinds == Kind.LATE))
    assert truth.rows_due < EVENTS - 10


def test_every_row_has_its_latency_by_the_second_of_its_intended_time(lane: LaneHome) -> None:
    lane.send(lane.records(range(EVENTS)))
    while lane.clock.now() < 2 * SECOND:  # the last event is due before
        time.sleep(0.1)
    [run] = audited(lane)
    intervals = lane.auditor.latencies.intervals()
    assert [(each.begin, each.end) for each in intervals] == [
        (0, 1_000_000),
        (1_000_000, 2_000_000),
    ]
    assert sum(each.histogram.get_total_count() for each in intervals) == run.rows
    closed = lane.seen[0].closed
    for each in intervals:
        most = each.histogram.get_max_value()
        assert closed - each.end < most <= 1.001 * (closed - each.begin)


def test_an_acknowledged_event_without_a_row_is_lost(lane: LaneHome) -> None:
    good = kind_of(lane, Kind.GOOD)
    origins = lane.schedule.origin(np.array(kind_of(lane, Kind.DUPLICATE), np.int64)).tolist()
    gone = next(number for number in good if number not in origins)
    lane.send(lane.records(number for number in range(EVENTS) if number != gone))
    audited(lane)
    truth = lane.auditor.truth(lane.ledgers())
    assert wrong(truth) == {"lost": 1}
    assert truth.examples == {"lost": [gone]}
    assert wrong(lane.auditor.truth(lane.ledgers(ambiguous=[gone]))) == {}
    assert wrong(lane.auditor.truth(lane.ledgers(refused=[gone]))) == {}


def test_an_event_that_stands_in_two_runs_is_doubled(tmp_path: Path) -> None:
    lane = new_lane_home(tmp_path, horizon_runs=0, **SMALL)  # no run looks at those before it
    again = kind_of(lane, Kind.GOOD)[:3]
    lane.send(lane.records(range(EVENTS)))
    assert [run.doubled for run in audited(lane)] == [0]
    lane.send(lane.records(again))
    assert [run.doubled for run in audited(lane)] == [3]
    truth = lane.auditor.truth(lane.ledgers())
    assert wrong(truth) == {"doubled": 3}
    assert truth.examples == {"doubled": again}


def test_rows_of_events_that_were_never_sent_are_unexpected(lane: LaneHome) -> None:
    never = kind_of(lane, Kind.GOOD)[0]
    lane.send(lane.records(range(EVENTS)))
    audited(lane)
    truth = lane.auditor.truth(lane.ledgers(refused=[never]))
    assert truth.unexpected == 1
    assert truth.examples == {"never_sent": [never]}


def test_rows_that_name_no_event_of_this_lane_are_unexpected(lane: LaneHome) -> None:
    foreign = Rendering(
        lane.plan.workload,
        "ffffffffffff",
        lane.platform.feed("load").streams["orders"].events,
        lane.platform.contracts,
    )
    good = np.array(kind_of(lane, Kind.GOOD)[:2], np.int64)
    invalid = kind_of(lane, Kind.WRONG_TYPE)[0]
    of_invalid = lane.records([int(good[0])])[0]
    named = f"{PREFIX}-{invalid:012d}".encode()
    beyond = f"{PREFIX}-{EVENTS:012d}".encode()
    own = f"{PREFIX}-{good[0]:012d}".encode()
    assert of_invalid.value is not None
    lane.send(lane.records(range(EVENTS)))
    lane.send(foreign.outgoing(lane.schedule.of(good), 1))
    for name in (named, beyond):
        lane.send([of_invalid._replace(value=of_invalid.value.replace(own, name))])
    [run] = audited(lane)
    assert run.unexpected == 4
    assert wrong(lane.auditor.truth(lane.ledgers())) == {"unexpected": 4}


def test_records_quarantined_beyond_the_invalid_events_are_an_error(lane: LaneHome) -> None:
    lane.send(lane.records(range(EVENTS)))
    lane.send([Outgoing(b"{", None, "0")])
    audited(lane)
    assert wrong(lane.auditor.truth(lane.ledgers())) == {"quarantine_error": 1}
    invalid = kind_of(lane, Kind.INVALID_JSON)[0]
    told = lane.ledgers(refused=[invalid])
    assert lane.auditor.truth(told).quarantine_error == 2
    assert lane.auditor.truth(lane.ledgers(ambiguous=[invalid])).quarantine_error == 1


def test_more_duplicates_than_were_sent_are_an_error(lane: LaneHome) -> None:
    lane.send(lane.records(range(EVENTS)))
    lane.send(lane.records(kind_of(lane, Kind.GOOD)[:2]))
    audited(lane)
    assert wrong(lane.auditor.truth(lane.ledgers())) == {"duplicate_error": 2}
