"""What was counted of a shard, kept in few bytes for each record.

A `Count` covers the records ``[start, end)`` of a shard, from a named place on. It answers what the
place at an offset is called, how many bytes stand before it, and when a record arrived. It never
changes: what is read next makes another one that shares the pages of the first.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from platform_assets.adapters.kinesis import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.adapters.kinesis.records import Record
    from platform_assets.ports.positions import Position

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BITS = 8


@dataclass(frozen=True, slots=True)
class CountedPage:
    """The sequence numbers of a page, with running totals of records and bytes behind each.

    ``skipped`` records under the first number stand before ``start``.
    """

    start: int
    bytes_before: int
    skipped: int
    ends: array[int]
    bytes_behind: array[int]
    arrivals: array[int]
    width: int
    sequences: bytes

    @classmethod
    def of(cls, records: Sequence[Record], start: int, bytes_before: int) -> CountedPage:
        """Return what is kept of a page that holds records."""
        ends, totals = array("q"), array("q")
        end, total = start, bytes_before
        for record in records:
            end += len(record.users)
            total += record.size
            ends.append(end)
            totals.append(total)
        # The last number is the largest, so that its width fits all.
        width = -(-max(1, records[-1].sequence.bit_length()) // _BITS)
        return cls(
            start=start,
            bytes_before=bytes_before,
            skipped=records[0].skipped,
            ends=ends,
            bytes_behind=totals,
            arrivals=array("q", [(r.arrival - _EPOCH) // _MILLISECOND for r in records]),
            width=width,
            sequences=b"".join(record.sequence.to_bytes(width) for record in records),
        )

    @property
    def end(self) -> int:
        """The offset behind the page's last record."""
        return self.ends[-1]

    @property
    def memory(self) -> int:
        """About how many bytes it takes to keep it."""
        return 200 + len(self.ends) * (3 * 8 + self.width)

    def index_of(self, offset: int) -> int:
        """Return which of its sequence numbers holds the record at an offset."""
        return bisect_right(self.ends, offset)

    def bytes_up_to(self, offset: int) -> int:
        """Return how many bytes stand before the sequence number that holds a record."""
        index = self.index_of(offset)
        return self.bytes_behind[index - 1] if index else self.bytes_before

    def name_of(self, offset: int) -> tuple[int, int]:
        """Return the sequence number of the record at an offset, and its place under that."""
        index = self.index_of(offset)
        sequence = int.from_bytes(self.sequences[index * self.width : (index + 1) * self.width])
        if index == 0:
            return sequence, offset - self.start + self.skipped
        return sequence, offset - self.ends[index - 1]


@dataclass(frozen=True, slots=True)
class Count:
    """The records of a shard behind a named place, as far as they were read."""

    start: Position
    pages: tuple[CountedPage, ...] = ()

    @property
    def end(self) -> int:
        """The offset behind the last record that was counted."""
        return self.pages[-1].end if self.pages else self.start.offset

    @property
    def records(self) -> int:
        """How many records were counted."""
        return self.end - self.start.offset

    @property
    def bytes(self) -> int:
        """How many bytes they hold."""
        if not self.records:
            return 0
        return self.pages[-1].bytes_behind[-1] - self.pages[0].bytes_up_to(self.start.offset)

    @property
    def memory(self) -> int:
        """About how many bytes it takes to keep it."""
        return sum(page.memory for page in self.pages)

    def with_page(self, records: Sequence[Record]) -> Count:
        """Return this count and the records that follow it."""
        if not records:
            return self
        before = self.pages[-1].bytes_behind[-1] if self.pages else 0
        return replace(self, pages=(*self.pages, CountedPage.of(records, self.end, before)))

    def holds(self, position: Position) -> bool:
        """Tell whether a position is a place that was counted, and is called the same here."""
        if not self.start.offset <= position.offset <= self.end:
            return False
        return self.name(position.offset) == position.native

    def from_first(self) -> Count:
        """Return the same count from a place that was seen: before its first record."""
        if not self.pages:
            return self
        first = places.before(*self.pages[0].name_of(self.start.offset))
        return replace(self, start=replace(self.start, native=str(first)))

    def behind(self, position: Position) -> Count:
        """Return what stands behind a position that it holds."""
        return Count(position, tuple(page for page in self.pages if page.end > position.offset))

    def name(self, offset: int) -> str:
        """Return the name of the place at an offset.

        Raises:
            RuntimeError: the offset was not counted.
        """
        if offset == self.start.offset:
            return self.start.native
        return str(places.after(*self._page(offset - 1).name_of(offset - 1)))

    def arrival(self, offset: int) -> datetime:
        """Return when a record arrived."""
        page = self._page(offset)
        return _EPOCH + page.arrivals[page.index_of(offset)] * _MILLISECOND

    def fitting(self, start: int, end: int, max_bytes: int) -> int:
        """Return the largest offset up to ``end`` so that no more than so many bytes lie between.

        It lies behind everything that stands under one sequence number; what stands under the first
        one is always kept, and counted whole.
        """
        first = self._page(start)
        bound = max_bytes + first.bytes_up_to(start)
        least = first.ends[first.index_of(start)]
        # The first page that does not fit whole holds the cut.
        found = bisect_right(self.pages, bound, key=lambda page: page.bytes_behind[-1])
        if found == len(self.pages):
            return end
        page = self.pages[found]
        fits = bisect_right(page.bytes_behind, bound)
        stop = page.ends[fits - 1] if fits else page.start
        return min(max(stop, least), end)

    def _page(self, offset: int) -> CountedPage:
        found = bisect_right(self.pages, offset, key=lambda page: page.end)
        if offset < self.start.offset or found == len(self.pages):
            counted = f"[{self.start.offset}, {self.end})"
            raise RuntimeError(f"offset {offset} was not counted; {counted} was")
        return self.pages[found]
