"""What is counted of a shard, and for how long it is remembered, without any server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from platform_assets.adapters.kinesis.aggregated import UserRecord
from platform_assets.adapters.kinesis.client import KinesisClient
from platform_assets.adapters.kinesis.counted import Count
from platform_assets.adapters.kinesis.looking import memory_key
from platform_assets.adapters.kinesis.places import TRIM_HORIZON
from platform_assets.adapters.kinesis.records import Cursor, Record
from platform_assets.adapters.kinesis.scan import _SCANS_OF_A_SHARD, Remembered, Scan
from platform_assets.adapters.kinesis.summary import Summary
from platform_assets.declarations import KinesisSource
from platform_assets.ports.positions import Identity, Position

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = Position(0, "trim_horizon")


def record(sequence: int, size: int = 1, *, users: int = 1, skipped: int = 0) -> Record:
    """Return a record, or an aggregate of several, that arrived as many seconds after noon."""
    arrival = NOON + timedelta(seconds=sequence)
    return Record(sequence, arrival, size, skipped, (UserRecord(b"k", b"d"),) * users)


#: Offset 10 is a record of 3 bytes, 11 to 13 are an aggregate of 10 bytes, 14 is a record of 4.
COUNT = (
    Count(Position(10, "trim_horizon"))
    .with_page([record(5, 3), record(300, 10, users=3)])
    .with_page([record(70_000, 4)])
)
NAMES = {
    10: "trim_horizon",
    11: "after:5/0",
    12: "after:300/0",
    13: "after:300/1",
    14: "after:300/2",
    15: "after:70000/0",
}


def test_each_place_that_was_counted_has_its_name() -> None:
    assert {offset: COUNT.name(offset) for offset in NAMES} == NAMES
    assert [COUNT.arrival(offset).minute for offset in (10, 11, 13)] == [0, 5, 5]
    assert (COUNT.records, COUNT.bytes) == (5, 17)


def test_a_place_is_held_under_its_offset_and_its_name_alone() -> None:
    assert all(COUNT.holds(Position(offset, name)) for offset, name in NAMES.items())
    for offset in range(8, 18):
        for of, name in NAMES.items():
            assert COUNT.holds(Position(offset, name)) == (of == offset)


@pytest.mark.parametrize("offset", [8, 15, 16])
def test_of_a_record_that_was_not_counted_nothing_is_told(offset: int) -> None:
    for act in (
        COUNT.arrival,
        lambda before: COUNT.name(before + 1),
        lambda start: COUNT.fitting(start, start + 1, 100),
    ):
        with pytest.raises(RuntimeError, match=f"offset {offset} was not counted"):
            act(offset)


def test_an_empty_page_changes_nothing() -> None:
    assert COUNT.with_page([]) == COUNT
    nothing = Count(START).with_page([])
    assert nothing == Count(START) == nothing.from_first()
    assert (nothing.end, nothing.records, nothing.bytes) == (0, 0, 0)


def test_a_count_from_its_first_record_is_named_by_it() -> None:
    assert COUNT.from_first().start == Position(10, "from:5/0")
    inside = Count(START).with_page([record(7, users=2, skipped=3)])
    assert inside.from_first().start == Position(0, "from:7/3")
    assert [inside.name(offset) for offset in (1, 2)] == ["after:7/3", "after:7/4"]


def test_what_stands_behind_a_place_is_counted_from_there() -> None:
    last = COUNT.behind(Position(14, NAMES[14]))
    assert (last.records, last.bytes, len(last.pages)) == (1, 4, 1)
    # An aggregate is never counted in part.
    inside = COUNT.behind(Position(12, NAMES[12]))
    assert (inside.records, inside.bytes) == (3, 14)
    assert [inside.name(offset) for offset in range(12, 16)] == list(NAMES.values())[2:]
    assert COUNT.behind(Position(15, NAMES[15])).bytes == 0


@pytest.mark.parametrize(
    ("start", "end", "limit", "cut"),
    [
        *((10, 15, limit, 11) for limit in (0, 3, 12)),
        *((10, 15, limit, 14) for limit in (13, 16)),
        *((10, 15, limit, 15) for limit in (17, 100)),
        *((10, 12, limit, 12) for limit in (13, 16, 17, 100)),
        *((12, 15, limit, 14) for limit in (0, 10, 13)),
        (12, 15, 14, 15),
        (12, 13, 0, 13),
    ],
)
def test_a_span_is_cut_behind_whole_sequence_numbers(
    start: int, end: int, limit: int, cut: int
) -> None:
    assert COUNT.fitting(start, end, limit) == cut


# --- remembered ----------------------------------------------------------------------------------


def scan(records: int, start: Position = START) -> Scan:
    first = start.offset
    found = [record(number) for number in range(first, first + records)]
    return Scan(Count(start).with_page(found), Cursor(TRIM_HORIZON))


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    remembered = Remembered(max_bytes=3 * scan(100).count.memory)
    for key in "abcad":
        remembered.keep(key, scan(100))

    assert [key for key in "abcd" if remembered.find(key, START)] == ["a", "c", "d"]


def test_the_last_scan_is_kept_however_large_it_is() -> None:
    remembered = Remembered(max_bytes=1)
    for key in "ab":
        remembered.keep(key, scan(100))

    assert [key for key in "ab" if remembered.find(key, START)] == ["b"]


def test_a_scan_answers_only_for_a_place_that_it_counted() -> None:
    remembered = Remembered(max_bytes=10**6)
    remembered.keep("b", scan(100))

    assert remembered.find("b", Position(1, "trim_horizon")) is None
    assert remembered.find("b", Position(1, "after:1/0")) is None
    assert remembered.find("b", Position(500, "after:499/0")) is None  # another process was faster
    behind = remembered.find("b", Position(7, "after:6/0"))
    assert behind is not None
    assert behind.count.records == 93


def test_a_scan_takes_the_place_of_those_that_hold_its_beginning() -> None:
    remembered = Remembered(max_bytes=10**6)
    middle, elsewhere = Position(50, "after:49/0"), Position(0, "from:7/0")
    for kept in (scan(100), scan(10, elsewhere), scan(100, middle)):
        remembered.keep("a", kept)

    assert remembered.find("a", START) is None
    assert remembered.find("a", elsewhere) is not None
    found = remembered.find("a", middle)
    assert found is not None
    assert found.count.end == 150


def test_a_shard_has_so_many_scans_and_no_more() -> None:
    remembered = Remembered(max_bytes=10**9)
    starts = [Position(0, f"from:{number}/0") for number in range(_SCANS_OF_A_SHARD + 2)]
    for start in starts:
        remembered.keep("a", scan(1, start))

    found = [remembered.find("a", start) is not None for start in starts]
    assert found == [False] * 2 + [True] * _SCANS_OF_A_SHARD


def test_counts_are_remembered_by_address_stream_and_shard() -> None:
    here, there = (KinesisClient(_source(port), "orders") for port in (4567, 4568))
    first, made_anew = (
        Summary(Identity("account", f"orders@{year}"), timedelta(days=1)) for year in (2025, 2026)
    )
    whose = list(product((here, there), (first, made_anew), ("shard-0", "shard-1")))

    assert len({memory_key(*one) for one in whose}) == len(whose)
    assert memory_key(here, first, "shard-0") == memory_key(here, first, "shard-0")


def _source(port: int) -> KinesisSource:
    return KinesisSource(kind="kinesis", region="us-east-1", endpoint=f"http://127.0.0.1:{port}")
