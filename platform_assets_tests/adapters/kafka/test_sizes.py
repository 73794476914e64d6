"""Cutting by bytes: the same as counting every batch anew, and each batch is scanned once."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.kafka.batch_headers import Batch
from platform_assets.adapters.kafka.sizes import BatchSizes

if TYPE_CHECKING:
    from collections.abc import Iterator


def batch(base: int, last: int, wire_bytes: int) -> Batch:
    values = dict.fromkeys(Batch._fields, 0) | {
        "base": base,
        "last": last,
        "wire_bytes": wire_bytes,
        "marker": "",
    }
    return Batch(**values)


class Log:
    """Batches of a partition, and how many were scanned."""

    def __init__(self, sizes: list[tuple[int, int, int]]) -> None:
        ends = list(accumulate(skip + length for skip, length, _ in sizes))
        self.batches = [
            batch(end - length, end - 1, wire_bytes)
            for end, (_, length, wire_bytes) in zip(ends, sizes, strict=True)
        ]
        self.end = ends[-1]
        self.scanned = 0

    def scan(self, start: int, end: int) -> Iterator[Batch]:
        for each in self.batches:
            if each.last >= start and each.base < end:
                self.scanned += 1
                yield each

    def cut(self, start: int, end: int, max_bytes: int) -> int:
        """Count from the start, every time."""
        total, kept = 0, 0
        for each in self.batches:
            if each.last < start or each.base >= end:
                continue
            total += each.wire_bytes
            kept += 1
            if total > max_bytes and kept > 1:
                return each.base
        return end


SIZES = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 3]), st.integers(1, 5), st.integers(61, 200)),
    min_size=1,
    max_size=25,
)


@given(sizes=SIZES, asked=st.lists(st.tuples(*[st.integers(0, 2**16)] * 3), max_size=12))
def test_any_row_of_questions_is_answered_as_by_counting(
    sizes: list[tuple[int, int, int]], asked: list[tuple[int, int, int]]
) -> None:
    log, remembered = Log(sizes), BatchSizes()
    for one, other, limit in asked:
        start, end = sorted((one % (log.end + 1), other % (log.end + 1)))
        max_bytes = limit % 3000
        if start < end:
            assert remembered.cut(start, end, max_bytes, log.scan) == log.cut(start, end, max_bytes)


def test_a_later_look_scans_only_what_is_new() -> None:
    log, remembered = Log([(0, 10, 100)] * 20), BatchSizes()

    assert remembered.cut(0, 100, 2**63, log.scan) == 100
    assert log.scanned == 10
    assert remembered.cut(0, 200, 2**63, log.scan) == 200
    assert remembered.cut(50, 200, 700, log.scan) == 120
    assert remembered.cut(50, 200, 600, log.scan) == 110
    assert log.scanned == 20


def test_no_more_is_scanned_than_the_answer_needs() -> None:
    log, remembered = Log([(0, 10, 100)] * 1000), BatchSizes()

    assert remembered.cut(0, 10_000, 350, log.scan) == 30
    assert log.scanned == 4


def test_batches_before_the_range_are_forgotten() -> None:
    log, remembered = Log([(0, 10, 100)] * 1000), BatchSizes()
    for start in range(0, 9_000, 500):
        remembered.cut(start, start + 1_000, 2**63, log.scan)

    assert len(remembered._ends) <= 100
