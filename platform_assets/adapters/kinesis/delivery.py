"""Exactly the records of a pinned span of a shard, as rows of a landing.

A span says how many records it holds and names the last one. Both have to come true. That is the proof
of a delivery: nothing that expired, and nothing that was never there, can hide between the first place
and the last record when as many records stand there as were counted when the span was pinned.

- Fewer, or none at the last place, and the record before the first is gone as well: `OffsetExpired`.
- The shard holds the beginning, and nothing behind some record before the last: `OffsetTruncated`.
- Anything else that does not add up: `GapUnproven`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from platform_assets.adapters.kinesis import places
from platform_assets.adapters.kinesis.pages import ShardReader
from platform_assets.adapters.kinesis.places import record_name
from platform_assets.adapters.kinesis.records import Cursor
from platform_assets.errors import GapUnproven, OffsetExpired, OffsetTruncated
from platform_assets.flow.positions import NEW_FEED
from platform_assets.ports.streams import LANDING_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from platform_assets.adapters.kinesis.aggregated import UserRecord
    from platform_assets.adapters.kinesis.client import KinesisClient
    from platform_assets.adapters.kinesis.records import Record
    from platform_assets.errors import PlatformError
    from platform_assets.ports.positions import Span

_BATCH_BYTES = 8 * 1024**2
_BATCH_ROWS = 32_768
#: How often the shard may say that nothing more is there, before it is believed.
_TIPS = 3


def deliver(client: KinesisClient, span: Span, retention: timedelta) -> Iterator[pa.RecordBatch]:
    """Deliver the records of a span that holds some, in order.

    Raises:
        OffsetExpired, OffsetTruncated, GapUnproven: the span does not hold what was pinned.
        SourceUnreachable, SourceDenied, SourceChanged: as for `ShardReader.page`.
    """
    reader = ShardReader(client, span.partition, _cursor(span), retention, strict=False)
    last = places.parse(span.end.native)
    rows = _Rows(span.partition)
    offset, tips = span.start.offset, 0
    for page in iter(reader.page, None):
        for record, sub, user in _users(page.records):
            name = (record.sequence, sub)
            is_last = name == (last.sequence, last.sub)
            is_behind = record.sequence > int(last.sequence or 0)
            if is_behind or is_last != (offset + 1 == span.end.offset):
                raise _lost(reader, span, offset, f"record {record_name(*name)} there")
            rows.add(offset, name, record, user)
            offset += 1
            if is_last:
                yield from rows.rest()
                return
        yield from rows.full()
        tips += page.at_tip
        if page.ended or tips >= _TIPS:
            raise _lost(reader, span, offset, "nothing behind that", ends=True)


def _cursor(span: Span) -> Cursor:
    place = places.parse(span.start.native)
    return Cursor(place, fresh_since=place.moment)


def _users(records: list[Record]) -> Iterator[tuple[Record, int, UserRecord]]:
    for record in records:
        for sub, user in enumerate(record.users, record.skipped):
            yield record, sub, user


class _Rows:
    """Rows that become batches of a bounded size."""

    def __init__(self, shard: str) -> None:
        self._shard = shard
        self._columns: tuple[list[Any], ...] = ()
        self._bytes = 0
        self._clear()

    def add(self, offset: int, name: tuple[int, int], record: Record, user: UserRecord) -> None:
        headers = [{"key": key, "value": value} for key, value in user.tags] or None
        row = (offset, record_name(*name), record.arrival, user.key, headers, user.data)
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        self._bytes += len(user.data) + len(user.key)

    def full(self) -> Iterator[pa.RecordBatch]:
        """Give a batch if the rows fill one."""
        if self._bytes >= _BATCH_BYTES or len(self._columns[0]) >= _BATCH_ROWS:
            yield from self.rest()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Give a batch of all rows."""
        count = len(self._columns[0])
        if count:
            columns = [[self._shard] * count, *self._columns]
            arrays = [
                pa.array(column, field.type)
                for column, field in zip(columns, LANDING_SCHEMA, strict=True)
            ]
            self._clear()
            yield pa.RecordBatch.from_arrays(arrays, schema=LANDING_SCHEMA)

    def _clear(self) -> None:
        self._columns = ([], [], [], [], [], [])
        self._bytes = 0


def _lost(
    reader: ShardReader, span: Span, offset: int, found: str, *, ends: bool = False
) -> PlatformError:
    wanted = f"{span.end.offset - span.start.offset} records behind {span.start.native}"
    error: type[PlatformError] = OffsetTruncated if ends else GapUnproven
    remedy = "The stream answers otherwise than before; check what is at its endpoint."
    if not reader.proven:
        error = OffsetExpired
        remedy = f"Lengthen the stream's retention period, and land sooner. {NEW_FEED}"
    return error(
        reader.thing,
        expected=f"{wanted}, up to {span.end.native.removeprefix('after:')}",
        found=f"{offset - span.start.offset} of them, and {found}",
        remedy=remedy,
    )
