"""A shard read page by page, from a place on, with proof that nothing was passed over.

`ShardReader(client, shard, cursor, retention)` reads; `page()` returns the next page and moves
`cursor`, from which a later reader goes on. Pages follow the iterators that Kinesis gives. An iterator
that has expired is made anew from the last record read.

Kinesis says nothing when records expire: an iterator before them goes on behind them. So a page is
proven in one of two ways.

- The cursor knows that what comes next arrived so recently that it cannot have expired, because the
  shard had been read to its end, or up to a record that young, less than the retention period ago.
- Otherwise the page begins with the last record before it, read once more. What follows a record is
  there as long as it is itself.

Where neither holds, a strict reader raises `OffsetExpired`; another one only notes it in `proven`, for
a caller that has a better proof, such as the number of records. A retention period that was shortened
and lengthened again between two pages is beyond both.

A page may be empty and not be the last. A reader that gets only such pages, and no nearer to the end
of the shard, gives up after the source's `timeout_seconds`: that is an outage.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.kinesis.client import NotNow
from platform_assets.adapters.kinesis.records import Cursor, Page, Record, record_of
from platform_assets.errors import OffsetExpired, SourceChanged, SourceUnreachable
from platform_assets.flow.positions import NEW_FEED

if TYPE_CHECKING:
    from datetime import datetime

    from platform_assets.adapters.kinesis.client import KinesisClient

#: What GetRecords gives at most; a page of that many says nothing about the end of the shard.
PAGE_RECORDS = 10_000
#: Arrival times are approximate, and taken by many machines.
CLOCKS_DIFFER = timedelta(minutes=15)


class ShardReader:
    """Reads a shard page by page."""

    def __init__(
        self,
        client: KinesisClient,
        shard: str,
        cursor: Cursor,
        retention: timedelta,
        *,
        strict: bool = True,
    ) -> None:
        self.cursor = cursor
        self.proven = True
        self._client = client
        self._shard = shard
        self._retention = retention
        self._strict = strict
        self._still_since: float | None = None  # while nothing moves; pauses of the caller are none
        self._behind: int | None = None

    @property
    def thing(self) -> str:
        """The shard as errors name it."""
        return f"{self._client.thing}, shard {self._shard}"

    def page(self) -> Page:
        """Return the next page; it may be empty, at the end and before it.

        Raises:
            OffsetExpired: it cannot be shown that nothing expired before the page (strict only).
            SourceChanged: there is no such shard, or its records contradict themselves.
            SourceUnreachable: no answer, or none that leads on.
        """
        if self._still_since is None:
            self._still_since = time.monotonic()
        answer = self._answer()
        found = [record_of(raw) for raw in answer["Records"]]
        iterator = answer.get("NextShardIterator")
        behind = int(answer.get("MillisBehindLatest") or 0)
        at_tip = iterator is None or (behind == 0 and len(found) < PAGE_RECORDS)
        self._note_progress(behind, moved=bool(found) or at_tip)
        new = self._proven(found) if found or at_tip else []
        self._advance(found, new, iterator, at_tip=at_tip)
        return Page(new, at_tip, iterator is None)

    # --- iterators -------------------------------------------------------------------------------

    def _answer(self) -> dict[str, Any]:
        while True:
            iterator = self.cursor.iterator
            if iterator is None or self._needs_proof():
                iterator = self._open()
            try:
                return self._client.read(self._shard, iterator, PAGE_RECORDS)
            except NotNow:
                self.cursor = replace(self.cursor, iterator=None, expected=None)
                self._require_progress("iterators that had expired at once")

    def _needs_proof(self) -> bool:
        """Tell whether the iterator in use proves nothing, and another one could."""
        cursor = self.cursor
        return cursor.record is not None and cursor.expected is None and not self._is_fresh()

    def _is_fresh(self) -> bool:
        since = self.cursor.fresh_since
        if since is None:
            return False
        return self._client.moment - since < self._retention - CLOCKS_DIFFER

    def _open(self) -> str:
        place, record = self.cursor.place, self.cursor.record
        how: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if record is not None:
            how["ShardIteratorType"] = "AT_SEQUENCE_NUMBER"
            how["StartingSequenceNumber"] = str(record)
        elif place.moment is not None:
            how["ShardIteratorType"] = "AT_TIMESTAMP"
            # Versions of the library differ in what they send below a second; `_proven` does the rest.
            how["Timestamp"] = place.moment.replace(microsecond=0)
        answer = self._client.ask(
            "GetShardIterator", StreamName=self._client.stream, ShardId=self._shard, **how
        )
        self.cursor = replace(self.cursor, expected=record)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _advance(
        self, found: list[Record], new: list[Record], iterator: str | None, *, at_tip: bool
    ) -> None:
        cursor = replace(self.cursor, iterator=iterator)
        if found and (new or cursor.place.moment is None):
            since = _later(cursor.fresh_since, found[-1].arrival)
            cursor = replace(cursor, last=found[-1].sequence, fresh_since=since)
        if at_tip:
            cursor = replace(cursor, fresh_since=_later(cursor.fresh_since, self._client.moment))
        self.cursor = cursor

    def _note_progress(self, behind: int, *, moved: bool) -> None:
        if moved:
            self._still_since, self._behind = None, None
        elif self._behind is None or behind < self._behind:
            self._still_since, self._behind = time.monotonic(), behind
        else:
            self._require_progress(f"empty pages, {behind} ms from the end and no nearer")

    def _require_progress(self, found: str) -> None:
        bound = self._client.source.timeout_seconds
        if time.monotonic() - (self._still_since or 0.0) > bound:
            raise SourceUnreachable(
                self.thing,
                expected=f"records, or the end of the shard, within {bound} s",
                found=found,
                remedy="Check the service's health; the shard is read again at the next attempt.",
            )

    # --- proof -----------------------------------------------------------------------------------

    def _proven(self, found: list[Record]) -> list[Record]:
        """Return what a page holds behind the cursor, where nothing expired before it."""
        cursor = self.cursor
        first = found[0].sequence if found else None
        again = first is not None and first == cursor.expected
        enters = cursor.entering and cursor.record is None
        if not (again or enters or self._is_fresh()):
            self.proven = False
            if self._strict:
                raise self._expired(first)
        self._require_order(found, again=again)
        self.cursor = replace(cursor, entering=False, expected=None)
        if cursor.last is not None:
            return found[1:] if again else found
        if cursor.place.moment is not None:
            return _not_older(found, cursor.place.moment)
        return self._behind_place(found) if again else found

    def _behind_place(self, found: list[Record]) -> list[Record]:
        first, rest = found[0], found[1:]
        skipped = self.cursor.place.skipped
        if skipped > len(first.users):
            raise self._contradicts(f"{len(first.users)} records under {first.sequence}")
        left = first.users[skipped:]
        return [first._replace(users=left, skipped=skipped), *rest] if left else rest

    def _require_order(self, found: list[Record], *, again: bool) -> None:
        numbers = [record.sequence for record in found]
        before = None if again else self.cursor.record
        for one, next_one in pairwise([-1 if before is None else before, *numbers]):
            if next_one <= one:
                raise self._contradicts(f"record {next_one} behind {one}")

    def _expired(self, first: int | None) -> OffsetExpired:
        last = self.cursor.last
        place = self.cursor.place if last is None else f"record {last}"
        return OffsetExpired(
            self.thing,
            expected=f"a shard of which it can be shown that it still holds all behind {place}",
            found="one that may have dropped some of it: "
            + ("it holds nothing now" if first is None else f"it goes on with record {first}"),
            remedy=f"Lengthen the stream's retention period. {NEW_FEED}",
        )

    def _contradicts(self, found: str) -> SourceChanged:
        return SourceChanged(
            self.thing,
            expected=f"the records that follow {self.cursor.place}, in their order",
            found=found,
            remedy="The stream answers otherwise than before; check what is at its endpoint.",
        )


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _not_older(found: list[Record], moment: datetime) -> list[Record]:
    for index, record in enumerate(found):
        if record.arrival >= moment:
            return found[index:]
    return []
