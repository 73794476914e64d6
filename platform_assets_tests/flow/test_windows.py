"""How a window is cut by records and bytes, and when it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.canonical import rfc3339
from platform_assets.flow.anchors import Range
from platform_assets.flow.windows import (
    Due,
    WindowBounds,
    cut_window,
    due,
    oldest_arrival,
    share_records,
)

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def waiting(
    *counts: int, origin: str = "predecessor", since: datetime | None = None
) -> list[Range]:
    return [
        Range(
            stream="events",
            partition=str(index),
            start=100,
            end=100 + count,
            origin=origin,
            waiting_since=since,
        )
        for index, count in enumerate(counts)
    ]


def test_records_are_shared_out_in_proportion() -> None:
    assert share_records([100, 100, 100], 90) == [30, 30, 30]
    assert share_records([1000, 500, 10], 151) == [99, 50, 2]
    assert share_records([1_000_000, 1, 0], 10) == [9, 1, 0]
    assert share_records([3, 3], 100) == [3, 3]
    assert share_records([], 10) == []


def test_what_cannot_be_divided_goes_to_the_largest_remainders_then_to_the_first() -> None:
    assert share_records([10, 10, 10], 8) == [3, 3, 2]
    assert share_records([10, 10, 10], 1) == [1, 0, 0]


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(1, 200))
def test_sharing_is_fair_and_takes_all_that_it_may(counts: list[int], total: int) -> None:
    shares = share_records(counts, total)

    assert sum(shares) == min(total, sum(counts))
    assert all(0 <= share <= count for share, count in zip(shares, counts, strict=True))
    some = [index for index, count in enumerate(counts) if count]
    if len(some) <= total:
        assert all(shares[index] for index in some), "none starves"
    for index in some:
        quota = total * counts[index] / sum(counts)
        assert sum(counts) <= total or abs(shares[index] - quota) <= len(some)


class Sizes:
    """Records of known sizes, by partition; answers as a source would."""

    def __init__(self, *sizes: list[int]) -> None:
        self.sizes = sizes

    def limit(self, part: Range, max_bytes: int) -> int:
        assert part.stream == "events"
        assert max_bytes >= 0
        sizes = self.sizes[int(part.partition)]
        stop = start = part.start
        end = part.end
        while stop < end and sum(sizes[start - 100 : stop + 1 - 100]) <= max_bytes:
            stop += 1
        return max(stop, start + 1)

    def cut(self, max_bytes: int, max_records: int = 10**6) -> list[int]:
        ranges = waiting(*(len(sizes) for sizes in self.sizes))
        window = cut_window(ranges, WindowBounds(max_records, max_bytes), self.limit)
        return [part.records for part in window]


def test_bytes_are_shared_out_evenly() -> None:
    assert Sizes([10] * 100, [10] * 100).cut(400) == [20, 20]


def test_a_partition_that_needs_less_leaves_its_share_to_the_others() -> None:
    more, all_of_it, nothing = Sizes([10] * 100, [10] * 4, []).cut(1000)

    assert (all_of_it, nothing) == (4, 0)
    # What the small one needs is found by halving its share: 62 bytes for its 40.
    assert more == 93


def test_a_record_above_the_bound_is_taken_alone() -> None:
    assert Sizes([5000, 1], [1, 1, 1]).cut(10)[0] == 1


def test_a_single_large_record_is_counted_although_it_always_fits() -> None:
    taken = Sizes([900], [10] * 1000).cut(2000)

    assert taken == [1, 100]


def test_both_bounds_hold() -> None:
    assert sum(Sizes([10] * 100, [1] * 100).cut(10**6, max_records=50)) == 50
    assert Sizes([10] * 100, [10] * 100).cut(100, max_records=50) == [5, 5]


@given(
    st.lists(st.lists(st.integers(0, 40), max_size=12), min_size=1, max_size=5),
    st.integers(1, 400),
)
def test_a_window_never_holds_more_bytes_than_it_may_but_for_single_records(
    sizes: list[list[int]], max_bytes: int
) -> None:
    taken = Sizes(*sizes).cut(max_bytes)

    assert all(count > 0 for count, each in zip(taken, sizes, strict=True) if each)
    beyond_the_first = sum(
        sum(each[:count]) for count, each in zip(taken, sizes, strict=True) if count > 1
    )
    assert beyond_the_first <= max_bytes
    if sum(map(sum, sizes)) <= max_bytes // max(1, len(sizes)):
        assert taken == [len(each) for each in sizes]


def pinned(ago: timedelta) -> dict[str, str]:
    return {"pinned_at": rfc3339(NOW - ago)}


def test_a_window_that_cannot_take_all_is_due_at_once() -> None:
    ranges = waiting(10, 10)
    part = [ranges[0], ranges[1].until(105)]

    assert due(ranges, part, pinned(MINUTE), now=NOW, max_age=MINUTE * 9) is Due.FULL


def test_a_window_is_due_when_its_oldest_record_may_have_waited_long_enough() -> None:
    ranges = waiting(10, 0)

    assert due(ranges, ranges, pinned(MINUTE), now=NOW, max_age=MINUTE) is Due.AGE
    assert due(ranges, ranges, pinned(MINUTE), now=NOW, max_age=MINUTE * 1.01) is None
    assert due(ranges, ranges, None, now=NOW, max_age=MINUTE) is Due.AGE


def test_a_source_that_knows_when_its_records_arrived_is_believed() -> None:
    recent = waiting(10, since=NOW - MINUTE)

    assert oldest_arrival(recent, pinned(MINUTE * 60), now=NOW) == NOW - MINUTE
    assert oldest_arrival([*recent, *waiting(5)], pinned(MINUTE * 60), now=NOW) == NOW - MINUTE * 60
    assert oldest_arrival([*recent, *waiting(0)], pinned(MINUTE * 60), now=NOW) == NOW - MINUTE
    assert oldest_arrival(recent, None, now=NOW) == NOW - MINUTE
    assert due(recent, recent, pinned(MINUTE * 60), now=NOW, max_age=MINUTE * 2) is None


def test_a_window_is_due_where_the_clock_was_set_back_behind_the_one_before() -> None:
    ranges, ahead = waiting(10), pinned(-MINUTE * 60)

    assert oldest_arrival(ranges, ahead, now=NOW) is None
    assert due(ranges, ranges, ahead, now=NOW, max_age=MINUTE) is Due.AGE


def test_a_source_whose_records_are_to_arrive_is_not_believed() -> None:
    ahead = waiting(10, since=NOW + MINUTE * 60)

    assert oldest_arrival(ahead, pinned(MINUTE), now=NOW) == NOW - MINUTE
    assert due(ahead, ahead, pinned(MINUTE), now=NOW, max_age=MINUTE) is Due.AGE
    assert due(ahead, ahead, pinned(MINUTE), now=NOW, max_age=MINUTE * 2) is None


def test_nothing_new_is_never_due_but_a_position_to_be_fixed_is() -> None:
    assert due(waiting(0), waiting(0), None, now=NOW, max_age=MINUTE) is None
    new = waiting(0, origin="latest")
    assert due(new, new, pinned(MINUTE), now=NOW, max_age=MINUTE * 5) is Due.POSITION
